"""asyncpg with pgvector-python: every type in binary both ways, COPY, nearest neighbours through an index, filters.

python with_asyncpg.py [URL]        postgresql://user@host/database, or the PG* variables
"""

import asyncio

import asyncpg
import numpy as np
from pgvector import HalfVector, SparseVector
from pgvector.asyncpg import register_vector

from sample import DIMENSIONS, DSN, check, finish, nearest, recall, rows


async def main() -> None:
    connection = await asyncpg.connect(DSN or None)
    await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    # Where the types are in another schema than public: register_vector(connection, schema="extensions").
    await register_vector(connection)

    await connection.execute("DROP TABLE IF EXISTS asyncpg_items")
    await connection.execute(f"""
        CREATE TABLE asyncpg_items (id int PRIMARY KEY, category int,
            v vector({DIMENSIONS}), h halfvec({DIMENSIONS}), s sparsevec({DIMENSIONS}),
            b bit({DIMENSIONS}))""")
    vectors, categories, query = rows()

    def bits(vector: np.ndarray) -> asyncpg.BitString:
        """Bit strings are asyncpg's own type."""
        return asyncpg.BitString("".join("1" if element > 0 else "0" for element in vector))

    records = [
        (
            number,
            int(category),
            vector,
            HalfVector(vector.astype(np.float16)),
            SparseVector({number % DIMENSIONS: 1.5}, DIMENSIONS),
            bits(vector),
        )
        for number, (vector, category) in enumerate(zip(vectors, categories))
    ]
    await connection.copy_records_to_table("asyncpg_items", records=records)
    check(
        await connection.fetchval("SELECT count(*) FROM asyncpg_items") == len(vectors),
        "COPY in binary stores every row",
    )

    row = await connection.fetchrow("SELECT v, h, s, b FROM asyncpg_items WHERE id = 17")
    check(np.array_equal(row["v"].to_numpy(), vectors[17]), "a vector comes back as it was")
    check(np.array_equal(row["h"].to_numpy(), vectors[17].astype(np.float16)), "a halfvec too")
    check(row["s"].indices() == [17] and row["s"].values() == [1.5], "a sparsevec too")
    check(row["b"] == bits(vectors[17]), "a bit string too")
    listed = await connection.fetchval("SELECT array_agg(v ORDER BY id) FROM asyncpg_items WHERE id IN (1, 2)")
    check(np.array_equal(listed[1].to_numpy(), vectors[2]), "and an array of vectors")

    await connection.execute("CREATE INDEX ON asyncpg_items USING hnsw (v vector_l2_ops)")
    await connection.execute("CREATE INDEX ON asyncpg_items USING hnsw (h halfvec_cosine_ops)")
    await connection.execute("CREATE INDEX ON asyncpg_items USING hnsw (b bit_hamming_ops)")
    await connection.execute("ANALYZE asyncpg_items")
    await connection.execute("SET hnsw.ef_search = 100")

    async def search(statement: str, *parameters) -> list[int]:
        plan = "\n".join(row[0] for row in await connection.fetch("EXPLAIN " + statement, *parameters))
        check(
            "Index Scan using asyncpg_items_" in plan and "Sort" not in plan,
            f"through the index: {statement.partition(' FROM ')[2]}",
        )
        return [row[0] for row in await connection.fetch(statement, *parameters)]

    found = await search("SELECT id FROM asyncpg_items ORDER BY v <-> $1 LIMIT 10", query)
    check(recall(found, nearest(vectors, query, "l2")) >= 0.9, "the ten nearest")
    half = HalfVector(query.astype(np.float16))
    found = await search("SELECT id FROM asyncpg_items ORDER BY h <=> $1 LIMIT 10", half)
    check(recall(found, nearest(vectors, query, "cosine")) >= 0.9, "the ten nearest halves by cosine distance")
    found = await search("SELECT id FROM asyncpg_items ORDER BY b <~> $1 LIMIT 10", bits(query))
    differing = ((vectors > 0) != (query > 0)).sum(axis=1)
    # Many rows are equally near: the distances are compared, not the rows.
    check((differing[found] <= sorted(differing)[9]).sum() >= 9, "the ten nearest bit strings by Hamming distance")

    # A prepared statement, executed often enough for a plan that does not know its parameter.
    statement = await connection.prepare("SELECT id FROM asyncpg_items ORDER BY v <-> $1 LIMIT 1")
    own = [await statement.fetchval(vector) for vector in vectors[:20]]
    check(own == list(range(20)), "each vector finds itself, twenty times with one statement")

    await connection.execute("SET hnsw.iterative_scan = strict_order")
    await connection.execute("SET enable_seqscan = off")
    found = await search("SELECT id FROM asyncpg_items WHERE category = $1 ORDER BY v <-> $2 LIMIT 10", 3, query)
    members = np.flatnonzero(categories == 3)
    exact = members[nearest(vectors[members], query, "l2")].tolist()
    check(len(found) == 10 and recall(found, exact) >= 0.9, "the ten nearest of a category")
    await connection.close()


asyncio.run(main())
finish()
