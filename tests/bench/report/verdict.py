"""A line of the report, and the table it speaks of."""

from dataclasses import dataclass

from measuring.results import Results

OURS, THEIRS = "annex", "pgvector"
COMPACT, INLINE = "annex-compact", "annex-inline"


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
    """A table that was measured: data set, storage and type of its embeddings, rows, dimensions, names of its filters."""

    data_set: str
    storage: str
    rows: int
    dimensions: int
    filters: list[str]
    type: str = "vector"

    @property
    def title(self) -> str:
        return self.data_set if self.storage == "default" else f"{self.data_set}, {self.storage} storage"


def both(results: Results, table: Measured, measure: str, parameter="", side: str = OURS) -> tuple[float, float] | None:
    """A number of a side of ours and the same of pgvector, or None if one was not measured."""
    ours = results.get(table.data_set, table.storage, measure, side, parameter)
    theirs = results.get(table.data_set, table.storage, measure, THEIRS, parameter)
    return (ours, theirs) if ours is not None and theirs is not None else None
