"""What a round trip costs before any vector is compared."""

from measuring.interleaved import median_micros
from measuring.plan import K, Plan
from measuring.results import Results
from server.side import Side
from server.vector_format import value_bytes


def measure_floors(results: Results, sides: list[Side], data_set: str, storage: str, plan: Plan) -> None:
    """`SELECT 1`, and ten rows by primary key, in the same client as the searches."""
    for side in sides:
        side.prepare("floor_one", "SELECT 1")
        side.prepare("floor_rows", f"SELECT id FROM items WHERE id >= $1 ORDER BY id LIMIT {K}")
    keys = [[value_bytes(number)] for number in range(plan.floor_calls)]
    for statement, parameters in (("floor_one", [[]] * plan.floor_calls), ("floor_rows", keys)):
        micros = median_micros(sides, plan.repeat, statement, parameters)
        for side in sides:
            results.add(data_set, storage, statement, side.name, "", micros[side.name], "us")
