"""What a search does, counted: pages asked for, rows given; and what annex itself counts, where the build tells it.

Counts do not depend on the machine or on what else runs there, so they show how work grows with the number of rows.
"""

import json

import numpy as np

from datasets.dataset import DataSet
from datasets.rows import SparseRows
from measuring.plan import K, Plan
from measuring.results import Results
from measuring.searcher import STATEMENT
from server.side import INDEX, Side, search_sql
from server.vector_format import text_form

# A function without arguments that returns one row about the last scan of this session, a column for each count.
LAST_SCAN = "annex.last_scan"


def measure_counts(results: Results, sides: list[Side], data: DataSet, storage: str, plan: Plan, ef_search: dict[str, int]) -> None:
    """Means over the first queries, each side at its own `ef_search`."""
    queries = data.queries[: plan.counted_queries]
    for side in sides:
        side.prepare(STATEMENT, search_sql(data.metric, K))
        side.run(f"SET hnsw.ef_search = {ef_search[side.name]}")
        tells = side.value(f"SELECT to_regproc('{LAST_SCAN}') IS NOT NULL")
        counts: dict[str, list[float]] = {}
        for query in queries:
            scan = index_scan(explain(side, STATEMENT, query))
            told = last_scan(side) if tells else {}
            told["pages"] = scan["Shared Hit Blocks"] + scan["Shared Read Blocks"]
            for name, value in told.items():
                counts.setdefault(name, []).append(value)
        for name, values in counts.items():
            results.add(data.name, storage, f"count_{name}", side.name, "", float(np.mean(values)), "a query")
        if not tells and side.extension == "annex":
            results.note(data.name, storage, "counts", side.name, f"no expansions and distances: this build has no {LAST_SCAN}()")
        side.run("RESET hnsw.ef_search")


def last_scan(side: Side) -> dict[str, float]:
    """The numbers of LAST_SCAN by column."""
    cursor = side.connection.execute(f"SELECT * FROM {LAST_SCAN}()")
    row = cursor.fetchone()
    return {
        column.name: float(value) for column, value in zip(cursor.description, row, strict=True)
        if isinstance(value, int | float)
    }


def explain(side: Side, statement: str, query: np.ndarray | SparseRows, value=None) -> dict:
    """The executed plan of a prepared statement, with buffers, without the clock's own cost."""
    literals = [f"'{text_form(query)}'"]
    if value is not None:
        literals.append("'" + str(value).replace("'", "''") + "'")
    # The text goes as it is: a parameter of psycopg would become one of EXPLAIN.
    sql = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE {statement}({', '.join(literals)})"
    (plan,) = side.connection.execute(sql.encode()).fetchone()
    return (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]


def index_scan(plan: dict) -> dict:
    """The node of a plan that reads the vector index.

    # Raises RuntimeError if there is none.
    """
    nodes = [plan]
    for node in nodes:
        if node.get("Index Name") == INDEX:
            return node
        nodes += node.get("Plans", [])
    raise RuntimeError(f"a plan without the index {INDEX}: {plan}")
