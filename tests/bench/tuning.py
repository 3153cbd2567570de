"""What annex.tune and annex.calibrate promise, on whole data sets: fresh queries reach the target, at most 1.5 times too wide.

    tuning.py [--record] [SET...]      default: text fashion glove

Needs a server with annex, reached through the PG* variables; makes the extension, and makes and drops a schema `tuning`.
Run it with the Python of pgrx-config/python.sh and tests/bench as the folder. Prints a line a set and asserts nothing; with --record it also
writes record/DATE-CPU-tuning.txt. Recall does not depend on what else the machine does, and the budget is large, so it needs no quiet.
"""

import os
import sys
from pathlib import Path

import psycopg

from datasets.catalog import DEFAULT, open_set
from report import environment, record
from server.vector_format import copy_rows

TARGET = 0.95
K = 10
# A busy machine must not cut the search short: then the value would be larger than need be.
BUDGET = "15 min"
# The quantile of the normal distribution and the least standard deviation by which annex.tune takes its lower bound.
ONE_SIDED_95 = 1.645
LEAST_DEVIATION = 1 / (2 * K)
WIDEST = 1_000
HEAD = (
    "data set", "index", "tune chose", "smallest that would do", "ratio", "recall of fresh queries", "at least", "at half of it",
    "by target", "recall of fresh queries", "at least",
)


def load(connection: psycopg.Connection, name: str) -> str:
    """Makes the tables and the index; returns what they are."""
    data = open_set(name, quick=False)
    for table, vectors in (("base", data.base), ("fresh", data.queries)):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE TABLE {table} (id integer, embedding vector({data.dimensions}))")
        with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
            for chunk in copy_rows(vectors, []):
                copy.write(chunk)
    connection.execute(f"CREATE INDEX base_idx ON base USING hnsw (embedding vector_{data.metric}_ops)")
    (form,) = connection.execute("SELECT form FROM annex.index_info('base_idx')").fetchone()
    return f"{len(data.base):,} x {data.dimensions}, {data.metric}, {form}"


def recall(connection: psycopg.Connection, ef_search: int | None) -> tuple[float, float]:
    """Mean recall@10 of the queries that are no rows, and its lower bound with a confidence of 95 %."""
    query = f"""
        SELECT avg(recall), avg(recall) - {ONE_SIDED_95} * greatest(stddev_samp(recall), {LEAST_DEVIATION}) / sqrt(count(*))
        FROM annex.recall('base_idx', (SELECT array_agg(embedding ORDER BY id) FROM fresh), {K}, %s)"""
    return connection.execute(query, (ef_search,)).fetchone()


def smallest(connection: psycopg.Connection, enough: int) -> int:
    """The smallest ef_search from K on, as annex.tune goes, with which the fresh queries reach the target; `enough` does."""
    low, high = K - 1, enough
    while high - low > 1:
        middle = (low + high) // 2
        if recall(connection, middle)[0] >= TARGET:
            high = middle
        else:
            low = middle
    return high


def measure(connection: psycopg.Connection, name: str) -> tuple[str, ...]:
    """A cell for each of HEAD."""
    index = load(connection, name)
    chosen = connection.execute("SELECT ef_search FROM annex.tune('base_idx', %s, budget => %s) WHERE chosen", (TARGET, BUDGET)).fetchone()
    if chosen is None:
        return (name, index, "none", *[""] * (len(HEAD) - 3))
    reached, bound = recall(connection, chosen[0])
    least = smallest(connection, chosen[0] if reached >= TARGET else WIDEST)
    half = chosen[0] // 2
    at_half = f"{recall(connection, half)[0]:.4f} at {half}"
    connection.execute("SELECT annex.calibrate('base_idx', budget => %s)", (BUDGET,))
    connection.execute(f"SET annex.target_recall = {TARGET}")
    (width,) = connection.execute("SELECT ef_search FROM annex.calibration('base_idx')").fetchone()
    by_target, target_bound = recall(connection, None)
    connection.execute("RESET annex.target_recall")
    return (
        name, index, str(chosen[0]), str(least), f"{chosen[0] / least:.2f}", f"{reached:.4f}", f"{bound:.4f}", at_half,
        str(width), f"{by_target:.4f}", f"{target_bound:.4f}",
    )


def facts(connection: psycopg.Connection, arguments: list[str]) -> dict[str, str]:
    """What a reader needs to judge the numbers."""
    server, version = connection.execute(
        "SELECT version(), 'annex ' || extversion FROM pg_extension WHERE extname = 'annex'"
    ).fetchone()
    return {
        "command": " ".join(["tests/bench/tuning.py", *arguments]),
        "commit": environment.git("rev-parse", "--short=12", "HEAD") + environment.local_changes(),
        "cpu": environment.cpu_model(),
        "cores": str(os.cpu_count()),
        "server": server,
        "extension": version,
        "target": f"recall@{K} of {TARGET}; fresh queries: 1,000 a set, none of them a row",
    }


def main() -> None:
    arguments = sys.argv[1:]
    names = [name for name in arguments if name != "--record"] or list(DEFAULT)
    with psycopg.connect(autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS annex")
        connection.execute("CREATE SCHEMA tuning")
        connection.execute("SET search_path = tuning, public")
        known = facts(connection, arguments)
        lines = [HEAD]
        try:
            for name in names:
                lines.append(measure(connection, name))
                print("; ".join(f"{head} {cell}" for head, cell in zip(HEAD, lines[-1])), flush=True)
        finally:
            connection.execute("DROP SCHEMA tuning CASCADE")
    if "--record" in arguments:
        text = "\n".join([*(f"{name}: {value}" for name, value in known.items()), "", *record.aligned(lines)]) + "\n"
        path = Path(__file__).parent / "record" / f"{record.record_name(known['cpu'], known['cores'], '-tuning')}.txt"
        path.write_text(text)
        print(f"written: {path}")


if __name__ == "__main__":
    main()
