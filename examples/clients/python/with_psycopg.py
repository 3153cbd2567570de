"""psycopg 3 with pgvector-python: every type in binary, COPY, nearest neighbours through an index, filters.

python with_psycopg.py [DSN]
"""

import numpy as np
import psycopg
from pgvector import Bit, HalfVector, SparseVector, Vector
from pgvector.psycopg import register_vector

from sample import DIMENSIONS, DSN, check, finish, nearest, recall, rows

connection = psycopg.connect(DSN, autocommit=True)
connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
register_vector(connection)

connection.execute("DROP TABLE IF EXISTS psycopg_items")
connection.execute(f"""
    CREATE TABLE psycopg_items (id int PRIMARY KEY, category int,
        v vector({DIMENSIONS}), h halfvec({DIMENSIONS}), s sparsevec({DIMENSIONS}), b bit({DIMENSIONS}))""")


def few_elements(vector: np.ndarray) -> SparseVector:
    """The eight largest elements."""
    return SparseVector({int(k): float(vector[k]) for k in np.argsort(-np.abs(vector))[:8]}, DIMENSIONS)


# One COPY in binary: the fastest way in, and nothing is rounded on the way.
vectors, categories, query = rows()
with connection.cursor().copy("COPY psycopg_items FROM STDIN (FORMAT binary)") as copy:
    copy.set_types(["int4", "int4", "vector", "halfvec", "sparsevec", "bit"])
    for number, (vector, category) in enumerate(zip(vectors, categories)):
        copy.write_row(
            [
                number,
                int(category),
                vector,
                HalfVector(vector.astype(np.float16)),
                few_elements(vector),
                Bit(vector > 0),
            ]
        )
check(
    connection.execute("SELECT count(*) FROM psycopg_items").fetchone()[0] == len(vectors),
    "COPY in binary stores every row",
)

for binary in (True, False):
    v, h, s, b = connection.execute("SELECT v, h, s, b FROM psycopg_items WHERE id = 17", binary=binary).fetchone()
    form = "binary" if binary else "text"
    check(np.array_equal(v.to_numpy(), vectors[17]), f"a vector comes back as it was, {form}")
    check(np.array_equal(h.to_numpy(), vectors[17].astype(np.float16)), f"a halfvec too, {form}")
    check(sorted(s.indices()) == sorted(np.argsort(-np.abs(vectors[17]))[:8].tolist()), f"a sparsevec too, {form}")
    # pgvector-python writes bit strings and leaves reading them to psycopg: the wire form, or text.
    check((Bit.from_binary(b) if binary else Bit(b)) == Bit(vectors[17] > 0), f"a bit string too, {form}")

connection.execute("CREATE INDEX ON psycopg_items USING hnsw (v vector_cosine_ops)")
connection.execute("CREATE INDEX ON psycopg_items USING hnsw (h halfvec_l2_ops)")
connection.execute("CREATE INDEX ON psycopg_items USING hnsw (s sparsevec_ip_ops)")
connection.execute("CREATE INDEX ON psycopg_items USING hnsw (b bit_hamming_ops)")
connection.execute("ANALYZE psycopg_items")
connection.execute("SET hnsw.ef_search = 100")


def search(statement: str, parameters: tuple) -> list[int]:
    """The ids, after a look at the plan: an index answers, not a sort of all rows."""
    plan = "\n".join(row[0] for row in connection.execute("EXPLAIN " + statement, parameters))
    check(
        "Index Scan using psycopg_items_" in plan and "Sort" not in plan,
        f"through the index: {statement.partition(' FROM ')[2]}",
    )
    return [row[0] for row in connection.execute(statement, parameters, binary=True)]


# A parameter in binary (%b): NumPy arrays are vectors; the other types are named by their classes.
found = search("SELECT id FROM psycopg_items ORDER BY v <=> %b LIMIT 10", (query,))
check(recall(found, nearest(vectors, query, "cosine")) >= 0.9, "the ten nearest by cosine distance")
found = search("SELECT id FROM psycopg_items ORDER BY h <-> %b LIMIT 10", (HalfVector(query.astype(np.float16)),))
check(recall(found, nearest(vectors, query, "l2")) >= 0.9, "the ten nearest by L2 distance, of halves")

found = search("SELECT id FROM psycopg_items ORDER BY s <#> %b LIMIT 10", (few_elements(query),))
smaller = np.argsort(-np.abs(vectors), axis=1)[:, 8:]
dense = vectors.copy()
np.put_along_axis(dense, smaller, 0, axis=1)
sparse_query = np.asarray(few_elements(query).to_list(), np.float32)
check(recall(found, nearest(dense, sparse_query, "ip")) >= 0.9, "the ten nearest by inner product, of sparse vectors")
found = search("SELECT id FROM psycopg_items ORDER BY b <~> %b LIMIT 10", (Bit(query > 0),))
differing = ((vectors > 0) != (query > 0)).sum(axis=1)
# Many rows are equally near: the distances are compared, not the rows.
check((differing[found] <= sorted(differing)[9]).sum() >= 9, "the ten nearest by Hamming distance, of bit strings")

# With a filter the scan goes on until ten rows have passed.
connection.execute("SET hnsw.iterative_scan = strict_order")
connection.execute("SET enable_seqscan = off")
found = search("SELECT id FROM psycopg_items WHERE category = %s ORDER BY v <=> %b LIMIT 10", (3, query))
members = np.flatnonzero(categories == 3)
exact = members[nearest(vectors[members], query, "cosine")].tolist()
check(len(found) == 10 and recall(found, exact) >= 0.9, "the ten nearest of a category")

row = connection.execute(
    "SELECT avg(v), v <-> %b FROM psycopg_items WHERE id = 0 GROUP BY v", (Vector(vectors[0]),), binary=True
).fetchone()
check(np.allclose(row[0].to_numpy(), vectors[0]) and row[1] == 0, "avg, and the distance to itself")
try:
    connection.execute("INSERT INTO psycopg_items (id, v) VALUES (-1, %b)", (np.ones(3, np.float32),))
    check(False, "a vector of other dimensions is refused")
except psycopg.errors.DataException as error:
    check(f"expected {DIMENSIONS} dimensions, not 3" in str(error), "a vector of other dimensions is refused")
finish()
