"""What a data set is: vectors, held-out queries, columns to filter by, and the exact neighbours under each filter."""

import json
import operator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from datasets import cache, ground_truth
from datasets.rows import Rows, SparseRows, in_memory

NO_FILTER = "none"
ROW_PARTS = ("base", "queries", "extra")
COMPARISONS = {"=": operator.eq, "<": operator.lt}


@dataclass(frozen=True)
class Filter:
    """A condition `column comparison value`; `value` holds one entry for all queries or one for each query."""

    name: str
    column: str
    comparison: str
    value: list

    def mask(self, columns: dict[str, np.ndarray], value) -> np.ndarray:
        """Which rows satisfy the condition."""
        return COMPARISONS[self.comparison](columns[self.column], value)

    def value_of(self, query: int):
        """The constant that query number `query` compares with."""
        return self.value[query] if len(self.value) > 1 else self.value[0]


@dataclass
class DataSet:
    """`columns` has one array per column with an entry per base row; the row number is the row's id in the table.

    Rows are float32 for `vector`, float16 for `halfvec`, zeros and ones of uint8 for `bit`, and SparseRows for `sparsevec`.
    """

    name: str
    title: str
    metric: str  # "l2", "ip", "cosine", "hamming" or "jaccard"
    base: Rows
    queries: Rows
    extra: Rows  # rows for the insert measurement, not in the base
    columns: dict[str, np.ndarray]
    filters: list[Filter]
    truth: dict[str, np.ndarray] = field(default_factory=dict)  # filter name -> ids (queries x at most 100), nearest first
    type: str = "vector"  # the SQL type of the column

    @property
    def dimensions(self) -> int:
        return self.base.shape[1]

    @property
    def value_bytes(self) -> int:
        """What the elements of a row take, on average where rows differ."""
        match self.type:
            case "sparsevec":
                return 8 * len(self.base.values) // len(self.base)
            case "bit":
                return -(-self.dimensions // 8)
        return self.dimensions * self.base.dtype.itemsize

    def selectivity(self, condition: Filter) -> float:
        """Mean share of the base rows that satisfy the condition."""
        values = condition.value
        return float(np.mean([condition.mask(self.columns, value).mean() for value in set(values)]))

    def compute_truth(self) -> None:
        """Exact neighbours of every query, over all rows and under each filter."""
        self.truth[NO_FILTER] = ground_truth.nearest(self.base, self.queries, self.metric)
        for condition in self.filters:
            print(f"{self.name}: exact neighbours where {condition.column} {condition.comparison} ({condition.name})", flush=True)
            self.truth[condition.name] = self._filtered_truth(condition)

    def _filtered_truth(self, condition: Filter) -> np.ndarray:
        count = len(self.queries)
        values = [condition.value_of(query) for query in range(count)]
        ids = np.full((count, ground_truth.DEPTH), -1, np.int32)
        for value in sorted(set(values)):
            queries = np.array([query for query in range(count) if values[query] == value])
            rows = np.flatnonzero(condition.mask(self.columns, value))
            found = rows[ground_truth.nearest(self.base[rows], self.queries[queries], self.metric)]
            ids[queries, : found.shape[1]] = found
        return ids

    def subset(self, rows: int, queries: int, extra: int) -> "DataSet":
        """The first rows and queries as a data set of their own, with its own exact neighbours."""
        small = DataSet(
            self.name, self.title, self.metric, in_memory(self.base[:rows]), self.queries[:queries], self.extra[:extra],
            {name: values[:rows] for name, values in self.columns.items()},
            [Filter(f.name, f.column, f.comparison, f.value[:queries]) for f in self.filters], type=self.type,
        )
        small.compute_truth()
        return small

    def first_rows(self, rows: int, queries: int) -> "DataSet":
        """The first rows as a data set named after their number, without filters and inserts, with its own exact neighbours."""
        small = DataSet(
            f"{self.name}-{rows}", f"{self.name}, the first {rows:,} rows", self.metric,
            in_memory(self.base[:rows]), self.queries[:queries], self.extra[:0], {}, [], type=self.type,
        )
        small.compute_truth()
        return small

    def save(self, folder: Path) -> None:
        """Writes arrays as .npy and the description last: a folder without it is incomplete."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ROW_PARTS:
            vectors, path = getattr(self, name), folder / f"{name}.npy"
            if isinstance(vectors, SparseRows):
                vectors.save(folder / f"{name}.npz")
                continue
            # A base that was written in place, because it is large, must not be copied onto itself.
            if not (isinstance(vectors, np.memmap) and Path(vectors.filename) == path):
                np.save(path, vectors)
        for name, values in self.columns.items():
            np.save(folder / f"column_{name}.npy", values)
        for name, ids in self.truth.items():
            np.save(folder / f"truth_{name}.npy", ids)
        cache.write_json(folder / "dataset.json", {
            "title": self.title, "type": self.type, "metric": self.metric, "columns": list(self.columns), "truth": list(self.truth),
            "filters": [vars(condition) for condition in self.filters],
        })


def load(name: str, folder: Path) -> DataSet:
    """Opens a saved data set; the base stays mapped from disk."""
    about = json.loads((folder / "dataset.json").read_text())
    return DataSet(
        name, about["title"], about["metric"], *(load_rows(folder, part) for part in ROW_PARTS),
        {column: np.load(folder / f"column_{column}.npy") for column in about["columns"]},
        [Filter(**condition) for condition in about["filters"]],
        {filter_name: np.load(folder / f"truth_{filter_name}.npy") for filter_name in about["truth"]},
        about.get("type", "vector"),
    )


def load_rows(folder: Path, part: str) -> Rows:
    path = folder / f"{part}.npz"
    if path.exists():
        return SparseRows.load(path)
    return np.load(folder / f"{part}.npy", mmap_mode="r" if part == "base" else None)
