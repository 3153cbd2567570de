"""What the query vector costs on its way in: text and binary parameters of 1,536 dimensions, beside a search with them."""

import numpy as np

from datasets.dataset import DataSet
from measuring.interleaved import medians
from measuring.pinning import one_core
from measuring.plan import K, Plan
from measuring.results import Results
from server.side import OPERATORS, Side
from server.vector_format import copy_rows, text_form, vector_bytes

# The set whose embeddings become the longer vectors.
SET = "text"
DIMENSIONS = 1_536
EF_SEARCH = 40
BINARY, TEXT = 1, 0


def measure_wide(results: Results, sides: list[Side], data: DataSet, storage: str, plan: Plan) -> None:
    """A row is four embeddings of the set in sequence, scaled to length 1; queries are made of held-out ones in the same way."""
    times = DIMENSIONS // data.dimensions
    base = joined(data.base[: plan.wide_rows * times], times)
    queries = joined(data.queries, times)
    for side in sides:
        side.run("DROP TABLE IF EXISTS wide")
        side.run(f"CREATE TABLE wide (id int4 PRIMARY KEY, embedding vector({DIMENSIONS}) NOT NULL)")
        side.run("ALTER TABLE wide ALTER COLUMN embedding SET STORAGE PLAIN")
        with side.connection.cursor() as cursor, cursor.copy("COPY wide FROM STDIN (FORMAT binary)") as copy:
            for chunk in copy_rows(base, []):
                copy.write(chunk)
        side.run("VACUUM (FREEZE, ANALYZE) wide")
        side.run("CREATE INDEX ON wide USING hnsw (embedding vector_cosine_ops)")
        side.run(f"SET hnsw.ef_search = {EF_SEARCH}")
        # The floor takes the parameter as bytea or text: it crosses the wire and nobody reads it.
        side.prepare("wide_floor_binary", "SELECT octet_length($1::bytea)")
        side.prepare("wide_floor_text", "SELECT octet_length($1::text)")
        side.prepare("wide_parameter", "SELECT vector_dims($1::vector)")
        side.prepare("wide_search", f"SELECT id FROM wide ORDER BY embedding {OPERATORS['cosine']} $1 LIMIT {K}")
    binary = [vector_bytes(query) for query in queries]
    text = [text_form(query).encode() for query in queries]
    with one_core(results, sides, data.name, storage):
        for name, statement, values, form in (
            ("floor binary", "wide_floor_binary", binary, BINARY),
            ("floor text", "wide_floor_text", text, TEXT),
            ("parameter binary", "wide_parameter", binary, BINARY),
            ("parameter text", "wide_parameter", text, TEXT),
            ("search binary", "wide_search", binary, BINARY),
            ("search text", "wide_search", text, TEXT),
        ):
            def micros(side: Side, statement: str = statement, values: list[bytes] = values, form: int = form) -> float:
                return np.mean([side.execute(statement, [value], form)[1] for value in values]) / 1000

            for side in sides:
                micros(side)
            found = medians(sides, plan.repeat, micros)
            for side in sides:
                results.add(data.name, storage, "wide", side.name, name, found[side.name], "us")
    for side in sides:
        side.run("RESET hnsw.ef_search")
        side.run("DROP TABLE wide")


def joined(vectors: np.ndarray, times: int) -> np.ndarray:
    rows = len(vectors) // times
    long = np.asarray(vectors[: rows * times], np.float32).reshape(rows, -1)
    return long / np.linalg.norm(long, axis=1, keepdims=True)
