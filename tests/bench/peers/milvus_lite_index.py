"""Milvus Lite through pymilvus: its index type HNSW, which it builds with Faiss; calls go through gRPC to a thread here."""

import importlib.metadata
import shutil
import tempfile
from pathlib import Path

import numpy as np
from pymilvus import DataType, MilvusClient

from peers.worker import EF_CONSTRUCTION, M, Engine

METRICS = {"l2": "L2", "cosine": "COSINE"}
INSERT_ROWS = 2_000


class MilvusLite(Engine):
    about = f"milvus-lite {importlib.metadata.version('milvus-lite')}, index type HNSW"

    def build(self, base: np.ndarray, metric: str, threads: int) -> None:
        # Its build takes as many threads as there are cores; the two of this comparison are set by affinity.
        self.folder = Path(tempfile.mkdtemp(prefix="annex-bench-milvus-"))
        self.metric = METRICS[metric]
        self.client = MilvusClient(uri=str(self.folder / "items.db"))
        schema = self.client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=base.shape[1])
        self.client.create_collection("items", schema=schema)
        for start in range(0, len(base), INSERT_ROWS):
            chunk = base[start : start + INSERT_ROWS]
            self.client.insert("items", [{"id": start + row, "embedding": vector} for row, vector in enumerate(chunk)])
        self.client.flush("items")
        parameters = self.client.prepare_index_params()
        parameters.add_index(
            "embedding", index_type="HNSW", metric_type=self.metric, params={"M": M, "efConstruction": EF_CONSTRUCTION}
        )
        self.client.create_index("items", parameters)
        self.client.load_collection("items")

    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def set_ef_search(self, ef_search: int) -> None:
        self.parameters = {"metric_type": self.metric, "params": {"ef": ef_search}}

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        found = self.client.search("items", list(queries), limit=k, search_params=self.parameters, anns_field="embedding")
        ids = np.full((len(queries), k), -1, np.int64)
        for query, hits in enumerate(found):
            ids[query, : len(hits)] = [hit["id"] for hit in hits]
        return ids

    def close(self) -> None:
        self.client.close()
        shutil.rmtree(self.folder, ignore_errors=True)


ENGINE = MilvusLite
