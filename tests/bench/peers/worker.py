"""The process of one peer: reads a request a line from its input, answers a line on what was its standard output.

    python -m peers.worker MODULE      with tests/bench as the current folder, in the environment that has the peer

Each module beside this file defines ENGINE, a subclass of Engine. All get the same graph parameters and search in one thread.
"""

import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

M = 16
EF_CONSTRUCTION = 64


class Engine:
    """What a peer does. `about` names version and form, at the latest after the build."""

    about: str

    def build(self, base: np.ndarray, metric: str, threads: int) -> None:
        """Indexes the rows under their numbers."""
        raise NotImplementedError

    def size_bytes(self) -> int:
        """What the index takes when it is saved, vectors included."""
        raise NotImplementedError

    def set_ef_search(self, ef_search: int) -> None:
        raise NotImplementedError

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        """The ids of the nearest k rows of each query, -1 where missing, found by one thread."""
        raise NotImplementedError

    def close(self) -> None:
        """Removes what the engine left on disk."""


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not stand among the answers
    engine = importlib.import_module(f"peers.{sys.argv[1]}").ENGINE()
    queries = None
    for line in sys.stdin:
        request = json.loads(line)
        match request["do"]:
            case "build":
                base, queries = np.load(request["base"], mmap_mode="r"), np.load(request["queries"])
                base = np.asarray(base[: request["rows"]])
                before = anonymous_bytes()
                started = time.perf_counter()
                engine.build(base, request["metric"], request["threads"])
                seconds = time.perf_counter() - started
                answer = {"seconds": seconds, "memory": anonymous_bytes() - before, "size": engine.size_bytes()}
                answer["about"] = engine.about
            case "ef":
                engine.set_ef_search(request["ef"])
                answer = {}
            case "find":
                answer = {"ids": engine.search(queries[: request["count"]], request["k"]).tolist()}
            case "batch":
                started = time.perf_counter()
                engine.search(queries[: request["count"]], request["k"])
                answer = {"seconds": time.perf_counter() - started}
            case "one by one":
                single = [queries[number : number + 1] for number in range(request["count"])]
                started = time.perf_counter()
                for query in single:
                    engine.search(query, request["k"])
                answer = {"seconds": time.perf_counter() - started}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    engine.close()


def anonymous_bytes() -> int:
    """Memory of this process and of those it started that is not a mapped file."""
    total = 0
    for process in process_tree(os.getpid()):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                total += int(line.split()[1]) * 1024
    return total


def process_tree(root: int) -> list[int]:
    """A process and all that it and its children started."""
    found = [root]
    for process in found:
        for thread in Path(f"/proc/{process}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    return found


def file_size(save: Callable[[str], object]) -> int:
    """The bytes of the file that `save` writes to the path it is given."""
    with tempfile.TemporaryDirectory(prefix="annex-bench-") as folder:
        path = Path(folder, "index")
        save(str(path))
        return path.stat().st_size


def unit(vectors: np.ndarray) -> np.ndarray:
    """The rows scaled to length 1; zero rows stay zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.where(norms == 0, 1, norms), np.float32)


if __name__ == "__main__":
    # The engines import this file by its name: the copy that Python runs as __main__ only hands over to that one.
    importlib.import_module("peers.worker").main()
