"""Sets of the other dense types, made of the vectors of a set that is there: halves of the elements, one bit of each."""

import numpy as np

from datasets.dataset import DataSet

BRIGHT = 128  # of 255: a pixel that bright is a one


def halved(name: str, data: DataSet) -> DataSet:
    """The elements rounded to binary16, of rows and queries alike; the neighbours are those of the rounded rows."""
    parts = [np.asarray(part).astype(np.float16) for part in (data.base, data.queries, data.extra)]
    return DataSet(name, f"{data.title}, binary16", data.metric, *parts, {}, [], type="halfvec")


def signs(name: str, data: DataSet) -> DataSet:
    """A one for each positive element, what `binary_quantize` gives."""
    return as_bits(name, data, 0, "hamming")


def bright(name: str, data: DataSet, metric: str) -> DataSet:
    """A one for each pixel that is at least half bright."""
    return as_bits(name, data, BRIGHT - 0.5, metric)


def as_bits(name: str, data: DataSet, above: float, metric: str) -> DataSet:
    parts = [(np.asarray(part) > above).astype(np.uint8) for part in (data.base, data.queries, data.extra)]
    title = f"{data.title.rsplit(',', 1)[0]} bits, {metric}"
    return DataSet(name, title, metric, *parts, {}, [], type="bit")
