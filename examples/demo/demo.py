"""The demo: loads Fashion-MNIST, searches exactly, builds an HNSW index, searches with it, measures; then a model's life cycle.

Connects by the PG* variables; `run` beside this file sets them. Every step that is done already is skipped.
"""

import argparse
import statistics
import struct
import sys
import threading
import time
from pathlib import Path

import psycopg

import fashion_mnist
import lifecycle
import page
from console import Bar, heading

TABLE = """
CREATE TABLE images (
    id        int PRIMARY KEY,
    split     text NOT NULL CHECK (split IN ('train', 'test')),
    label     text NOT NULL,
    embedding vector(784) NOT NULL
)"""
INDEX = """
CREATE INDEX images_train_idx ON images
    USING hnsw (embedding vector_l2_ops) WHERE split = 'train'"""
NEAREST = """
SELECT id, embedding <-> (SELECT embedding FROM images WHERE id = {query}) AS distance
FROM images
WHERE split = 'train'{filter}
ORDER BY embedding <-> (SELECT embedding FROM images WHERE id = {query})
LIMIT 10"""
MEASURED_QUERIES = 100
# One test image of each kind that is easy to tell apart by eye.
SHOWN_LABELS = ("ankle boot", "pullover", "trouser", "bag", "dress", "sneaker")
# What is asked for instead: near in shape, so that the filter has something to find.
OTHER_LABEL = {
    "ankle boot": "sneaker",
    "pullover": "shirt",
    "trouser": "dress",
    "bag": "shirt",
    "dress": "coat",
    "sneaker": "sandal",
    "sandal": "sneaker",
    "coat": "pullover",
    "shirt": "t-shirt",
    "t-shirt": "dress",
}


def nearest_sql(query, label=None):
    """The search of the ten nearest train images of one test image, as a person would type it."""
    return NEAREST.format(query=query, filter=f" AND label = '{label}'" if label else "").strip()


def load(connection, images):
    """Creates the table and fills it by binary COPY, in one transaction: it is there in full or not at all."""
    if connection.execute("SELECT to_regclass('images') IS NOT NULL").fetchone()[0]:
        if connection.execute("SELECT count(*) FROM images").fetchone()[0] == len(images):
            print(f"table images is there with {len(images):,} rows")
            return
        connection.execute("DROP TABLE images")
    print(TABLE.strip())
    started = time.monotonic()
    bar = Bar()
    # One vector: int16 dimensions, int16 unused, then a float4 for each dimension, all in network byte order.
    float4 = [struct.pack(">f", pixel) for pixel in range(256)]
    vector_head = struct.pack(">hh", fashion_mnist.DIMENSIONS, 0)
    vector_size = len(vector_head) + 4 * fashion_mnist.DIMENSIONS
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(TABLE)
        with cursor.copy("COPY images (id, split, label, embedding) FROM STDIN (FORMAT binary)") as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
            for position, image in enumerate(images):
                split, label = image.split.encode(), image.label.encode()
                copy.write(b"".join((
                    struct.pack(">hii", 4, 4, image.id),
                    struct.pack(">i", len(split)), split,
                    struct.pack(">i", len(label)), label,
                    struct.pack(">i", vector_size), vector_head,
                    *map(float4.__getitem__, image.pixels),
                )))
                if position % 1000 == 0:
                    bar.show("loading", position / len(images))
            copy.write(struct.pack(">h", -1))
        bar.show("loading", 1)
    bar.close()
    connection.execute("VACUUM (ANALYZE) images")
    print(f"{len(images):,} images in {time.monotonic() - started:.1f} s")


def search(connection, query, label=None):
    """Neighbors as (id, distance) and the milliseconds until they were here."""
    started = time.perf_counter()
    neighbors = connection.execute(nearest_sql(query, label)).fetchall()
    return neighbors, (time.perf_counter() - started) * 1000


def search_exactly(connection, query, label=None):
    """The same search with the index forbidden: every row of the train split is compared."""
    with connection.transaction():
        connection.execute("SET LOCAL enable_indexscan = off")
        return search(connection, query, label)


def build_index(connection, observer):
    """Creates the index and shows what pg_stat_progress_create_index says meanwhile, seen from a second connection."""
    state = connection.execute(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('images_train_idx')"
    ).fetchone()
    if state == (True,):
        print("index images_train_idx is there")
        return
    connection.execute("DROP INDEX IF EXISTS images_train_idx")
    print(INDEX.strip())
    started = time.monotonic()
    failure = []

    def create():
        try:
            connection.execute(INDEX)
        except psycopg.Error as error:
            failure.append(error)

    worker = threading.Thread(target=create)
    worker.start()
    bar = Bar()
    while worker.is_alive():
        worker.join(0.2)
        row = observer.execute(
            "SELECT phase, blocks_done, blocks_total, tuples_done, tuples_total FROM pg_stat_progress_create_index"
            " WHERE pid = %s", (connection.info.backend_pid,)
        ).fetchone()
        if row:
            phase, blocks_done, blocks_total, tuples_done, tuples_total = row
            done, total = (tuples_done, tuples_total) if tuples_total else (blocks_done, blocks_total)
            bar.show(phase, min(done / total, 1) if total else 0)
    worker.join()
    bar.close()
    if failure:
        raise failure[0]
    size = connection.execute(
        "SELECT pg_size_pretty(pg_relation_size('images_train_idx')), pg_size_pretty(pg_table_size('images'))"
    ).fetchone()
    print(f"built in {time.monotonic() - started:.1f} s; index {size[0]}, table {size[1]}")


def first_of(images, label):
    """The first test image with a label."""
    return next(image.id for image in images if image.split == "test" and image.label == label)


def show_neighbors(images, neighbors):
    print("   ".join(f"{images[id].label} {distance:.0f}" for id, distance in neighbors[:5]), "  ...", flush=True)


def plan_of(connection, query, label=None):
    """The node of the plan that reads images in order, as EXPLAIN names it."""
    lines = [line for (line,) in connection.execute("EXPLAIN (COSTS off) " + nearest_sql(query, label))]
    return next((line.strip(" ->") for line in lines if "images_train_idx" in line), lines[-1].strip(" ->"))


def found_fraction(neighbors, exact):
    """Share of the exact result that was found; a row as near as the last exact one counts, for ties."""
    if not exact:
        return 1.0
    limit = exact[-1][1]
    return sum(distance <= limit for _, distance in neighbors[:len(exact)]) / len(exact)


def row(name, recall, times, rows=10.0):
    """A row of the table of measurements; times in milliseconds."""
    ninetyfifth = statistics.quantiles(times, n=20)[-1]
    return (name, f"{recall:.3f}", f"{rows:.1f}", f"{statistics.median(times):.2f}", f"{ninetyfifth:.2f}")


def measure(connection, queries, images):
    """Recall and latency without and with a filter, as rows of text below a header."""
    rows = [("search of 10 neighbours", "recall", "rows", "median ms", "95 % ms")]
    exact_row = None
    for ef_search in (40, 200):
        result = connection.execute(
            "SELECT recall, approx_ms, exact_ms FROM annex.recall('images_train_idx',"
            " (SELECT array_agg(embedding ORDER BY id) FROM images WHERE id = ANY (%s)), 10, %s)",
            (queries, ef_search),
        ).fetchall()
        recalls, approximate, exact = zip(*result)
        exact_row = exact_row or row("exact, no index", 1.0, exact)
        rows.append(row(f"hnsw, ef_search = {ef_search}", statistics.fmean(recalls), approximate))
    rows.insert(1, exact_row)
    found, counts, times, exact_times = [], [], [], []
    for query in queries:
        label = OTHER_LABEL[images[query].label]
        neighbors, milliseconds = search(connection, query, label)
        exact, exact_milliseconds = search_exactly(connection, query, label)
        found.append(found_fraction(neighbors, exact))
        counts.append(len(neighbors))
        times.append(milliseconds)
        exact_times.append(exact_milliseconds)
    rows.append(row("exact, WHERE label = ...", 1.0, exact_times))
    rows.append(row("hnsw, WHERE label = ..., strict_order", statistics.fmean(found), times, statistics.fmean(counts)))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, required=True, help="the HTML file to write")
    parser.add_argument("--train", type=int, default=60_000, help="images of the train split (default: all)")
    arguments = parser.parse_args()

    all_images = fashion_mnist.images(arguments.train, 10_000)
    images = {image.id: image for image in all_images}
    with psycopg.connect(autocommit=True) as connection, psycopg.connect(autocommit=True) as observer:
        heading("extension and data")
        connection.execute("CREATE EXTENSION IF NOT EXISTS annex")
        load(connection, all_images)

        boot = first_of(all_images, "ankle boot")
        heading(f"exact search: the images nearest to test image {boot}, an ankle boot")
        print(nearest_sql(boot))
        exact, milliseconds = search_exactly(connection, boot)
        show_neighbors(images, exact)
        print(f"{milliseconds:.1f} ms: every row was compared")

        heading("index on the train split")
        build_index(connection, observer)

        heading("the same search through the index")
        neighbors, milliseconds = search(connection, boot)
        show_neighbors(images, neighbors)
        print(f"{milliseconds:.1f} ms: {plan_of(connection, boot)}")

        heading("with a filter: only sneakers, please")
        connection.execute("SET hnsw.iterative_scan = strict_order")
        print("SET hnsw.iterative_scan = strict_order;")
        print(nearest_sql(boot, "sneaker"))
        neighbors, milliseconds = search(connection, boot, "sneaker")
        show_neighbors(images, neighbors)
        print(f"{milliseconds:.1f} ms: {plan_of(connection, boot, 'sneaker')}")

        heading(f"recall and latency over {MEASURED_QUERIES} test images")
        queries = [image.id for image in all_images if image.split == "test"][:MEASURED_QUERIES]
        measurements = measure(connection, queries, images)
        for cells in measurements:
            print(f"{cells[0]:40}" + "".join(f"{cell:>11}" for cell in cells[1:]))

        examples = []
        for label in SHOWN_LABELS:
            query, other = first_of(all_images, label), OTHER_LABEL[label]
            examples.append((
                query,
                nearest_sql(query), search(connection, query)[0],
                other, nearest_sql(query, other), search(connection, query, other)[0],
            ))
        versions, found = lifecycle.run(connection, observer, all_images, [example[0] for example in examples])
        page.write(arguments.page, examples, measurements, (versions, found), images)


if __name__ == "__main__":
    try:
        main()
    except psycopg.Error as error:
        sys.exit(f"the server said: {error}")
