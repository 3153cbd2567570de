"""What annex.tune and annex.calibrate promise, on whole data sets: fresh queries reach the target, at most 1.5 times too wide.

    tuning.py [SET...]      default: text fashion glove

Needs a server with annex, reached through the PG* variables; makes and drops the extension and its tables in a schema `tuning`.
Run it with the Python of pgrx-config/python.sh and tests/bench as the folder. Prints a line a set; asserts nothing.
"""

import sys

import psycopg

from datasets.catalog import DEFAULT, open_set
from server.vector_format import copy_rows

TARGET = 0.95
WIDEST = 1_000


def load(connection: psycopg.Connection, name: str) -> None:
    data = open_set(name, quick=False)
    for table, vectors in (("base", data.base), ("fresh", data.queries)):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE TABLE {table} (id integer, embedding vector({data.dimensions}))")
        with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
            for chunk in copy_rows(vectors, []):
                copy.write(chunk)
    connection.execute(f"CREATE INDEX base_idx ON base USING hnsw (embedding vector_{data.metric}_ops)")


def recall(connection: psycopg.Connection, ef_search: int | None) -> float:
    """Mean recall@10 of the queries that are no rows."""
    query = "SELECT avg(recall) FROM annex.recall('base_idx', (SELECT array_agg(embedding) FROM fresh), 10, %s)"
    return connection.execute(query, (ef_search,)).fetchone()[0]


def smallest(connection: psycopg.Connection, enough: int) -> int:
    """The smallest ef_search with which the fresh queries reach the target; `enough` does."""
    low, high = 9, enough
    while high - low > 1:
        middle = (low + high) // 2
        if recall(connection, middle) >= TARGET:
            high = middle
        else:
            low = middle
    return high


def measure(connection: psycopg.Connection, name: str) -> str:
    load(connection, name)
    chosen = connection.execute("SELECT ef_search FROM annex.tune('base_idx', %s) WHERE chosen", (TARGET,)).fetchone()
    if chosen is None:
        return f"{name}: no ef_search was chosen"
    reached = recall(connection, chosen[0])
    least = smallest(connection, chosen[0] if reached >= TARGET else WIDEST)
    connection.execute("SELECT annex.calibrate('base_idx')")
    connection.execute(f"SET annex.target_recall = {TARGET}")
    width = connection.execute("SELECT ef_search FROM annex.calibration('base_idx')").fetchone()[0]
    by_target = recall(connection, None)
    connection.execute("RESET annex.target_recall")
    return (
        f"{name}: tune chose {chosen[0]} ({chosen[0] / least:.2f} times the smallest, {least}), fresh recall {reached:.4f}; "
        f"by target {width}, fresh recall {by_target:.4f}"
    )


def main() -> None:
    with psycopg.connect(autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS annex")
        connection.execute("CREATE SCHEMA tuning")
        connection.execute("SET search_path = tuning, public")
        try:
            for name in sys.argv[1:] or DEFAULT:
                print(measure(connection, name), flush=True)
        finally:
            connection.execute("DROP SCHEMA tuning CASCADE")


if __name__ == "__main__":
    main()
