"""Recall@10 and latency over hnsw.ef_search, one client, prepared statement, binary parameter and result."""

from datasets import ground_truth
from datasets.dataset import NO_FILTER, DataSet
from measuring.interleaved import median_micros
from measuring.plan import CURVE_EF_SEARCH, EQUAL_RECALL, K, Plan
from measuring.results import Results
from server.side import Side, query_parameters, search_sql

STATEMENT = "nearest"


def measure_search(results: Results, sides: list[Side], data: DataSet, storage: str, plan: Plan) -> None:
    """Microseconds are the mean over the queries, the median over the repetitions."""
    sql = search_sql(data.metric, K)
    allow_only_index_where_needed(results, sides, data, storage, sql, NO_FILTER)
    parameters = query_parameters(data, plan.queries)
    queries = data.queries[: plan.queries]
    for side in sides:
        side.prepare(STATEMENT, sql)
    for ef_search in plan.ef_search:
        recalls = []
        for side in sides:
            side.run(f"SET hnsw.ef_search = {ef_search}")
            # The call that warms the caches also gives the recall: the index does not change between repetitions.
            found, _ = side.execute_all(STATEMENT, parameters, K)
            recall = ground_truth.recall(data.base, queries, found, data.truth[NO_FILTER][: plan.queries], data.metric)
            results.add(data.name, storage, "recall", side.name, ef_search, recall, "share")
            recalls.append(recall)
        micros = median_micros(sides, plan.repeat, STATEMENT, parameters)
        for side in sides:
            results.add(data.name, storage, "latency", side.name, ef_search, micros[side.name], "us")
        if ef_search >= CURVE_EF_SEARCH and min(recalls) >= max(EQUAL_RECALL):
            break
    for side in sides:
        side.run("RESET hnsw.ef_search")
        side.run("RESET enable_seqscan")


def allow_only_index_where_needed(
    results: Results, sides: list[Side], data: DataSet, storage: str, sql: str, filter_name: str
) -> None:
    """Turns sequential scans off on both sides if one of them would not use its index, and records that.

    # Raises RuntimeError if the index is not used even then: what follows would measure something else.
    """
    for side in sides:
        side.run("RESET enable_seqscan")
    willing = {side.name: side.uses_index(sql) for side in sides}
    for side in sides:
        results.add(data.name, storage, "planner_uses_index", side.name, filter_name, float(willing[side.name]), "yes or no")
    if not all(willing.values()):
        for side in sides:
            side.run("SET enable_seqscan = off")
            if not side.uses_index(sql):
                raise RuntimeError(f"{side.name} does not use its index for: {sql}")
