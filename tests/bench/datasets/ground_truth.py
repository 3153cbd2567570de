"""Exact nearest neighbours: float32 products in blocks choose candidates, float64 distances order them.

Rows are a matrix of any number type, bits as zeros and ones, or SparseRows.
"""

import numpy as np

from datasets.rows import Rows, SparseRows

DEPTH = 100
CANDIDATES = 200  # more than DEPTH, so that float32 rounding cannot lose a neighbour
BLOCK_ROWS = 20_000
TIE = 1e-6  # rows this close (relative) to the k-th distance count as neighbours too: float32 servers cannot tell them apart


def nearest(base: Rows, queries: Rows, metric: str) -> np.ndarray:
    """Row numbers (int32, queries x at most DEPTH) of the nearest rows, nearest first, equal distances by row number."""
    keys = np.empty((len(queries), 0), np.float32)
    rows = np.empty((len(queries), 0), np.int64)
    for start in range(0, len(base), BLOCK_ROWS):
        block_keys = all_distances(queries, base[start : start + BLOCK_ROWS], metric, np.float32)
        numbers = np.broadcast_to(np.arange(start, start + block_keys.shape[1]), block_keys.shape)
        keys, rows = smallest(np.hstack([keys, block_keys]), np.hstack([rows, numbers]))
    exact = distances(base, queries, rows, metric)
    order = np.lexsort((rows, exact), axis=1)[:, :DEPTH]
    return np.take_along_axis(rows, order, axis=1).astype(np.int32)


def all_distances(queries: Rows, rows: Rows, metric: str, dtype: type) -> np.ndarray:
    """Of each query to each row (squared for L2), computed in `dtype`.

    # Raises ValueError for a metric that is not one of the six.
    """
    products = inner_products(queries, rows, dtype)
    if metric == "ip":
        return -products
    ours, theirs = squared_norms(queries, dtype)[:, None], squared_norms(rows, dtype)[None]
    with np.errstate(divide="ignore", invalid="ignore"):  # rows of zeros only
        match metric:
            # Between zeros and ones the squared Euclidean distance counts the bits that differ.
            case "l2" | "hamming":
                return ours + theirs - 2 * products
            case "cosine":
                return 1 - np.nan_to_num(products / np.sqrt(ours * theirs))
            case "jaccard":
                return 1 - np.nan_to_num(products / (ours + theirs - products))
    raise ValueError(f"no metric {metric}")


def inner_products(queries: Rows, rows: Rows, dtype: type) -> np.ndarray:
    if isinstance(queries, SparseRows):
        return queries.inner_products(rows, dtype)
    return np.asarray(queries, dtype) @ np.asarray(rows, dtype).T


def squared_norms(rows: Rows, dtype: type) -> np.ndarray:
    return rows.squared_norms(dtype) if isinstance(rows, SparseRows) else (np.asarray(rows, dtype) ** 2).sum(axis=1)


def smallest(keys: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The CANDIDATES smallest keys of each line, in any order, with their rows."""
    if keys.shape[1] <= CANDIDATES:
        return keys, rows
    places = np.argpartition(keys, CANDIDATES - 1, axis=1)[:, :CANDIDATES]
    return np.take_along_axis(keys, places, axis=1), np.take_along_axis(rows, places, axis=1)


def distances(base: Rows, queries: Rows, rows: np.ndarray, metric: str) -> np.ndarray:
    """float64 distances (squared for L2) of each query to its line of `rows`; infinite where a row number is negative."""
    result = np.empty(rows.shape, np.float64)
    for number, line in enumerate(rows):
        result[number] = all_distances(queries[number : number + 1], base[line], metric, np.float64)[0]
    result[rows < 0] = np.inf
    return result


def recall(base: Rows, queries: Rows, found: np.ndarray, truth: np.ndarray, metric: str) -> float:
    """Share of the k nearest rows among `found` (queries x k, -1 where a row is missing), by distance so that ties count.

    Where fewer than k rows satisfy a filter, the share is of those that exist.
    """
    k = found.shape[1]
    true = distances(base, queries, truth[:, :k], metric)
    exists = np.isfinite(true)
    limit = np.max(np.where(exists, true, -np.inf), axis=1)
    hits = distances(base, queries, found, metric) <= (limit + TIE * np.abs(limit) + 1e-9)[:, None]
    wanted = exists.sum(axis=1)
    return float(np.minimum(hits.sum(axis=1), wanted).sum() / wanted.sum())


def unit(vectors: np.ndarray) -> np.ndarray:
    """The rows scaled to length 1; zero rows stay zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms == 0, 1, norms)
