"""The same ten neighbours from SQL, Faiss and hnswlib: a table's vectors go to NumPy by binary COPY, and each library answers.

same_neighbors.py [TABLE] [--queries N] [--dsn DSN]        without a table one is made
"""

import argparse
import sys

import faiss
import hnswlib
import numpy as np
import psycopg

from copy_binary import encode, read_vectors, write_vectors

NEIGHBORS = 10


def main() -> None:
    faiss.omp_set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", nargs="?", help="a table (id bigint, embedding vector)")
    parser.add_argument("--queries", type=int, default=50, help="rows to search for (default 50)")
    parser.add_argument("--dsn", default="", help="connection string; default: the PG* variables")
    options = parser.parse_args()
    with psycopg.connect(options.dsn, autocommit=True) as connection:
        table = options.table or make_table(connection)
        ids, vectors = read_vectors(connection, f"SELECT id, embedding FROM {table}")
        print(f"# {len(ids)} vectors of {vectors.shape[1]} dimensions from {table}")
        vectors = vectors.astype(np.float32)
        queries = vectors[np.random.default_rng(1).choice(len(vectors), options.queries, replace=False)]
        exact = neighbors_by_sql(connection, table, queries)
    failed = 0
    answers = {
        "Faiss, exact": neighbors_by_faiss(faiss.IndexFlatL2(vectors.shape[1]), ids, vectors, queries),
        "Faiss, HNSW": neighbors_by_faiss(faiss_hnsw(vectors), ids, vectors, queries),
        "hnswlib": neighbors_by_hnswlib(ids, vectors, queries),
    }
    for number, (name, found) in enumerate(answers.items(), 1):
        equal = sum(list(a) == list(b) for a, b in zip(found, exact))
        is_right = equal == len(queries)
        failed += not is_right
        print(
            f"{'ok' if is_right else 'not ok'} {number} - {name}: {equal} of {len(queries)} queries have the {NEIGHBORS} neighbours of exact SQL"
        )
    print(f"1..{len(answers)}")
    sys.exit(1 if failed else 0)


def make_table(connection: psycopg.Connection) -> str:
    connection.execute(
        "DROP TABLE IF EXISTS exchange_items; CREATE TABLE exchange_items (id bigint PRIMARY KEY, embedding vector(32))"
    )
    vectors = np.random.default_rng(7).normal(size=(5000, 32)).astype(np.float32)
    write_vectors(
        connection,
        "COPY exchange_items (id, embedding) FROM STDIN (FORMAT binary)",
        iter([encode(1000, vectors, "vector")]),
    )
    return "exchange_items"


def neighbors_by_sql(connection: psycopg.Connection, table: str, queries: np.ndarray) -> list[list[int]]:
    connection.execute("SET enable_indexscan = off")
    statement = f"SELECT id FROM {table} ORDER BY embedding <-> %s::vector LIMIT {NEIGHBORS}"
    literals = ("[" + ",".join(f"{element:.9g}" for element in query) + "]" for query in queries)
    return [[row[0] for row in connection.execute(statement, (literal,))] for literal in literals]


def neighbors_by_faiss(index, ids: np.ndarray, vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    index.add(vectors)
    _, rows = index.search(queries, NEIGHBORS)
    return ids[rows]


def faiss_hnsw(vectors: np.ndarray):
    index = faiss.IndexHNSWFlat(vectors.shape[1], 32)
    index.hnsw.efConstruction = 200
    index.hnsw.efSearch = 1000
    return index


def neighbors_by_hnswlib(ids: np.ndarray, vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    index = hnswlib.Index("l2", vectors.shape[1])
    index.init_index(len(vectors), ef_construction=200, M=32, random_seed=1)
    index.add_items(vectors, ids, num_threads=1)
    index.set_ef(1000)
    labels, _ = index.knn_query(queries, NEIGHBORS)
    return labels.astype(np.int64)


main()
