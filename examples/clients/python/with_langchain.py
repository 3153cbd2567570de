"""LangChain: PGVector and PGVectorStore of langchain-postgres, with an index and filters.

    python with_langchain.py [DSN]

The embeddings are a stand-in, vectors of the words in a text, so that no model is needed.
"""

import hashlib

import numpy as np
import psycopg
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_postgres import Column, PGEngine, PGVector, PGVectorStore
from langchain_postgres.v2.indexes import HNSWIndex, HNSWQueryOptions
from sqlalchemy import create_engine, text

from sample import DIMENSIONS, DSN, check, finish

TOPICS = ["rivers", "engines", "taxes", "poems", "bridges", "bread", "stars", "chess"]


class WordEmbeddings(Embeddings):
    """A sum of pseudo-random vectors, one for each word."""

    def embed_query(self, text: str) -> list[float]:
        total = np.zeros(DIMENSIONS)
        for word in text.lower().split():
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
            total += np.random.default_rng(seed).normal(size=DIMENSIONS)
        return (total / np.linalg.norm(total)).tolist()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


def plan_of(connection, table: str) -> str:
    order = f"embedding <=> (SELECT embedding FROM {table} LIMIT 1)"
    return "\n".join(connection.execute(text(f"EXPLAIN SELECT * FROM {table} ORDER BY {order} LIMIT 4")).scalars())


documents = [
    Document(f"report {number} about {TOPICS[number % 8]}", metadata={"number": number, "year": 2020 + number % 5})
    for number in range(1500)
]
engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(DSN))

# PGVector: one table for all collections, metadata in jsonb.
store = PGVector(
    WordEmbeddings(), connection=engine, collection_name="annex_example", embedding_length=DIMENSIONS, use_jsonb=True
)
store.add_documents(documents, ids=[str(number) for number in range(len(documents))])
with engine.begin() as connection:
    connection.execute(
        text(
            "CREATE INDEX IF NOT EXISTS langchain_embedding ON langchain_pg_embedding USING hnsw (embedding vector_cosine_ops)"
        )
    )
    connection.execute(text("ANALYZE langchain_pg_embedding"))
    plan = plan_of(connection, "langchain_pg_embedding")
check("Index Scan using langchain_embedding" in plan, "PGVector: its order can go through an index")
found = store.similarity_search("about chess", k=4)
check(len(found) == 4 and all("chess" in document.page_content for document in found), "PGVector: similar documents")
found = store.similarity_search("about chess", k=4, filter={"year": {"$eq": 2023}})
check(
    len(found) == 4
    and all(document.metadata["year"] == 2023 and "chess" in document.page_content for document in found),
    "PGVector: with a filter",
)
scored = store.similarity_search_with_score("report 17 about engines", k=1)
check(scored[0][0].metadata["number"] == 17 and abs(scored[0][1]) < 1e-6, "PGVector: the text itself has distance 0")
store.delete(ids=["17"])
check(
    store.similarity_search("report 17 about engines", k=1)[0].metadata["number"] != 17,
    "PGVector: a deleted document is not found",
)
store.delete_collection()


async def connect() -> psycopg.AsyncConnection:
    return await psycopg.AsyncConnection.connect(DSN)


# PGVectorStore: a table of its own, metadata in columns.
pg_engine = PGEngine.from_connection_string("postgresql+psycopg://", async_creator=connect)
pg_engine.init_vectorstore_table(
    "langchain_items", DIMENSIONS, metadata_columns=[Column("year", "INTEGER")], overwrite_existing=True
)
store = PGVectorStore.create_sync(
    pg_engine,
    WordEmbeddings(),
    "langchain_items",
    metadata_columns=["year"],
    index_query_options=HNSWQueryOptions(ef_search=100),
)
store.add_documents(documents)
store.apply_vector_index(HNSWIndex(name="langchain_items_hnsw", m=16, ef_construction=64))
check(store.is_valid_index("langchain_items_hnsw"), "PGVectorStore: makes an hnsw index")
with engine.begin() as connection:
    connection.execute(text("ANALYZE langchain_items"))
    plan = plan_of(connection, "langchain_items")
check("Index Scan using langchain_items_hnsw" in plan, "PGVectorStore: its order can go through it")
found = store.similarity_search("about bread", k=4)
check(
    len(found) == 4 and all("bread" in document.page_content for document in found), "PGVectorStore: similar documents"
)
found = store.similarity_search("about bread", k=4, filter={"year": {"$gte": 2023}})
check(
    len(found) == 4
    and all(document.metadata["year"] >= 2023 and "bread" in document.page_content for document in found),
    "PGVectorStore: with a filter",
)
store.reindex("langchain_items_hnsw")
check(
    len(store.max_marginal_relevance_search("about bread", k=3)) == 3,
    "PGVectorStore: a diverse selection, after REINDEX",
)
finish()
