"""The binary forms that go over the wire: a vector as a parameter, rows of a COPY, integers of a result."""

import struct
from collections.abc import Iterator

import numpy as np

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
CHUNK_ROWS = 2_000


def vector_bytes(vector: np.ndarray) -> bytes:
    """What `vector_recv` reads: dimensions, a reserved zero, then the elements, all big-endian."""
    return struct.pack(">HH", len(vector), 0) + vector.astype(">f4").tobytes()


def value_bytes(value) -> bytes:
    """An int4 or text value in binary form."""
    return value.encode() if isinstance(value, str) else struct.pack(">i", value)


def copy_rows(vectors: np.ndarray, columns: list[np.ndarray]) -> Iterator[bytes]:
    """A binary COPY stream of rows (id, columns..., vector); ids count from 0."""
    yield COPY_HEADER
    fields = struct.pack(">h", len(columns) + 2)
    for start in range(0, len(vectors), CHUNK_ROWS):
        chunk = np.asarray(vectors[start : start + CHUNK_ROWS])
        names = [column[start : start + CHUNK_ROWS].tolist() for column in columns]
        parts = []
        for offset, vector in enumerate(chunk):
            parts.append(fields)
            for value in (start + offset, *(column[offset] for column in names)):
                parts.append(field(value_bytes(value)))
            parts.append(field(vector_bytes(vector)))
        yield b"".join(parts)
    yield COPY_TRAILER


def copy_stream(rows: list[list[bytes]]) -> bytes:
    """A whole binary COPY stream of rows whose values are in binary form already."""
    count = struct.pack(">h", len(rows[0]))
    return COPY_HEADER + b"".join(count + b"".join(field(value) for value in row) for row in rows) + COPY_TRAILER


def field(content: bytes) -> bytes:
    """A COPY field: its length, then its bytes."""
    return struct.pack(">i", len(content)) + content
