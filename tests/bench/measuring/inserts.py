"""Rows per second into the full index, one client: single-row statements, statements of many rows, COPY."""

import time
from collections.abc import Callable

import numpy as np

from datasets.dataset import DataSet
from measuring.pinning import one_core
from measuring.plan import Plan
from measuring.results import Results
from server.side import Side
from server.vector_format import copy_stream, value_bytes, vector_bytes

STATEMENT = "insert_row"
STATEMENT_MANY = "insert_many"
MANY_ROWS = 50

Row = list[bytes]


def measure_inserts(results: Results, sides: list[Side], data: DataSet, storage: str, plan: Plan) -> None:
    """Changes the index. Commits do not wait for the disk, so the index is measured, not the disk.

    Single rows are the set's own extra rows; the other forms insert midpoints of neighbouring extra rows, which exist nowhere
    else in the table either.
    """
    names = ["id", *data.columns, "embedding"]
    one = ", ".join(f"${number}" for number in range(1, len(names) + 1))
    many = ", ".join(
        "(" + ", ".join(f"${row * len(names) + number}" for number in range(1, len(names) + 1)) + ")" for row in range(MANY_ROWS)
    )
    for side in sides:
        side.run("SET synchronous_commit = off")
        side.prepare(STATEMENT, f"INSERT INTO items ({', '.join(names)}) VALUES ({one})")
        side.prepare(STATEMENT_MANY, f"INSERT INTO items ({', '.join(names)}) VALUES {many}")

    def single(side: Side, rows: list[Row]) -> None:
        for row in rows:
            side.execute(STATEMENT, row)

    def multiple(side: Side, rows: list[Row]) -> None:
        for start in range(0, len(rows), MANY_ROWS):
            side.execute(STATEMENT_MANY, [value for row in rows[start : start + MANY_ROWS] for value in row])

    def copied(side: Side, rows: list[Row]) -> None:
        with side.connection.cursor() as cursor, cursor.copy("COPY items FROM STDIN (FORMAT binary)") as copy:
            copy.write(copy_stream(rows))

    first = len(data.base)
    half = len(data.extra) // 2
    with one_core(results, sides, data.name, storage):
        for form, vectors, insert in (
            ("single", data.extra, single),
            ("multiple", midpoints(data.extra, 1)[:half], multiple),
            ("copy", midpoints(data.extra, 2)[:half], copied),
        ):
            vectors = vectors[: len(vectors) // MANY_ROWS * MANY_ROWS]
            rates = rates_of(sides, data, vectors, first, plan.insert_chunk, insert)
            first += len(vectors)
            for side in sides:
                results.add(data.name, storage, "insert_rate", side.name, form, rates[side.name], "rows/s")
    for side in sides:
        side.run("RESET synchronous_commit")


def rates_of(
    sides: list[Side], data: DataSet, vectors: np.ndarray, first: int, chunk: int, insert: Callable[[Side, list[Row]], None]
) -> dict[str, float]:
    """All sides insert the same rows with ids from `first` on, `chunk` rows at a turn; rows per second by side."""
    constants = [value_bytes(values[0].item()) for values in data.columns.values()]
    seconds = {side.name: 0.0 for side in sides}
    for start in range(0, len(vectors), chunk):
        rows = [
            [value_bytes(first + start + offset), *constants, vector_bytes(vector)]
            for offset, vector in enumerate(vectors[start : start + chunk])
        ]
        for side in sides if start // chunk % 2 == 0 else reversed(sides):
            started = time.perf_counter()
            insert(side, rows)
            seconds[side.name] += time.perf_counter() - started
    return {name: len(vectors) / spent for name, spent in seconds.items()}


def midpoints(vectors: np.ndarray, distance: int) -> np.ndarray:
    """The mean of each row and the one `distance` further on, around the end."""
    return ((vectors + np.roll(vectors, -distance, axis=0)) / 2).astype(np.float32)
