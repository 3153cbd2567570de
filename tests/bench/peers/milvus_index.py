"""Milvus itself: the standalone server of the last PyPI wheel that carries one, index type HNSW; calls are gRPC on loopback."""

import importlib.metadata
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from milvus import MilvusServer
from pymilvus import Collection, CollectionSchema, DataType, FieldSchema, connections, utility

from peers.worker import EF_CONSTRUCTION, M, Engine

METRICS = {"l2": "L2", "cosine": "COSINE"}
INSERT_ROWS = 5_000


class Milvus(Engine):
    about = f"Milvus {importlib.metadata.version('milvus')} standalone, index type HNSW"

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="annex-bench-milvus-"))
        self.server = MilvusServer()
        self.server.set_base_dir(str(self.folder))
        self.server.start()
        connections.connect(host="127.0.0.1", port=self.server.listen_port)

    def build(self, base: np.ndarray, metric: str, threads: int) -> None:
        # It indexes sealed segments when it likes, with as many threads as it finds cores: loading is part of the time.
        self.metric = METRICS[metric]
        self.collection = Collection("items", CollectionSchema([
            FieldSchema("id", DataType.INT64, is_primary=True), FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=base.shape[1]),
        ]))
        for start in range(0, len(base), INSERT_ROWS):
            chunk = base[start : start + INSERT_ROWS]
            self.collection.insert([list(range(start, start + len(chunk))), list(chunk)])
        self.collection.flush()
        parameters = {"M": M, "efConstruction": EF_CONSTRUCTION}
        self.collection.create_index("embedding", {"index_type": "HNSW", "metric_type": self.metric, "params": parameters})
        while not is_indexed(len(base)):
            time.sleep(0.1)
        self.collection.load()

    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file() and "index_files" in path.parts)

    def set_ef_search(self, ef_search: int) -> None:
        self.parameters = {"metric_type": self.metric, "params": {"ef": ef_search}}

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        found = self.collection.search(list(queries), "embedding", self.parameters, limit=k)
        ids = np.full((len(queries), k), -1, np.int64)
        for query, hits in enumerate(found):
            ids[query, : len(hits)] = hits.ids
        return ids

    def close(self) -> None:
        connections.disconnect("default")
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def is_indexed(rows: int) -> bool:
    progress = utility.index_building_progress("items")
    return progress["indexed_rows"] >= rows and not progress.get("pending_index_rows")


ENGINE = Milvus
