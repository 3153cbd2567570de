"""The numbers of a run, one row each, as they go into the CSV."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One number: of which data set and storage, what was measured, on which side, at which parameter."""

    data_set: str
    storage: str
    measure: str
    side: str
    parameter: str
    value: float
    unit: str


@dataclass(frozen=True)
class Note:
    """What was not measured, or under which condition something was, in words."""

    data_set: str
    storage: str
    measure: str
    side: str
    text: str


@dataclass
class Results:
    """All rows of a run, with look-up by key."""

    rows: list[Row] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def add(self, data_set: str, storage: str, measure: str, side: str, parameter, value: float, unit: str) -> None:
        self.rows.append(Row(data_set, storage, measure, side, str(parameter), value, unit))

    def note(self, data_set: str, storage: str, measure: str, side: str, text: str) -> None:
        """Keeps a sentence for the report, once."""
        note = Note(data_set, storage, measure, side, text)
        if note not in self.notes:
            self.notes.append(note)

    def get(self, data_set: str, storage: str, measure: str, side: str, parameter="") -> float | None:
        """The value, or None when it was not measured."""
        for row in self.rows:
            if (row.data_set, row.storage, row.measure, row.side, row.parameter) == (
                data_set, storage, measure, side, str(parameter)
            ):
                return row.value
        return None

    def parameters(self, data_set: str, storage: str, measure: str, side: str) -> list[str]:
        """The parameters at which something was measured, in the order of measuring."""
        return [
            row.parameter for row in self.rows
            if (row.data_set, row.storage, row.measure, row.side) == (data_set, storage, measure, side)
        ]
