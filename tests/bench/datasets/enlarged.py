"""text-1m: a million rows with the structure of real text, larger than the last-level cache in every index."""

import numpy as np

from datasets import cache, ground_truth
from datasets.dataset import NO_FILTER, DataSet

SEED = 7
ROWS = 1_000_000
QUERY_ROWS = 200
POOL = 20_000  # partners are sought among so many rows at a time
PARTNERS = 8
SHIFT = 0.6
CHUNK = 2_000


def enlarge(text: DataSet) -> DataSet:
    """All rows of the text set, then normalised mixtures of near rows, until there are ROWS.

    A mixture is w a + (1 - w) b + SHIFT (c - d): w uniform in .25 to .75, b one of the PARTNERS rows nearest to a, and likewise d
    to a random c, all of one pool of 20,000. The rows of a pool are in the text set's seeded order, so a pool is a sample of all
    topics. Each row serves as `a` equally often. Without the shift, a difference that real rows have, mixtures would lie in tight
    clumps around their parents: cosine .94 to the nearest other row, where real rows have .71 and these about .8.

    The queries are the first 200 held-out sentences of the text set, real ones; the exact neighbours are over the million.
    """
    rows, dimensions = len(text.base), text.dimensions
    path = cache.folder("bench", "text-1m") / "base.npy"
    base = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(ROWS, dimensions))
    base[:rows] = text.base
    generator = np.random.default_rng(SEED)
    copies = (ROWS - rows) // rows
    place = rows
    for start in range(0, rows, POOL):
        pool = ground_truth.unit(np.asarray(text.base[start : start + POOL], np.float32))
        near = np.vstack([partners(pool, chunk) for chunk in range(0, len(pool), CHUNK)])

        def partner_of(numbers: np.ndarray, pool: np.ndarray = pool, near: np.ndarray = near) -> np.ndarray:
            return pool[near[numbers, generator.integers(0, PARTNERS, len(numbers))]]

        for _ in range(copies):
            weight = generator.uniform(0.25, 0.75, (len(pool), 1)).astype(np.float32)
            others = generator.permutation(len(pool))
            mixed = weight * pool + (1 - weight) * partner_of(np.arange(len(pool)))
            mixed += np.float32(SHIFT) * (pool[others] - partner_of(others))
            base[place : place + len(pool)] = ground_truth.unit(mixed)
            place += len(pool)
        print(f"text-1m: {place:,} rows", flush=True)
    base.flush()
    queries = text.queries[:QUERY_ROWS]
    print("text-1m: exact neighbours", flush=True)
    truth = ground_truth.nearest(base, queries, "cosine")
    return DataSet(
        "text-1m", f"MiniLM sentences and mixtures {ROWS:,} x {dimensions}, cosine", "cosine",
        base, queries, text.extra, {}, [], {NO_FILTER: truth},
    )


def partners(pool: np.ndarray, start: int) -> np.ndarray:
    """For the CHUNK rows from `start` on, the numbers of the PARTNERS nearest other rows of the pool, nearest first."""
    rows = np.arange(start, min(start + CHUNK, len(pool)))
    likeness = pool[rows] @ pool.T
    likeness[np.arange(len(rows)), rows] = -np.inf
    found = np.argpartition(-likeness, PARTNERS, axis=1)[:, :PARTNERS]
    order = np.argsort(-np.take_along_axis(likeness, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)
