"""What holds the rows of a data set: a matrix, or SparseRows with only the elements that are not zero."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass
class SparseRows:
    """Row `i` has the elements `starts[i]` to `starts[i + 1]` of `indices` (ascending, from 0) and `values`; no row is empty.

    An index of one number gives a table of one row, a slice or an array of numbers a table of those rows.
    """

    starts: np.ndarray  # int64, one more than rows
    indices: np.ndarray  # int32
    values: np.ndarray  # float32
    dimensions: int

    @classmethod
    def from_rows(cls, rows: list[tuple[np.ndarray, np.ndarray]], dimensions: int) -> "SparseRows":
        """Rows as pairs of indices and values."""
        starts = np.concatenate([[0], np.cumsum([len(indices) for indices, _ in rows])]).astype(np.int64)
        indices = np.concatenate([indices for indices, _ in rows]).astype(np.int32)
        return cls(starts, indices, np.concatenate([values for _, values in rows]).astype(np.float32), dimensions)

    @classmethod
    def load(cls, path: Path) -> "SparseRows":
        with np.load(path) as file:
            return cls(file["starts"], file["indices"], file["values"], int(file["dimensions"]))

    def save(self, path: Path) -> None:
        np.savez(path, starts=self.starts, indices=self.indices, values=self.values, dimensions=self.dimensions)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), self.dimensions

    def __getitem__(self, rows) -> "SparseRows":
        numbers = np.atleast_1d(np.arange(len(self))[rows])
        counts = self.starts[numbers + 1] - self.starts[numbers]
        starts = np.concatenate([[0], np.cumsum(counts)])
        places = np.repeat(self.starts[numbers] - starts[:-1], counts) + np.arange(starts[-1])
        return SparseRows(starts, self.indices[places], self.values[places], self.dimensions)

    def __iter__(self) -> Iterator["SparseRows"]:
        for start, end in zip(self.starts[:-1], self.starts[1:], strict=True):
            yield SparseRows(np.array([0, end - start]), self.indices[start:end], self.values[start:end], self.dimensions)

    def inner_products(self, others: "SparseRows", dtype: type) -> np.ndarray:
        """Of each row with each of `others`."""
        result = np.empty((len(self), len(others)), dtype)
        weights, dense = others.values.astype(dtype), np.zeros(self.dimensions, dtype)
        for number, row in enumerate(self):
            dense[row.indices] = row.values
            result[number] = np.add.reduceat(dense[others.indices] * weights, others.starts[:-1])
            dense[row.indices] = 0
        return result

    def squared_norms(self, dtype: type) -> np.ndarray:
        return np.add.reduceat(self.values.astype(dtype) ** 2, self.starts[:-1])


Rows = np.ndarray | SparseRows


def in_memory(rows: Rows) -> Rows:
    """The rows as they are, no longer mapped from disk."""
    return rows if isinstance(rows, SparseRows) else np.array(rows)
