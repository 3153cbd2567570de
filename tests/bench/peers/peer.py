"""A vector index outside PostgreSQL, in a process and a Python environment of its own, that takes turns with the sides."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from datasets import cache
from datasets.dataset import DataSet
from measuring.plan import K
from peers.worker import process_tree

HERE = Path(__file__).resolve().parent
THREADS = 2  # of a build, as on the sides
CALLS = 100
NAMES = ("hnswlib", "faiss", "usearch", "milvus-lite", "milvus")


class PeerUnavailable(Exception):
    """A peer that cannot be installed or does not work here; the message says why."""


class Peer:
    """Answers like a side of the server; see measuring/searcher.py. Closed by `close`."""

    def __init__(self, name: str):
        self.name = name
        self.about = name
        python = environment(name)
        module = name.replace("-", "_") + "_index"
        self.errors = cache.folder("peers") / f"{name}.log"
        self.worker = subprocess.Popen(
            [str(python), "-m", "peers.worker", module], cwd=HERE.parent, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors.open("w"),
        )

    def ask(self, **request) -> dict:
        """One request and its answer."""
        try:
            self.worker.stdin.write(json.dumps(request) + "\n")
            self.worker.stdin.flush()
            line = self.worker.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            lines = self.errors.read_text().strip().splitlines()
            raise PeerUnavailable(lines[-1] if lines else f"ended with {self.worker.wait()}")
        return json.loads(line)

    def build(self, data: DataSet) -> dict:
        """Indexes the data set; returns seconds, memory (bytes) and size (bytes)."""
        folder = cache.folder("peers", "data")
        paths = {name: str(folder / f"{name}.npy") for name in ("base", "queries")}
        np.save(paths["base"], np.asarray(data.base, np.float32))
        np.save(paths["queries"], np.asarray(data.queries, np.float32))
        answer = self.ask(do="build", rows=len(data.base), metric=data.metric, threads=THREADS, **paths)
        self.about = answer["about"]
        return answer

    def set_ef_search(self, ef_search: int) -> None:
        self.ask(do="ef", ef=ef_search)

    def find(self, count: int) -> np.ndarray:
        return np.array(self.ask(do="find", count=count, k=K)["ids"], np.int64)

    def micros(self, count: int) -> float:
        """A call for each query, of which some suffice: what a Python program pays."""
        count = min(count, CALLS)
        return self.ask(do="one by one", count=count, k=K)["seconds"] / count * 1e6

    def batch_micros(self, count: int) -> float:
        """One call for all queries, one thread."""
        return self.ask(do="batch", count=count, k=K)["seconds"] / count * 1e6

    def processes(self) -> list[int]:
        """The worker and what it started."""
        return process_tree(self.worker.pid)

    def close(self) -> None:
        self.worker.stdin.close()
        try:
            self.worker.wait(60)
        except subprocess.TimeoutExpired:
            self.worker.kill()


def environment(name: str) -> Path:
    """The Python that has the peer, installed once; the peers' libraries contradict one another, so each has its own.

    # Raises PeerUnavailable with pip's last line.
    """
    requirements = HERE / f"requirements-{name}.txt"
    folder = cache.folder("peers") / name
    python, mark = folder / "bin" / "python", folder / "installed"
    if mark.exists() and mark.read_text() == requirements.read_text():
        return python
    print(f"installing the peer {name}", flush=True)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)],
    ):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            lines = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            raise PeerUnavailable(f"cannot be installed: {lines[-1]}") from error
    mark.write_text(requirements.read_text())
    return python
