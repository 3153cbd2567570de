"""The forms that go over the wire: an embedding of each type as binary or text, rows of a COPY, integers of a result."""

import struct
from collections.abc import Iterator

import numpy as np

from datasets.rows import Rows, SparseRows, in_memory

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
CHUNK_ROWS = 2_000


def vector_bytes(vector: np.ndarray) -> bytes:
    """What `vector_recv` reads: dimensions, a reserved zero, then the elements, all big-endian."""
    return struct.pack(">HH", len(vector), 0) + vector.astype(">f4").tobytes()


def halfvec_bytes(vector: np.ndarray) -> bytes:
    """What `halfvec_recv` reads: as for a vector, elements of binary16."""
    return struct.pack(">HH", len(vector), 0) + vector.astype(">f2").tobytes()


def bit_bytes(bits: np.ndarray) -> bytes:
    """What `bit_recv` reads of zeros and ones: their number, then eight a byte, the first in the highest place."""
    return struct.pack(">i", len(bits)) + np.packbits(bits).tobytes()


def sparsevec_bytes(row: SparseRows) -> bytes:
    """What `sparsevec_recv` reads: dimensions, elements, a reserved zero, indices from 0, values, all big-endian."""
    head = struct.pack(">iii", row.dimensions, len(row.indices), 0)
    return head + row.indices.astype(">i4").tobytes() + row.values.astype(">f4").tobytes()


BINARY = {"vector": vector_bytes, "halfvec": halfvec_bytes, "bit": bit_bytes, "sparsevec": sparsevec_bytes}


def text_form(row: np.ndarray | SparseRows) -> str:
    """The text form of an embedding, told by what holds it."""
    if isinstance(row, SparseRows):
        pairs = (f"{index + 1}:{value}" for index, value in zip(row.indices.tolist(), row.values.tolist(), strict=True))
        return "{" + ",".join(pairs) + "}/" + str(row.dimensions)
    if row.dtype == np.uint8:
        return "".join(map(str, row.tolist()))
    return "[" + ",".join(map(str, row.tolist())) + "]"


def value_bytes(value) -> bytes:
    """An int4 or text value in binary form."""
    return value.encode() if isinstance(value, str) else struct.pack(">i", value)


def copy_rows(vectors: Rows, columns: list[np.ndarray], column_type: str = "vector") -> Iterator[bytes]:
    """A binary COPY stream of rows (id, columns..., embedding of `column_type`); ids count from 0."""
    form = BINARY[column_type]
    yield COPY_HEADER
    fields = struct.pack(">h", len(columns) + 2)
    for start in range(0, len(vectors), CHUNK_ROWS):
        chunk = in_memory(vectors[start : start + CHUNK_ROWS])
        names = [column[start : start + CHUNK_ROWS].tolist() for column in columns]
        parts = []
        for offset, vector in enumerate(chunk):
            parts.append(fields)
            for value in (start + offset, *(column[offset] for column in names)):
                parts.append(field(value_bytes(value)))
            parts.append(field(form(vector)))
        yield b"".join(parts)
    yield COPY_TRAILER


def copy_stream(rows: list[list[bytes]]) -> bytes:
    """A whole binary COPY stream of rows whose values are in binary form already."""
    count = struct.pack(">h", len(rows[0]))
    return COPY_HEADER + b"".join(count + b"".join(field(value) for value in row) for row in rows) + COPY_TRAILER


def field(content: bytes) -> bytes:
    """A COPY field: its length, then its bytes."""
    return struct.pack(">i", len(content)) + content
