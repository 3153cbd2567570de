"""The index itself: build time, size, inserts."""

from measuring.results import Results
from peers.peer import NAMES
from report.verdict import COMPACT, INLINE, OURS, Measured, Verdict, both

BUILD_SPEEDUP = 2.0
BUILD_GOALS = {"text": 5.0, "fashion": 3.0, "glove": 3.0, "text-1m": 3.0}
# From here on the index is inline if nothing else is asked for.
INLINE_DIMENSIONS = 48
# The larger share goes to the shorter vectors, where links weigh more: (at least so many dimensions, share).
FORM_SHARES = {COMPACT: ((384, 0.5), (0, 1.0)), INLINE: ((768, 1.05), (384, 1.5))}
INSERT_SPEEDUP = 3.0
INSERT_ROWS = 200_000
INSERT_FORMS = {"single": "single-row statements", "multiple": "statements of 50 rows", "copy": "COPY"}


def build(results: Results, table: Measured) -> list[Verdict]:
    lines = []
    for side in (OURS, COMPACT, INLINE):
        if times := both(results, table, "build", side=side):
            ours, theirs = times
            measured = f"{theirs / ours:.2f} x ({ours:.1f} s against {theirs:.1f} s)"
            if side != OURS or table.data_set not in BUILD_GOALS:
                lines.append(Verdict(f"{table.title}, {side}: build on two cores", measured, None))
                continue
            for wanted, name in ((BUILD_SPEEDUP, "first product"), (BUILD_GOALS[table.data_set], "goal")):
                goal = f"{table.title}: build at least {wanted:g} x as fast on two cores ({name})"
                lines.append(Verdict(goal, measured, theirs / ours >= wanted))
    for name in NAMES:
        seconds = results.get(table.data_set, table.storage, "build", name)
        if seconds is not None:
            size = results.get(table.data_set, table.storage, "index_size", name) / 2**20
            memory = results.get(table.data_set, table.storage, "memory", name) / 2**20
            measured = f"{seconds:.1f} s, {size:.0f} MB saved, {memory:.0f} MB of its process"
            lines.append(Verdict(f"{table.title}: build of {name} on two cores", measured, None))
    return lines


def size(results: Results, table: Measured) -> list[Verdict]:
    lines = []
    if table.type != "vector":
        sizes = both(results, table, "index_size")
        return [size_line(f"{table.title}: index size", sizes, None)] if sizes else []
    default = INLINE if table.dimensions >= INLINE_DIMENSIONS else COMPACT
    for side, form in ((OURS, default), (COMPACT, COMPACT), (INLINE, INLINE)):
        if sizes := both(results, table, "index_size", side=side):
            share = next((share for dimensions, share in FORM_SHARES[form] if table.dimensions >= dimensions), None)
            name = "" if side == OURS else f", {side}"
            lines.append(size_line(f"{table.title}{name}: index size", sizes, share))
    return lines


def size_line(goal: str, sizes: tuple[float, float], share: float | None) -> Verdict:
    ours, theirs = sizes
    measured = f"{ours / theirs:.2f} ({ours / 2**20:.0f} MB against {theirs / 2**20:.0f} MB)"
    if share is None:
        return Verdict(goal, measured, None)
    return Verdict(f"{goal} at most {share:g} of pgvector's", measured, ours / theirs <= share)


def inserts(results: Results, table: Measured) -> list[Verdict]:
    lines = []
    for form, title in INSERT_FORMS.items():
        if rates := both(results, table, "insert_rate", form):
            ours, theirs = rates
            has_goal = table.rows >= INSERT_ROWS
            goal = f"{table.title}: inserts by {title}" + (f" at least {INSERT_SPEEDUP:g} x pgvector" if has_goal else "")
            measured = f"{ours / theirs:.2f} x ({ours:.0f}/s against {theirs:.0f}/s)"
            lines.append(Verdict(goal, measured, ours / theirs >= INSERT_SPEEDUP if has_goal else None))
    return lines
