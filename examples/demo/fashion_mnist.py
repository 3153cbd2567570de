"""Reads Fashion-MNIST as Debian's package dataset-fashion-mnist installs it: 70,000 grey images of 28 x 28 pixels."""

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("/usr/share/datasets/fashion-mnist")
SIDE = 28
DIMENSIONS = SIDE * SIDE
LABELS = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


@dataclass(frozen=True)
class Image:
    """One image; `pixels` holds one byte for each pixel, 0 is the background."""

    id: int
    split: str
    label: str
    pixels: bytes


def _read_idx(path, magic, header):
    """The body of an IDX file and the numbers that follow its magic number."""
    with gzip.open(path) as file:
        data = file.read()
    found, *numbers = struct.unpack_from(header, data)
    if found != magic:
        raise SystemExit(f"{path} is not the expected IDX file: magic {found}, not {magic}")
    return data[struct.calcsize(header):], numbers


def _split(split, prefix, first_id):
    pixels, (count, rows, columns) = _read_idx(FOLDER / f"{prefix}-images-idx3-ubyte.gz", 2051, ">IIII")
    labels, (label_count,) = _read_idx(FOLDER / f"{prefix}-labels-idx1-ubyte.gz", 2049, ">II")
    if (rows, columns) != (SIDE, SIDE) or label_count != count:
        raise SystemExit(f"{prefix}: {count} images of {rows} x {columns}, {label_count} labels")
    for position in range(count):
        yield Image(
            first_id + position,
            split,
            LABELS[labels[position]],
            pixels[position * DIMENSIONS:(position + 1) * DIMENSIONS],
        )


def images(train, test):
    """The first `train` images of the train split with ids from 1, then the first `test` of the test split from 60,001."""
    wanted = [image for image in _split("train", "train", 1) if image.id <= train]
    wanted += [image for image in _split("test", "t10k", 60_001) if image.id <= 60_000 + test]
    return wanted
