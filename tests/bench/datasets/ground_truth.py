"""Exact nearest neighbours: float32 products in blocks choose candidates, float64 distances order them."""

import numpy as np

DEPTH = 100
CANDIDATES = 200  # more than DEPTH, so that float32 rounding cannot lose a neighbour
BLOCK_ROWS = 20_000
TIE = 1e-6  # rows this close (relative) to the k-th distance count as neighbours too: float32 servers cannot tell them apart


def nearest(base: np.ndarray, queries: np.ndarray, metric: str) -> np.ndarray:
    """Row numbers (int32, queries x at most DEPTH) of the nearest rows, nearest first, equal distances by row number."""
    prepared = unit(queries) if metric == "cosine" else queries
    keys = np.empty((len(queries), 0), np.float32)
    rows = np.empty((len(queries), 0), np.int64)
    for start in range(0, len(base), BLOCK_ROWS):
        block = np.asarray(base[start : start + BLOCK_ROWS], np.float32)
        if metric == "cosine":
            block_keys = -(prepared @ unit(block).T)
        else:
            block_keys = (block * block).sum(axis=1) - 2 * (prepared @ block.T)
        numbers = np.broadcast_to(np.arange(start, start + len(block)), block_keys.shape)
        keys, rows = smallest(np.hstack([keys, block_keys]), np.hstack([rows, numbers]))
    exact = distances(base, queries, rows, metric)
    order = np.lexsort((rows, exact), axis=1)[:, :DEPTH]
    return np.take_along_axis(rows, order, axis=1).astype(np.int32)


def smallest(keys: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The CANDIDATES smallest keys of each line, in any order, with their rows."""
    if keys.shape[1] <= CANDIDATES:
        return keys, rows
    places = np.argpartition(keys, CANDIDATES - 1, axis=1)[:, :CANDIDATES]
    return np.take_along_axis(keys, places, axis=1), np.take_along_axis(rows, places, axis=1)


def distances(base: np.ndarray, queries: np.ndarray, rows: np.ndarray, metric: str) -> np.ndarray:
    """float64 distances (squared for L2) of each query to its line of `rows`; infinite where a row number is negative."""
    result = np.empty(rows.shape, np.float64)
    for number, query in enumerate(queries):
        vectors = np.asarray(base[rows[number]], np.float64)
        if metric == "cosine":
            result[number] = 1 - unit(vectors) @ unit(query.astype(np.float64)[None])[0]
        else:
            result[number] = ((vectors - query.astype(np.float64)) ** 2).sum(axis=1)
    result[rows < 0] = np.inf
    return result


def recall(base: np.ndarray, queries: np.ndarray, found: np.ndarray, truth: np.ndarray, metric: str) -> float:
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
