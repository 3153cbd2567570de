"""Embeds what a version of a model lacks: pull pending texts, embed them outside the database, put the vectors back.

    worker.py MODEL VERSION --model-folder FOLDER [--dsn DSN] [--batch N] [--worker I --workers N]

The state is in the database: kill the worker when you like, start it again, run several at once (each with its own --worker).
It ends when nothing is pending. Connection: --dsn or the PG* variables.
"""

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import psycopg

BAR_WIDTH = 30


def main() -> None:
    options = parse_arguments()
    # The model is loaded first: a connection that waits for it would hold a snapshot for nothing.
    model = load_model(options.model_folder)
    # Each statement is a transaction of its own: none is open while the model runs.
    with psycopg.connect(options.dsn, autocommit=True) as connection:
        check_version(connection, options, model)
        Worker(connection, options, model).run()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="name in annex.model")
    parser.add_argument("version", type=int, help="version in annex.version")
    parser.add_argument("--model-folder", type=Path, required=True, help="folder with model.safetensors and tokenizer.json")
    parser.add_argument("--dsn", default="", help="connection string; default: the PG* variables")
    parser.add_argument("--batch", type=int, default=256, help="rows pulled at once (default 256)")
    parser.add_argument("--worker", type=int, default=0, help="number of this worker, from 0")
    parser.add_argument("--workers", type=int, default=1, help="how many workers share the work")
    return parser.parse_args()


def load_model(folder: Path):
    """Another model: return an object with `tokenize` and `embed` as minilm.SentenceModel has them."""
    from minilm import SentenceModel

    return SentenceModel(folder)


def embed(model, texts: list[str]) -> np.ndarray:
    """One vector a text, in the order of the texts. Texts of one length go through the model together: no padding."""
    tokens = model.tokenize(texts)
    by_length = defaultdict(list)
    for position, ids in enumerate(tokens):
        by_length[len(ids)].append(position)
    vectors = [None] * len(texts)
    for positions in by_length.values():
        batch = model.embed(np.array([tokens[position] for position in positions], np.int64))
        for position, vector in zip(positions, batch):
            vectors[position] = vector
    return vectors


def literal(vector: np.ndarray) -> str:
    """The vector as PostgreSQL reads it, without loss: nine digits are all that binary32 has."""
    return "[" + ",".join(f"{element:.9g}" for element in vector) + "]"


def check_version(connection: psycopg.Connection, options: argparse.Namespace, model) -> None:
    """Ends the worker before it writes the vectors of a wrong model."""
    row = connection.execute(
        "SELECT dim FROM annex.version WHERE model = %s AND version = %s", (options.model, options.version)
    ).fetchone()
    if row is None:
        sys.exit(f"model {options.model} has no version {options.version}")
    dimensions = len(embed(model, ["dimensions"])[0])
    if dimensions != row[0]:
        sys.exit(f"the model makes {dimensions} dimensions, version {options.version} has {row[0]}")
    sentinels = connection.execute(
        "SELECT content FROM annex.sentinel WHERE model = %s AND version = %s", (options.model, options.version)
    ).fetchall()
    for (content,) in sentinels:
        try:
            connection.execute(
                "SELECT annex.check_sentinel(%s, %s, %s, %s)",
                (options.model, options.version, content, literal(embed(model, [content])[0])),
            )
        except psycopg.errors.CheckViolation as error:
            sys.exit(f"this is another model: {error.diag.message_primary}")


class Worker:
    """Pulls, embeds and puts until nothing is pending."""

    def __init__(self, connection: psycopg.Connection, options: argparse.Namespace, model):
        self.connection = connection
        self.options = options
        self.model = model
        self.started = time.monotonic()
        self.stored = 0

    def run(self) -> None:
        after = None
        while True:
            rows = self.pull(after)
            if rows:
                self.put(rows)
                # Keys before this one are done: a long fill reads the source once.
                after = rows[-1][0]
                self.show()
            elif after is None:
                break
            else:
                # Once more from the start, for what was edited or added meanwhile.
                after = None
        self.show(end="\n")

    def pull(self, after: str | None) -> list[tuple[str, str, bytes]]:
        options = self.options
        return self.connection.execute(
            "SELECT key, content, content_hash FROM annex.pending(%s, %s, %s, %s, %s, %s)",
            (options.model, options.version, options.batch, options.worker, options.workers, after),
        ).fetchall()

    def put(self, rows: list[tuple[str, str, bytes]]) -> None:
        vectors = embed(self.model, [content for _, content, _ in rows])
        values = [
            (self.options.model, self.options.version, key, literal(vector), content_hash)
            for (key, _, content_hash), vector in zip(rows, vectors)
        ]
        while True:
            try:
                with self.connection.transaction(), self.connection.cursor() as cursor:
                    cursor.executemany("SELECT annex.put(%s, %s, %s, %s, %s)", values)
                break
            except (psycopg.errors.ForeignKeyViolation, psycopg.errors.DeadlockDetected):
                # Others delete rows of this batch just now, one or several: the next time put sees that they are gone.
                continue
        self.stored += len(rows)

    def show(self, end: str = "") -> None:
        """A bar for the version as a whole, whoever fills it."""
        row = self.connection.execute(
            "SELECT current, total FROM annex.progress(%s) WHERE version = %s", (self.options.model, self.options.version)
        ).fetchone()
        if row is None:
            return
        current, total = row
        full = BAR_WIDTH if total == 0 else BAR_WIDTH * current // total
        rate = self.stored / max(time.monotonic() - self.started, 1e-9)
        bar = "#" * full + "-" * (BAR_WIDTH - full)
        print(f"\r[{bar}] {current} of {total}, {self.stored} here, {rate:.0f}/s ", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
