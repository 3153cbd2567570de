"""The first queries after a restart with nothing cached, and queries with shared_buffers that hold no index: pages and time."""

from statistics import median

import numpy as np

from datasets.dataset import DataSet
from measuring.counts import explain, index_scan
from measuring.pinning import one_core
from measuring.plan import K, Plan
from measuring.results import Results
from measuring.searcher import STATEMENT
from server.server import Server
from server.side import Side, query_parameters, search_sql

SMALL = "64MB"


def measure_cold(
    results: Results, server: Server, connected: list[Side], sides: list[Side], data: DataSet, storage: str, plan: Plan,
    ef_search: dict[str, int],
) -> None:
    """Runs after everything else on a table. Each side begins a server of its own, so neither warms a page for the other.

    Of the sides that are `connected`, and lose their connection, `sides` are measured.
    """
    parameters = query_parameters(data, plan.cold_queries)
    firsts: dict[str, list[float]] = {side.name: [] for side in sides}
    means: dict[str, list[float]] = {side.name: [] for side in sides}
    try:
        for turn in range(plan.cold_repeat):
            for side in sides if turn % 2 == 0 else reversed(sides):
                restart(server, connected, None, is_cold=True)
                with one_core(results, sides, data.name, storage):
                    _, elapsed = ready(side, data, ef_search).execute_all(STATEMENT, parameters, K)
                firsts[side.name].append(elapsed[0] / 1000)
                means[side.name].append(elapsed.mean() / 1000)
        for side in sides:
            results.add(data.name, storage, "cold_first", side.name, "", median(firsts[side.name]), "us")
            results.add(data.name, storage, "cold_mean", side.name, len(parameters), median(means[side.name]), "us")
            restart(server, connected, None, is_cold=True)
            count_pages(results, ready(side, data, ef_search), data, storage, "cold", len(parameters))
            restart(server, connected, SMALL, is_cold=False)
            with one_core(results, sides, data.name, storage):
                ready(side, data, ef_search).execute_all(STATEMENT, parameters, K)
                _, elapsed = side.execute_all(STATEMENT, parameters, K)
            results.add(data.name, storage, "small_mean", side.name, len(parameters), elapsed.mean() / 1000, "us")
            count_pages(results, side, data, storage, "small", len(parameters))
    finally:
        restart(server, connected, None, is_cold=False)


def restart(server: Server, sides: list[Side], shared_buffers: str | None, is_cold: bool) -> None:
    for side in sides:
        side.connection.close()
    server.restart(shared_buffers, is_cold)
    for side in sides:
        side.connect()


def ready(side: Side, data: DataSet, ef_search: dict[str, int]) -> Side:
    side.prepare(STATEMENT, search_sql(data.metric, K))
    side.run(f"SET hnsw.ef_search = {ef_search[side.name]}")
    return side


def count_pages(results: Results, side: Side, data: DataSet, storage: str, condition: str, count: int) -> None:
    """Pages of index and table that the queries asked for, and how many of them were not in shared_buffers."""
    asked, read = [], []
    for query in data.queries[:count]:
        scan = index_scan(explain(side, STATEMENT, query))
        read.append(scan["Shared Read Blocks"])
        asked.append(scan["Shared Hit Blocks"] + read[-1])
    results.add(data.name, storage, f"{condition}_pages", side.name, count, float(np.mean(asked)), "a query")
    results.add(data.name, storage, f"{condition}_pages_read", side.name, count, float(np.mean(read)), "a query")
