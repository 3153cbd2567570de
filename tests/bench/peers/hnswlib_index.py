"""hnswlib: the authors' implementation, compiled for this CPU when it is installed."""

import importlib.metadata

import hnswlib
import numpy as np

from peers.worker import EF_CONSTRUCTION, M, Engine, file_size


class Hnswlib(Engine):
    about = f"hnswlib {importlib.metadata.version('hnswlib')}, float32"

    def build(self, base: np.ndarray, metric: str, threads: int) -> None:
        self.index = hnswlib.Index(space=metric, dim=base.shape[1])  # its names of the metrics are ours
        self.index.init_index(max_elements=len(base), M=M, ef_construction=EF_CONSTRUCTION, random_seed=1)
        self.index.add_items(base, num_threads=threads)

    def size_bytes(self) -> int:
        return file_size(self.index.save_index)

    def set_ef_search(self, ef_search: int) -> None:
        self.index.set_ef(ef_search)

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        return self.index.knn_query(queries, k=k, num_threads=1)[0].astype(np.int64)


ENGINE = Hnswlib
