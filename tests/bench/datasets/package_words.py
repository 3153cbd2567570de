"""The words of Debian's package descriptions as sparse rows: TF-IDF for cosine and L2, BM25 for the inner product.

A row is the description of one package, synopsis and long text; queries are packages held out. A word of a single package can
bring no two rows together and is left out.
"""

import re
from collections import Counter

import numpy as np

from datasets import cache
from datasets.debian_sentences import stanzas, update_lists
from datasets.dataset import DataSet
from datasets.rows import SparseRows

SEED = 7
QUERY_ROWS = 300  # the whole curve is walked, as hardly any list is wide enough for recall .99
EXTRA_ROWS = 2_000
WORD = re.compile(r"[a-z][a-z0-9+]+")
MIN_WORDS = 5
MAX_WORDS = 1_000  # pgvector's limit of non-zero elements in an index
SATURATION, LENGTH_SHARE = 1.2, 0.75  # k1 and b of BM25


def package_words(name: str, metric: str) -> DataSet:
    """Cosine: TF-IDF as it comes; L2: the same scaled to length 1, where both order alike.

    Inner product: a row has the BM25 weight of each of its words, a query a one for each word of its synopsis, so that the
    product is the BM25 score.
    """
    texts, synopses = descriptions()
    kept = [number for number, words in enumerate(texts) if MIN_WORDS <= len(set(words)) <= MAX_WORDS]
    order = [kept[place] for place in np.random.default_rng(SEED).permutation(len(kept))]
    queries, extra, base = order[:QUERY_ROWS], order[QUERY_ROWS : QUERY_ROWS + EXTRA_ROWS], order[QUERY_ROWS + EXTRA_ROWS :]
    texts_with = Counter(word for number in base for word in set(texts[number]))
    index = {word: place for place, word in enumerate(sorted(word for word, count in texts_with.items() if count > 1))}
    rarity = np.array([np.log(len(base) / texts_with[word]) for word in index])
    usual = float(np.mean([len(texts[number]) for number in base]))

    def counted(words: list[str]) -> tuple[np.ndarray, np.ndarray]:
        counts = sorted((index[word], count) for word, count in Counter(words).items() if word in index)
        places, times = np.array(counts, np.float64).reshape(-1, 2).T
        return places.astype(np.int32), times

    def tf_idf(number: int) -> tuple[np.ndarray, np.ndarray]:
        places, times = counted(texts[number])
        weights = (1 + np.log(times)) * (1 + rarity[places])
        return places, weights / np.linalg.norm(weights) if metric == "l2" else weights

    def bm25(number: int) -> tuple[np.ndarray, np.ndarray]:
        places, times = counted(texts[number])
        slowed = times + SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * len(texts[number]) / usual)
        return places, rarity[places] * times * (SATURATION + 1) / slowed

    def asked(number: int) -> tuple[np.ndarray, np.ndarray]:
        places, _ = counted(synopses[number])
        return places, np.ones(len(places))

    def rows(numbers: list[int], weigh) -> SparseRows:
        weighed = [weigh(number) for number in numbers]
        return SparseRows.from_rows([(places, weights) for places, weights in weighed if len(places)], len(index))

    weigh, ask, kind = (bm25, asked, "BM25") if metric == "ip" else (tf_idf, tf_idf, "TF-IDF")
    base_rows = rows(base, weigh)
    title = f"{kind} of package descriptions {len(base_rows):,} x {len(index):,}, {metric}"
    return DataSet(name, title, metric, base_rows, rows(queries, ask), rows(extra, weigh), {}, [], type="sparsevec")


def descriptions() -> tuple[list[list[str]], list[list[str]]]:
    """The words of each distinct description and of its synopsis, in the order of package names."""
    translations, _ = update_lists(cache.folder("bench", "apt"))
    by_package = {}
    for path in translations:
        for fields in stanzas(path):
            by_package.setdefault(fields["Package"], fields.get("Description-en", ""))
    texts, synopses, seen = [], [], set()
    for package in sorted(by_package):
        words = WORD.findall(by_package[package].lower())
        if tuple(words) not in seen:
            seen.add(tuple(words))
            texts.append(words)
            synopses.append(WORD.findall(by_package[package].split("\n", 1)[0].lower()))
    return texts, synopses
