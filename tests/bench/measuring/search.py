"""Recall@10 and latency over hnsw.ef_search, one client; the peers of a data set stand on the same curve."""

from datasets import ground_truth
from datasets.dataset import NO_FILTER, DataSet
from measuring.interleaved import medians
from measuring.pinning import one_core
from measuring.plan import EQUAL_RECALL, K, RECALL_EF_SEARCH, Plan
from measuring.results import Results
from measuring.searcher import SideSearcher
from peers.peer import Peer
from server.side import Side, search_sql


def measure_search(results: Results, sides: list[Side], peers: list[Peer], data: DataSet, storage: str, plan: Plan) -> None:
    """Microseconds are the mean over the queries, the median over the repetitions.

    The curve ends when all have the highest recall of EQUAL_RECALL; what is then left of RECALL_EF_SEARCH gets no time.
    """
    allow_only_index_where_needed(results, sides, data, storage, search_sql(data.metric, K), NO_FILTER)
    searchers = [*(SideSearcher(side, data) for side in sides), *peers]
    queries, truth = data.queries[: plan.recall_queries], data.truth[NO_FILTER][: plan.recall_queries]
    is_timed = True
    with one_core(results, sides, data.name, storage, [process for peer in peers for process in peer.processes()]):
        for ef_search in plan.ef_search:
            if not is_timed and ef_search not in RECALL_EF_SEARCH:
                continue
            recalls = []
            for searcher in searchers:
                searcher.set_ef_search(ef_search)
                # The call that warms the caches also gives the recall: the index does not change between repetitions.
                found = searcher.find(len(queries))
                recalls.append(ground_truth.recall(data.base, queries, found, truth, data.metric))
                results.add(data.name, storage, "recall", searcher.name, ef_search, recalls[-1], "share")
            if is_timed:
                micros = medians(searchers, plan.repeat, lambda searcher: searcher.micros(plan.queries))
                for searcher in searchers:
                    results.add(data.name, storage, "latency", searcher.name, ef_search, micros[searcher.name], "us")
                measure_batches(results, peers, data, storage, plan, ef_search)
            is_timed = is_timed and min(recalls) < max(EQUAL_RECALL)
    for side in sides:
        side.run("RESET hnsw.ef_search")
        side.run("RESET enable_seqscan")


def measure_batches(results: Results, peers: list[Peer], data: DataSet, storage: str, plan: Plan, ef_search: int) -> None:
    """All queries in one call: a peer's speed without what Python takes between two of its searches."""
    micros = medians(peers, plan.repeat, lambda peer: peer.batch_micros(plan.queries))
    for peer in peers:
        results.add(data.name, storage, "batch_latency", peer.name, ef_search, micros[peer.name], "us")


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
