"""Compares the recall measured here with what `annex.recall` says of the same index, so that neither is trusted alone."""

import psycopg

from datasets import ground_truth
from datasets.dataset import NO_FILTER, DataSet
from measuring.plan import K
from measuring.results import Results
from measuring.searcher import STATEMENT
from server.side import INDEX, Side, query_parameters
from server.vector_format import text_form

EF_SEARCH = 40
QUERIES = 100


def measure_agreement(results: Results, side: Side, data: DataSet, storage: str) -> None:
    """Both means are over the same queries at one ef_search; uses the statement that `measure_search` prepared."""
    queries = data.queries[:QUERIES]
    literals = [text_form(query) for query in queries]
    try:
        (theirs,) = side.connection.execute(
            f"SELECT avg(recall) FROM annex.recall('{INDEX}', %s::text[]::{data.type}({data.dimensions})[], {K}, {EF_SEARCH})", (literals,)
        ).fetchone()
    except (psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName):
        print("annex.recall is not in this build: no comparison with it", flush=True)
        return
    side.run(f"SET hnsw.ef_search = {EF_SEARCH}")
    found, _ = side.execute_all(STATEMENT, query_parameters(data, QUERIES), K)
    ours = ground_truth.recall(data.base, queries, found, data.truth[NO_FILTER][:QUERIES], data.metric)
    side.run("RESET hnsw.ef_search")
    results.add(data.name, storage, "agreement", side.name, "annex.recall", float(theirs), "share")
    results.add(data.name, storage, "agreement", side.name, "measured", ours, "share")
