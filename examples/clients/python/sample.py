"""What the examples share: where the database is, sample rows, exact neighbours to compare with, and lines for what was
found."""

import sys

import numpy as np

ROWS, DIMENSIONS, CATEGORIES = 4000, 64, 10
# A connection string of libpq, `postgresql://user@host/database` or `host=... dbname=...`; empty: the PG* variables.
DSN = sys.argv[1] if len(sys.argv) > 1 else ""
checks = []


def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors in clusters, as embeddings are; the category of each; and one vector more to search for."""
    random = np.random.default_rng(7)
    centers = random.normal(size=(40, DIMENSIONS))
    vectors = centers[random.integers(40, size=ROWS + 1)] + random.normal(size=(ROWS + 1, DIMENSIONS))
    vectors = vectors.astype(np.float32)
    return vectors[:-1], random.integers(CATEGORIES, size=ROWS), vectors[-1]


def nearest(vectors: np.ndarray, query: np.ndarray, metric: str, count: int = 10) -> list[int]:
    """Row numbers of the nearest vectors, exactly, by l2, cosine or ip."""
    if metric == "cosine":
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = -vectors @ query if metric in ("cosine", "ip") else np.linalg.norm(vectors - query, axis=1)
    return np.argsort(distances, kind="stable")[:count].tolist()


def recall(found: list[int], exact: list[int]) -> float:
    """Share of the exact rows that were found."""
    return len(set(found) & set(exact)) / len(exact)


def check(is_right: bool, text: str) -> None:
    """One promise of the example, as a line of the Test Anything Protocol."""
    checks.append(bool(is_right))
    print(f"{'ok' if is_right else 'not ok'} {len(checks)} - {text}", flush=True)


def finish() -> None:
    print(f"1..{len(checks)}")
    sys.exit(0 if all(checks) else 1)
