"""USearch with float32 elements; its default, bf16, would be another comparison."""

import numpy as np
import usearch
from usearch.index import Index

from peers.worker import EF_CONSTRUCTION, M, Engine, file_size

METRICS = {"l2": "l2sq", "cosine": "cos"}


class USearch(Engine):
    def build(self, base: np.ndarray, metric: str, threads: int) -> None:
        self.index = Index(
            ndim=base.shape[1], metric=METRICS[metric], dtype="f32", connectivity=M, expansion_add=EF_CONSTRUCTION
        )
        self.about = f"usearch {usearch.__version__}, f32, kernels {self.index.hardware_acceleration}"
        self.index.add(np.arange(len(base)), np.ascontiguousarray(base), threads=threads)

    def size_bytes(self) -> int:
        return file_size(self.index.save)

    def set_ef_search(self, ef_search: int) -> None:
        self.index.expansion_search = ef_search

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        keys = self.index.search(queries, k, threads=1).keys
        return np.asarray(keys).astype(np.int64).reshape(len(queries), -1)


ENGINE = USearch
