"""The goals of the first product and whether a run met them: rows `goal / measured / verdict`. Nothing is asserted."""

from dataclasses import dataclass

from measuring.plan import EQUAL_RECALL, FILTER_EF_SEARCH, FILTER_RECALL
from measuring.results import Results
from report.equal_recall import Reading, latency_at

OURS, THEIRS = "annex", "pgvector"
RECALL_FLOORS = (("fashion", 40, 0.985), ("fashion", 200, 0.998), ("glove", 320, 0.97))
RECALL_SLACK = 0.01
SPEEDUP = {"text": 3.0, "fashion": 2.0, "glove": 2.0}
BUILD_SPEEDUP = 2.0
SIZE_SHARE = 0.5
SIZE_DIMENSIONS = 384
TEXT_INPUT_SPEEDUP = 4.0
INSERT_SPEEDUP = 3.0
# The two treat ties at the k-th distance differently: one neighbour in 1,000.
AGREEMENT = 0.001


@dataclass(frozen=True)
class Verdict:
    """One line of the report; `met` is None for a number that has no goal."""

    goal: str
    measured: str
    met: bool | None

    @property
    def word(self) -> str:
        return "-" if self.met is None else ("met" if self.met else "MISSED")


@dataclass(frozen=True)
class Measured:
    """A table that was measured: data set, storage of its vectors, dimensions, names of its filters."""

    data_set: str
    storage: str
    dimensions: int
    filters: list[str]

    @property
    def title(self) -> str:
        return self.data_set if self.storage == "default" else f"{self.data_set}, {self.storage} storage"


def verdicts(results: Results, tables: list[Measured]) -> list[Verdict]:
    """All goals that the measured tables have a number for."""
    lines = []
    for table in tables:
        lines += recall_floors(results, table)
        lines += recall_beside(results, table)
        lines += equal_recall(results, table)
        lines += build_and_size(results, table)
        lines += filters(results, table)
        lines += agreement(results, table)
        lines += inserts(results, table)
        lines += text_input(results, table)
        lines += floors(results, table)
    return lines


def recall_floors(results: Results, table: Measured) -> list[Verdict]:
    lines = []
    for data_set, ef_search, floor in RECALL_FLOORS:
        recall = results.get(table.data_set, table.storage, "recall", OURS, ef_search)
        if data_set == table.data_set and recall is not None:
            goal = f"{table.title}: recall@10 at ef_search {ef_search} at least {floor}"
            lines.append(Verdict(goal, f"{recall:.4f}", recall >= floor))
    return lines


def recall_beside(results: Results, table: Measured) -> list[Verdict]:
    gaps = []
    for ef_search in results.parameters(table.data_set, table.storage, "recall", OURS):
        ours = results.get(table.data_set, table.storage, "recall", OURS, ef_search)
        theirs = results.get(table.data_set, table.storage, "recall", THEIRS, ef_search)
        if ours is not None and theirs is not None:
            gaps.append((ours - theirs, ef_search))
    if not gaps:
        return []
    gap, ef_search = min(gaps)
    goal = f"{table.title}: recall at no ef_search below pgvector's by more than {RECALL_SLACK}"
    return [Verdict(goal, f"smallest difference {gap:+.4f}, at ef_search {ef_search}", gap >= -RECALL_SLACK)]


def equal_recall(results: Results, table: Measured) -> list[Verdict]:
    lines = []
    for recall in EQUAL_RECALL:
        wanted = SPEEDUP[table.data_set]
        goal = f"{table.title}: queries/s at recall {recall} at least {wanted:g} x pgvector"
        ours = latency_at(results, table.data_set, table.storage, OURS, recall)
        theirs = latency_at(results, table.data_set, table.storage, THEIRS, recall)
        if ours is None:
            lines.append(Verdict(goal, "annex does not reach this recall", False))
        elif results.get(table.data_set, table.storage, "build", THEIRS) is None:
            lines.append(Verdict(goal, shown(ours), None))
        elif theirs is None:
            lines.append(Verdict(goal, f"pgvector does not reach this recall; annex {shown(ours)}", True))
        else:
            ratio = theirs.micros / ours.micros
            lines.append(Verdict(goal, f"{ratio:.2f} x ({shown(ours)} against {shown(theirs)})", ratio >= wanted))
    return lines


def shown(reading: Reading) -> str:
    return f"{'at most ' if reading.is_bound else ''}{reading.micros:.0f} us"


def build_and_size(results: Results, table: Measured) -> list[Verdict]:
    lines = []
    if times := both(results, table, "build"):
        ours, theirs = times
        goal = f"{table.title}: build at least {BUILD_SPEEDUP:g} x as fast on two cores"
        measured = f"{theirs / ours:.2f} x ({ours:.1f} s against {theirs:.1f} s)"
        lines.append(Verdict(goal, measured, theirs / ours >= BUILD_SPEEDUP))
    if sizes := both(results, table, "index_size"):
        ours, theirs = sizes
        has_goal = table.dimensions >= SIZE_DIMENSIONS
        goal = f"{table.title}: index size" + (f" at most {SIZE_SHARE:g} of pgvector's" if has_goal else "")
        measured = f"{ours / theirs:.2f} ({ours / 2**20:.0f} MB against {theirs / 2**20:.0f} MB)"
        lines.append(Verdict(goal, measured, ours / theirs <= SIZE_SHARE if has_goal else None))
    return lines


def both(results: Results, table: Measured, measure: str) -> tuple[float, float] | None:
    """A number of annex and the same of pgvector, or None if one was not measured."""
    ours = results.get(table.data_set, table.storage, measure, OURS)
    theirs = results.get(table.data_set, table.storage, measure, THEIRS)
    return (ours, theirs) if ours and theirs else None


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

    @property
    def text(self) -> str:
        return f"ef {self.ef_search}: full {self.full:.1%}, recall {self.recall:.3f}, {self.micros:.0f} us"


def filter_reading(results: Results, table: Measured, side: str, key: str) -> FilterReading | None:
    """The reading at the smallest ef_search that gives the rows and the recall, else at the largest."""
    reading = None
    for ef_search in FILTER_EF_SEARCH:
        numbers = [
            results.get(table.data_set, table.storage, measure, side, f"{key} ef={ef_search}")
            for measure in ("filter_full", "filter_recall", "filter_latency")
        ]
        if None in numbers:  # not measured: a smaller ef_search sufficed for both sides
            break
        reading = FilterReading(ef_search, *numbers)
        if reading.full == 1 and reading.recall >= FILTER_RECALL:
            break
    return reading


def agreement(results: Results, table: Measured) -> list[Verdict]:
    theirs = results.get(table.data_set, table.storage, "agreement", OURS, "annex.recall")
    ours = results.get(table.data_set, table.storage, "agreement", OURS, "measured")
    if ours is None or theirs is None:
        return []
    goal = f"{table.title}: annex.recall and this program measure the same recall"
    return [Verdict(goal, f"{theirs:.4f} and {ours:.4f}", abs(ours - theirs) <= AGREEMENT)]


def inserts(results: Results, table: Measured) -> list[Verdict]:
    rates = both(results, table, "insert_rate")
    if rates is None:
        return []
    ours, theirs = rates
    goal = f"{table.title}: inserts (design's wish: {INSERT_SPEEDUP:g} x pgvector)"
    return [Verdict(goal, f"{ours / theirs:.2f} x ({ours:.0f}/s against {theirs:.0f}/s)", None)]


def text_input(results: Results, table: Measured) -> list[Verdict]:
    times = both(results, table, "text_input")
    if times is None:
        return []
    ours, theirs = times
    goal = f"{table.title}: text input at least {TEXT_INPUT_SPEEDUP:g} x as fast"
    measured = f"{theirs / ours:.2f} x ({ours:.1f} ns against {theirs:.1f} ns an element)"
    return [Verdict(goal, measured, theirs / ours >= TEXT_INPUT_SPEEDUP)]


def floors(results: Results, table: Measured) -> list[Verdict]:
    lines = []
    for measure, title in (("floor_one", "SELECT 1"), ("floor_rows", "10 rows by primary key")):
        if times := both(results, table, measure):
            measured = f"{times[0]:.0f} us; in pgvector's database {times[1]:.0f} us"
            lines.append(Verdict(f"{table.title}: round trip, {title}", measured, None))
    return lines
