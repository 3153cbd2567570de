"""Vectors between PostgreSQL's binary COPY and NumPy, a block of rows at once: no loop over rows, no text.

A row of COPY BINARY whose columns are a bigint and a vector has a fixed length, so a NumPy record describes it.
"""

from collections.abc import Iterator

import numpy as np
import psycopg

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
ELEMENTS = {"vector": ">f4", "halfvec": ">f2"}


def record(type_name: str, dimensions: int) -> np.dtype:
    """A row (bigint, vector) or (bigint, halfvec) on the wire: everything in network order."""
    return np.dtype(
        [
            ("columns", ">i2"),
            ("id_bytes", ">i4"),
            ("id", ">i8"),
            ("vector_bytes", ">i4"),
            ("dimensions", ">i2"),
            ("unused", ">i2"),
            ("elements", ELEMENTS[type_name], (dimensions,)),
        ]
    )


def encode(first_id: int, vectors: np.ndarray, type_name: str) -> bytes:
    """Rows with the ids first_id, first_id + 1, ..."""
    count, dimensions = vectors.shape
    rows = np.zeros(count, record(type_name, dimensions))
    rows["columns"] = 2
    rows["id_bytes"] = 8
    rows["id"] = np.arange(first_id, first_id + count)
    rows["vector_bytes"] = 4 + dimensions * np.dtype(ELEMENTS[type_name]).itemsize
    rows["dimensions"] = dimensions
    rows["elements"] = vectors
    return rows.tobytes()


def read_vectors(connection: psycopg.Connection, query: str) -> tuple[np.ndarray, np.ndarray]:
    """Ids and vectors of a query with the columns bigint and vector or halfvec, neither NULL, all of the same dimensions."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_typeof(id)::text, pg_typeof(v)::text, vector_dims(v) FROM ({query}) AS t (id, v) LIMIT 1"
        )
        row = cursor.fetchone()
        if row is None:
            return np.empty(0, np.int64), np.empty((0, 0), np.float32)
        id_type, vector_type, dimensions = row
        type_name = vector_type.split(".")[-1]
        if id_type != "bigint" or type_name not in ELEMENTS or dimensions is None:
            raise ValueError(
                f"the query has columns {id_type} and {vector_type}: bigint and vector or halfvec, without NULLs, are read"
            )
        with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)") as copy:
            data = b"".join(bytes(block) for block in copy)
    layout = record(type_name, dimensions)
    body = len(data) - len(HEADER) - len(TRAILER)
    rows = np.frombuffer(data, layout, count=body // layout.itemsize, offset=len(HEADER))
    if body % layout.itemsize or (rows["dimensions"] != dimensions).any():
        raise ValueError(f"not all rows are {dimensions} dimensions without NULLs")
    native = np.dtype(ELEMENTS[type_name]).newbyteorder("=")
    return rows["id"].astype(np.int64), rows["elements"].astype(native)


def write_vectors(connection: psycopg.Connection, statement: str, blocks: Iterator[bytes]) -> None:
    """Sends blocks made by `encode` with a statement COPY table (id, column) FROM STDIN (FORMAT binary)."""
    with connection.cursor().copy(statement) as copy:
        copy.write(HEADER)
        for block in blocks:
            copy.write(block)
        copy.write(TRAILER)
