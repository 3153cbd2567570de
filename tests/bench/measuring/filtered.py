"""Queries with a WHERE clause under hnsw.iterative_scan = strict_order: rows returned, recall, latency, rows examined."""

import numpy as np

from datasets import ground_truth
from datasets.dataset import DataSet, Filter
from measuring.counts import explain, index_scan
from measuring.interleaved import median_micros
from measuring.pinning import one_core
from measuring.plan import FILTER_EF_SEARCH, FILTER_RECALL, UNBOUNDED, K, Plan
from measuring.results import Results
from measuring.search import allow_only_index_where_needed
from server.side import Side, query_parameters, search_sql, with_value

STATEMENT = "filtered"
BOUNDS = ("default", "unbounded")


def measure_filters(results: Results, sides: list[Side], data: DataSet, storage: str, plan: Plan) -> None:
    """Each filter with pgvector's default bounds of a scan; without bounds where the default left a side short of rows."""
    for side in sides:
        side.run("SET hnsw.iterative_scan = strict_order")
    with one_core(results, sides, data.name, storage):
        for condition in data.filters:
            results.add(data.name, storage, "selectivity", "", condition.name, data.selectivity(condition), "share")
            for bounds in BOUNDS:
                if measure_filter(results, sides, data, storage, plan, condition, bounds):
                    break
    for side in sides:
        for setting in ("iterative_scan", "max_scan_tuples", "scan_mem_multiplier", "ef_search"):
            side.run(f"RESET hnsw.{setting}")
        side.run("RESET enable_seqscan")


def measure_filter(
    results: Results, sides: list[Side], data: DataSet, storage: str, plan: Plan, condition: Filter, bounds: str
) -> bool:
    """Measures one filter up to the ef_search at which both sides have all rows and the recall.

    Returns whether every query on both sides got all the rows that exist, up to k.
    """
    sql = search_sql(data.metric, K, f"{condition.column} {condition.comparison} $2")
    allow_only_index_where_needed(results, sides, data, storage, sql, condition.name)
    count = min(len(data.queries), plan.unbounded_queries if bounds == "unbounded" else plan.filter_queries)
    values = [condition.value_of(query) for query in range(count)]
    parameters = with_value(query_parameters(data, count), values)
    truth = data.truth[condition.name][:count]
    wanted = (truth[:, :K] >= 0).sum(axis=1)
    for side in sides:
        side.prepare(STATEMENT, sql)
        side.run(f"SET hnsw.max_scan_tuples = {UNBOUNDED if bounds == 'unbounded' else 20000}")
        side.run(f"SET hnsw.scan_mem_multiplier = {1000 if bounds == 'unbounded' else 1}")
    for ef_search in FILTER_EF_SEARCH:
        key = f"{condition.name} {bounds} ef={ef_search}"
        complete, enough = True, True
        for side in sides:
            side.run(f"SET hnsw.ef_search = {ef_search}")
            found, _ = side.execute_all(STATEMENT, parameters, K)
            full = (found >= 0).sum(axis=1) == wanted
            recall = ground_truth.recall(data.base, data.queries[:count], found, truth, data.metric)
            complete = complete and bool(np.all(full))
            enough = enough and recall >= FILTER_RECALL
            examined = share_examined(side, data, values[: plan.examined_queries])
            results.add(data.name, storage, "filter_full", side.name, key, float(full.mean()), "share of queries")
            results.add(data.name, storage, "filter_recall", side.name, key, recall, "share")
            results.add(data.name, storage, "filter_examined", side.name, key, examined, "share of rows")
        micros = median_micros(sides, plan.filter_repeat, STATEMENT, parameters, plan.filter_seconds)
        for side in sides:
            results.add(data.name, storage, "filter_latency", side.name, key, micros[side.name], "us")
        # The bounds that left a query short of rows do so at any ef_search: the next step is to lift them.
        if (complete and enough) or (not complete and bounds == "default"):
            break
    return complete


def share_examined(side: Side, data: DataSet, values: list) -> float:
    """Mean share of the table's rows that the index gave to the filter, whether they passed or not."""
    examined = []
    for query, value in zip(data.queries[: len(values)], values, strict=True):
        scan = index_scan(explain(side, STATEMENT, query, value))
        examined.append(scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0))
    return float(np.mean(examined)) / len(data.base)
