"""Files of vectors: .npy of NumPy, .fvecs of Faiss and the usual benchmarks. No row is read before the shape is known to
be right."""

from pathlib import Path

import numpy as np

MAX_DIMENSIONS = 16_000


class FileError(Exception):
    """A file that is not what its name says, or holds what a vector cannot."""


def open_vectors(path: Path) -> np.ndarray:
    """The file as an array of rows, mapped, not loaded."""
    if not path.is_file():
        raise FileError("no such file")
    readers = {".npy": open_npy, ".fvecs": open_fvecs}
    if path.suffix not in readers:
        raise FileError(f"{path.suffix or 'no ending'} is none of {', '.join(readers)}")
    vectors = readers[path.suffix](path)
    if not 1 <= vectors.shape[1] <= MAX_DIMENSIONS:
        raise FileError(f"rows have {vectors.shape[1]} elements, a vector has 1 to {MAX_DIMENSIONS}")
    return vectors


def open_npy(path: Path) -> np.ndarray:
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise FileError(f"not a whole .npy file: {error}") from None
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2:
        raise FileError(f"the shape is {getattr(vectors, 'shape', 'none')}, rows by elements is needed")
    if vectors.dtype.kind not in "fiu":
        raise FileError(f"elements are {vectors.dtype}, numbers are needed")
    return vectors


def open_fvecs(path: Path) -> np.ndarray:
    """Each row is its dimensions, an int32, and as many float32, all in little-endian order."""
    size = path.stat().st_size
    if size < 4:
        raise FileError(f"{size} bytes are no .fvecs file")
    words = np.memmap(path, "<i4", "r", shape=(size // 4,))
    dimensions = int(words[0])
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise FileError(f"the first row claims {dimensions} elements, a vector has 1 to {MAX_DIMENSIONS}")
    if size % (4 + 4 * dimensions):
        raise FileError(
            f"{size} bytes are no whole number of rows of {dimensions} elements: cut short, or of mixed dimensions"
        )
    rows = words.reshape(-1, dimensions + 1)
    wrong = np.flatnonzero(rows[:, 0] != dimensions)
    if wrong.size:
        raise FileError(f"row {wrong[0]} claims {rows[wrong[0], 0]} elements, row 0 {dimensions}")
    return rows.view("<f4")[:, 1:]


def elements(vectors: np.ndarray, first: int, last: int, dtype: np.dtype) -> np.ndarray:
    """Rows first to last - 1 as the elements of a column; refuses what a vector cannot hold."""
    with np.errstate(over="ignore"):
        rows = np.asarray(vectors[first:last]).astype(dtype)
    wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if wrong.size:
        raise FileError(
            f"row {first + wrong[0]} holds NaN, an infinite value, or one too large for {np.dtype(dtype).name}"
        )
    return rows
