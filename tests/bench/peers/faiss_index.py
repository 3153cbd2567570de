"""Faiss, IndexHNSWFlat: float32 vectors; cosine is the inner product of unit vectors."""

import faiss
import numpy as np

from peers.worker import EF_CONSTRUCTION, M, Engine, file_size, unit


class Faiss(Engine):
    about = f"faiss-cpu {faiss.__version__}, IndexHNSWFlat, {faiss.get_compile_options().strip()}"

    def build(self, base: np.ndarray, metric: str, threads: int) -> None:
        faiss.omp_set_num_threads(threads)
        self.is_cosine = metric == "cosine"
        self.index = faiss.IndexHNSWFlat(
            base.shape[1], M, faiss.METRIC_INNER_PRODUCT if self.is_cosine else faiss.METRIC_L2
        )
        self.index.hnsw.efConstruction = EF_CONSTRUCTION
        self.index.add(unit(base) if self.is_cosine else np.ascontiguousarray(base))

    def size_bytes(self) -> int:
        return file_size(lambda path: faiss.write_index(self.index, path))

    def set_ef_search(self, ef_search: int) -> None:
        faiss.omp_set_num_threads(1)
        self.index.hnsw.efSearch = ef_search

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        # The order by inner product does not depend on the query's length.
        return self.index.search(queries, k)[1]


ENGINE = Faiss
