"""Rows per second of single-row INSERT statements into the full index, prepared, one client."""

import time

from datasets.dataset import DataSet
from measuring.plan import Plan
from measuring.results import Results
from server.side import Side
from server.vector_format import value_bytes, vector_bytes

STATEMENT = "insert_row"


def measure_inserts(results: Results, sides: list[Side], data: DataSet, storage: str, plan: Plan) -> None:
    """Runs last on a table: it changes the index. Commits do not wait for the disk, so the index is measured, not the disk."""
    types = ", ".join(f"${number}" for number in range(1, len(data.columns) + 3))
    names = ", ".join(["id", *data.columns, "embedding"])
    constants = [value_bytes(values[0].item()) for values in data.columns.values()]
    seconds = {side.name: 0.0 for side in sides}
    for side in sides:
        side.run("SET synchronous_commit = off")
        side.prepare(STATEMENT, f"INSERT INTO items ({names}) VALUES ({types})")
    for start in range(0, len(data.extra), plan.insert_chunk):
        chunk = data.extra[start : start + plan.insert_chunk]
        rows = [
            [value_bytes(len(data.base) + start + offset), *constants, vector_bytes(vector)]
            for offset, vector in enumerate(chunk)
        ]
        for side in sides:
            started = time.perf_counter()
            for row in rows:
                side.execute(STATEMENT, row)
            seconds[side.name] += time.perf_counter() - started
    for side in sides:
        results.add(data.name, storage, "insert_rate", side.name, "", len(data.extra) / seconds[side.name], "rows/s")
        side.run("RESET synchronous_commit")
