"""asyncpg with pgvector-python: binary both ways, COPY, nearest neighbours through an index, filters.

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
            v vector({DIMENSIONS}), h halfvec({DIMENSIONS}), s sparsevec({DIMENSIONS}))""")
    vectors, categories, query = rows()
    records = [
        (
            number,
            int(category),
            vector,
            HalfVector(vector.astype(np.float16)),
            SparseVector({number % DIMENSIONS: 1.5}, DIMENSIONS),
        )
        for number, (vector, category) in enumerate(zip(vectors, categories))
    ]
    await connection.copy_records_to_table("asyncpg_items", records=records)
    check(
        await connection.fetchval("SELECT count(*) FROM asyncpg_items") == len(vectors),
        "COPY in binary stores every row",
    )

    row = await connection.fetchrow("SELECT v, h, s FROM asyncpg_items WHERE id = 17")
    check(np.array_equal(row["v"].to_numpy(), vectors[17]), "a vector comes back as it was")
    check(np.array_equal(row["h"].to_numpy(), vectors[17].astype(np.float16)), "a halfvec too")
    check(row["s"].indices() == [17] and row["s"].values() == [1.5], "a sparsevec too")
    listed = await connection.fetchval("SELECT array_agg(v ORDER BY id) FROM asyncpg_items WHERE id IN (1, 2)")
    check(np.array_equal(listed[1].to_numpy(), vectors[2]), "and an array of vectors")

    await connection.execute("CREATE INDEX ON asyncpg_items USING hnsw (v vector_l2_ops)")
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
