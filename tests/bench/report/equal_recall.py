"""Latency at a given recall, read off the measured curve of recall and latency over ef_search."""

from dataclasses import dataclass
from math import exp, log

from measuring.results import Results

# A recall of 1 has no logarithm of its miss rate; less than one miss in 100,000 neighbours is as good as none.
SMALLEST_MISS = 1e-5


@dataclass(frozen=True)
class Reading:
    """A latency; `is_bound` where the smallest ef already exceeds the recall, so the true latency is lower."""

    micros: float
    is_bound: bool


def latency_at(
    results: Results, data_set: str, storage: str, side: str, recall: float, measure: str = "latency"
) -> Reading | None:
    """None where no timed ef_search reaches the recall.

    Between the last ef below the recall and the first at or above it, log latency is taken as linear in log(1 - recall):
    on these curves each halving of the misses costs about the same factor of time.
    """
    points = []
    for parameter in results.parameters(data_set, storage, "recall", side):
        reached = results.get(data_set, storage, "recall", side, parameter)
        micros = results.get(data_set, storage, measure, side, parameter)
        if micros is not None:
            points.append((max(1 - reached, SMALLEST_MISS), micros))
    wanted = 1 - recall
    for number, (miss, micros) in enumerate(points):
        if miss <= wanted:
            if number == 0:
                return Reading(micros, is_bound=miss < wanted)
            before, before_micros = points[number - 1]
            share = (log(before) - log(wanted)) / (log(before) - log(miss))
            return Reading(exp(log(before_micros) + share * (log(micros) - log(before_micros))), is_bound=False)
    return None
