"""What a round trip costs before any vector is compared."""

from measuring.interleaved import median_micros
from measuring.pinning import one_core
from measuring.plan import K, Plan
from measuring.results import Results
from server.side import Side
from server.vector_format import value_bytes

PINNED, UNPINNED = "", "unpinned"


def measure_floors(results: Results, sides: list[Side], data_set: str, storage: str, plan: Plan) -> None:
    """`SELECT 1`, and ten rows by primary key, in the same client as the searches; also as the scheduler would have it."""
    for side in sides:
        side.prepare("floor_one", "SELECT 1")
        side.prepare("floor_rows", f"SELECT id FROM items WHERE id >= $1 ORDER BY id LIMIT {K}")
    measure_both(results, sides, data_set, storage, plan, UNPINNED)
    with one_core(results, sides, data_set, storage):
        measure_both(results, sides, data_set, storage, plan, PINNED)


def measure_both(results: Results, sides: list[Side], data_set: str, storage: str, plan: Plan, condition: str) -> None:
    keys = [[value_bytes(number)] for number in range(plan.floor_calls)]
    for statement, parameters in (("floor_one", [[]] * plan.floor_calls), ("floor_rows", keys)):
        micros = median_micros(sides, plan.repeat, statement, parameters)
        for side in sides:
            results.add(data_set, storage, statement, side.name, condition, micros[side.name], "us")
