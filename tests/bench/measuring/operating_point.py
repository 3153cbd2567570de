"""The ef_search at which a side has the recall at which sides are compared when there is no curve."""

from math import ceil, exp, log

from measuring.plan import OPERATING_RECALL
from measuring.results import Results
from server.side import Side


def operating_points(results: Results, sides: list[Side], data_set: str, storage: str) -> dict[str, int]:
    """By side; between two measured points log ef_search is taken as linear in log(1 - recall), then rounded up."""
    return {side.name: ef_search_at(results, data_set, storage, side.name, OPERATING_RECALL) for side in sides}


def ef_search_at(results: Results, data_set: str, storage: str, side: str, recall: float) -> int:
    """The smallest measured ef_search where it already exceeds the recall, the largest where none reaches it."""
    before = None
    for parameter in results.parameters(data_set, storage, "recall", side):
        miss = max(1 - results.get(data_set, storage, "recall", side, parameter), 1e-9)
        ef_search = int(parameter)
        if miss <= 1 - recall:
            if before is None:
                return ef_search
            miss_before, ef_before = before
            share = log(miss_before / (1 - recall)) / log(miss_before / miss)
            return ceil(exp(log(ef_before) + share * log(ef_search / ef_before)))
        before = (miss, ef_search)
    return before[1]
