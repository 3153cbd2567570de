"""The goals of the first product and of the release after it: rows `goal / measured / verdict`. Nothing is asserted."""

from measuring.results import Results
from report import goals_conditions, goals_filters, goals_index, goals_search
from report.verdict import Measured, Verdict

SECTIONS = (
    goals_search.recall_floors, goals_search.recall_beside, goals_search.equal_recall, goals_search.peers,
    goals_conditions.clients, goals_conditions.cold, goals_conditions.counts,
    goals_index.build, goals_index.size, goals_filters.filters, goals_search.agreement, goals_index.inserts,
    goals_conditions.text_input, goals_conditions.wide, goals_conditions.floors,
)


def verdicts(results: Results, tables: list[Measured]) -> list[Verdict]:
    """All goals that the measured tables have a number for."""
    return [line for table in tables for section in SECTIONS for line in section(results, table)]
