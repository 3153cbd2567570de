"""Filtered searches: all rows, recall, and what they cost beside pgvector."""

from dataclasses import dataclass

from measuring.plan import FILTER_EF_SEARCH, FILTER_RECALL
from measuring.results import Results
from report.verdict import OURS, THEIRS, Measured, Verdict


def filters(results: Results, table: Measured) -> list[Verdict]:
    """Judged at the smallest ef_search with recall; unbounded where the default bounds left a query short of rows."""
    lines = []
    for name in table.filters:
        selectivity = results.get(table.data_set, table.storage, "selectivity", "", name)
        if selectivity is None:
            continue
        unbounded = results.get(table.data_set, table.storage, "filter_full", OURS, f"{name} unbounded ef={FILTER_EF_SEARCH[0]}")
        for bounds in ("default",) if unbounded is None else ("default", "unbounded"):
            ours = filter_reading(results, table, OURS, f"{name} {bounds}")
            theirs = filter_reading(results, table, THEIRS, f"{name} {bounds}")
            if ours is None:
                continue
            note = "" if bounds == "default" else ", no scan bounds"
            goal = f"{table.title}: WHERE {name} ({selectivity:.1%}{note}): all rows, recall at least {FILTER_RECALL}"
            measured = ours.text + (f"; pgvector {theirs.text}" if theirs else "")
            decides = bounds == "unbounded" or unbounded is None
            lines.append(Verdict(goal, measured, ours.full == 1 and ours.recall >= FILTER_RECALL if decides else None))
    return lines


@dataclass(frozen=True)
class FilterReading:
    """What one side does under a filter at one ef_search."""

    ef_search: int
    full: float
    recall: float
    micros: float
    examined: float

    @property
    def text(self) -> str:
        return (
            f"ef {self.ef_search}: full {self.full:.1%}, recall {self.recall:.3f}, {self.micros:.0f} us,"
            f" {self.examined:.2%} of the rows examined"
        )


def filter_reading(results: Results, table: Measured, side: str, key: str) -> FilterReading | None:
    """The reading at the smallest ef_search that gives the rows and the recall, else at the largest."""
    reading = None
    for ef_search in FILTER_EF_SEARCH:
        numbers = [
            results.get(table.data_set, table.storage, measure, side, f"{key} ef={ef_search}")
            for measure in ("filter_full", "filter_recall", "filter_latency", "filter_examined")
        ]
        if None in numbers:  # not measured: a smaller ef_search sufficed for both sides
            break
        reading = FilterReading(ef_search, *numbers)
        if reading.full == 1 and reading.recall >= FILTER_RECALL:
            break
    return reading
