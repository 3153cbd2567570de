"""The same search under other conditions: several clients, cold caches, more rows; and what stands around a search."""

from measuring.results import Results
from measuring.wide import DIMENSIONS
from report.verdict import OURS, THEIRS, Measured, Verdict, both

CLIENT_SPEEDUP = 6.0
CLIENTS_WITH_GOAL = ("8", "32")
CLIENTS_SET = "text"
# What one measured rate may lie below another and count as the same.
RATE_NOISE = 0.05
TEXT_INPUT_SPEEDUP = 4.0


def clients(results: Results, table: Measured) -> list[Verdict]:
    lines = []
    recalls = both(results, table, "clients_recall")
    for number in results.parameters(table.data_set, table.storage, "clients_rate", OURS):
        if rates := both(results, table, "clients_rate", number):
            ours, theirs = rates
            has_goal = table.data_set == CLIENTS_SET and number in CLIENTS_WITH_GOAL
            goal = f"{table.title}: {number} client{'s' if number != '1' else ''}"
            if has_goal:
                goal += f": queries/s at least {CLIENT_SPEEDUP:g} x pgvector"
            generator = both(results, table, "clients_generator", number)
            measured = (
                f"{ours / theirs:.2f} x ({ours:.0f}/s at recall {recalls[0]:.3f} against {theirs:.0f}/s at {recalls[1]:.3f};"
                f" pgbench took {generator[0]:.0%} and {generator[1]:.0%} of the cores)"
            )
            lines.append(Verdict(goal, measured, ours / theirs >= CLIENT_SPEEDUP if has_goal else None))
    few, many = (results.get(table.data_set, table.storage, "clients_rate", OURS, number) for number in CLIENTS_WITH_GOAL)
    if few and many:
        goal = f"{table.title}: no throughput lost between 8 and 32 clients (less than {RATE_NOISE:.0%})"
        measured = f"{few:.0f}/s and {many:.0f}/s: {many / few:.2f}"
        fewer, more = (results.get(table.data_set, table.storage, "clients_ceiling", OURS, number) for number in CLIENTS_WITH_GOAL)
        if fewer and more:
            measured += f"; looking up a row by its primary key {fewer:.0f}/s and {more:.0f}/s: {more / fewer:.2f}"
        lines.append(Verdict(goal, measured, many >= few * (1 - RATE_NOISE)))
    for number in results.parameters(table.data_set, table.storage, "clients_ceiling", OURS):
        if rates := both(results, table, "clients_ceiling", number):
            measured = f"{rates[0]:.0f}/s; in pgvector's database {rates[1]:.0f}/s"
            lines.append(Verdict(f"{table.title}: {number} clients, only the look-up of the query vector", measured, None))
    return lines


def cold(results: Results, table: Measured) -> list[Verdict]:
    lines = []
    first = both(results, table, "cold_first")
    for condition, title in (("cold", "after a restart, nothing cached"), ("small", "shared_buffers 64MB, files cached")):
        for count in results.parameters(table.data_set, table.storage, f"{condition}_mean", OURS):
            means = both(results, table, f"{condition}_mean", count)
            asked, read = (both(results, table, f"{condition}_{what}", count) for what in ("pages", "pages_read"))
            if not (means and asked and read):
                continue
            measured = (
                f"{means[1] / means[0]:.2f} x ({means[0]:.0f} us, {read[0]:.0f} of {asked[0]:.0f} pages read,"
                f" against {means[1]:.0f} us, {read[1]:.0f} of {asked[1]:.0f})"
            )
            if condition == "cold" and first:
                measured += f"; the first query {first[0] / 1000:.1f} ms against {first[1] / 1000:.1f} ms"
            lines.append(Verdict(f"{table.title}: {count} queries {title}", measured, None))
    return lines


def counts(results: Results, table: Measured) -> list[Verdict]:
    """What was counted on a side, in one line."""
    lines = []
    for side in (OURS, THEIRS):
        names = sorted({
            row.measure for row in results.rows
            if (row.data_set, row.storage, row.side) == (table.data_set, table.storage, side) and row.measure.startswith("count_")
        })
        if names:
            numbers = [
                f"{results.get(table.data_set, table.storage, name, side):.0f} {name.removeprefix('count_')}" for name in names
            ]
            lines.append(Verdict(f"{table.title}: a query at recall 0.95 counts, {side}", ", ".join(numbers), None))
    return lines


def text_input(results: Results, table: Measured) -> list[Verdict]:
    times = both(results, table, "text_input")
    if times is None:
        return []
    ours, theirs = times
    goal = f"{table.title}: text input at least {TEXT_INPUT_SPEEDUP:g} x as fast"
    measured = f"{theirs / ours:.2f} x ({ours:.1f} ns against {theirs:.1f} ns an element)"
    return [Verdict(goal, measured, theirs / ours >= TEXT_INPUT_SPEEDUP)]


def wide(results: Results, table: Measured) -> list[Verdict]:
    lines = []
    for form in ("binary", "text"):
        floor, parameter, search = (both(results, table, "wide", f"{what} {form}") for what in ("floor", "parameter", "search"))
        if floor and parameter and search:
            measured = "; ".join(
                f"{name} {parameter[side] - floor[side]:.1f} us above the wire's {floor[side]:.0f}, search {search[side]:.0f} us"
                for side, name in enumerate((OURS, THEIRS))
            )
            lines.append(Verdict(f"{table.title}: a {form} parameter of {DIMENSIONS:,} dimensions", measured, None))
    return lines


def floors(results: Results, table: Measured) -> list[Verdict]:
    lines = []
    for measure, title in (("floor_one", "SELECT 1"), ("floor_rows", "10 rows by primary key")):
        for condition in ("", "unpinned"):
            if times := both(results, table, measure, condition):
                measured = f"{times[0]:.0f} us; in pgvector's database {times[1]:.0f} us"
                lines.append(Verdict(f"{table.title}: round trip{', ' + condition if condition else ''}, {title}", measured, None))
    return lines
