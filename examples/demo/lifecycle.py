"""The life of an embedding model: two versions side by side, filled while one serves, promoted, compared, rolled back.

Everything is SQL of the schema annex; the models run here, outside the server. The state is in the database, so that whatever is done
already is not done again.
"""

import hashlib
import statistics
import time

import psycopg

from console import Bar, heading, table
from embedding_models import Pixels, Projection

MODEL = "clothes"
# Of the train split; enough for an index to matter, few enough for two fills to take seconds.
ROWS = 10_000
BATCH = 500
COMPARED_QUERIES = 100
# Bytes in one row of annex.artifact, at most 1 MiB.
PART = 100_000
SOURCE = """
CREATE TABLE clothes (
    id      int PRIMARY KEY,
    label   text NOT NULL,
    picture bytea NOT NULL
)"""
NEAREST = """
SELECT id, embedding <-> {query} AS distance
FROM clothes_embeddings
WHERE version = {version}
ORDER BY embedding <-> {query}
LIMIT 10"""


def run(connection, observer, images, shown):
    """Goes through the life cycle and prints it.

    images: all images of the demo; shown: ids of test images. Returns, for the page, a description of each version and,
    for each shown image, the neighbors that each version finds, as (id, distance).
    """
    pictures = [image for image in images if image.split == "train"][:ROWS]
    queries = {image.id: image for image in images if image.split == "test"}
    labels = {image.id: image.label for image in pictures}
    cycle = LifeCycle(connection, observer)

    heading("the life of a model: version 1 embeds a picture by its pixels")
    cycle.fill_source(pictures)
    cycle.register_model()
    models = {1: cycle.version_of_pixels()}
    cycle.fill(1, models[1])
    cycle.index(1)
    cycle.readiness(1)
    if cycle.champion() is None:
        cycle.show("SELECT annex.promote('clothes', 1, 'first release')")

    heading("searching: which version serves, embed with its model, say the version")
    query = queries[shown[0]]
    cycle.champion_shown()
    first = cycle.champion()
    before = cycle.search(first, models[1], query) if first == 1 else None
    print(NEAREST.format(version=first, query="$1").strip())
    if before:
        cycle.show_neighbors(before, labels)

    heading("version 2: a projection learned from the pictures, 64 numbers instead of 784")
    models[2] = cycle.version_of_projection(pictures)
    cycle.refused_while_incomplete(2)
    cycle.fill(2, models[2], serving=(1, models[1], query))
    cycle.index(2)
    cycle.check_sentinel(2, models[2], pictures[0])
    cycle.readiness(2)

    heading("both versions answer: how do they compare?")
    compared = [image for image in queries.values()][:COMPARED_QUERIES]
    versions = [cycle.measure(version, model, compared, labels) for version, model in models.items()]
    table(("version", "dimensions", "index", "same label among 10", "median ms"), versions)
    cycle.show("SELECT round(annex.overlap('clothes', 1, 2)::numeric, 3) AS overlap")

    heading("promote: one row in a log, and version 2 serves")
    cycle.show("SELECT annex.promote('clothes', 2, 'smaller, and finds more of the same label')")
    cycle.champion_shown()
    cycle.show_neighbors(cycle.search(2, models[2], query), labels)

    heading("roll back: at once, whatever the number of rows")
    cycle.show("SELECT annex.rollback('clothes', 'only a demo')")
    cycle.champion_shown()
    after = cycle.search(1, models[1], query)
    cycle.show_neighbors(after, labels)
    if before:
        print("the same answer as before" if after == before else "ANOTHER ANSWER THAN BEFORE")

    heading("who did what, and when: the log is the state")
    cycle.show(
        "SELECT id, action, from_version, to_version, forced, reason, actor, to_char(at, 'HH24:MI:SS') AS at"
        " FROM annex.history ORDER BY id DESC LIMIT 6"
    )
    cycle.show("SELECT version, champion, index, coverage, problem FROM annex.status ORDER BY version")

    found = [(id, {version: cycle.search(version, model, queries[id]) for version, model in models.items()}) for id in shown]
    return versions, found


class LifeCycle:
    """The steps, each with its SQL as a person would type it."""

    def __init__(self, connection, observer):
        self._connection = connection
        self._observer = observer

    def show(self, sql):
        """Prints a statement, runs it, prints its rows."""
        print(sql + ";")
        cursor = self._connection.execute(sql)
        table([column.name for column in cursor.description], cursor.fetchall())

    def value(self, sql, *parameters):
        """The only value of a statement."""
        return self._connection.execute(sql, parameters).fetchone()[0]

    def champion(self):
        return self.value("SELECT annex.champion(%s)", MODEL)

    def champion_shown(self):
        self.show("SELECT annex.champion('clothes')")

    def fill_source(self, pictures):
        """Makes the table of the source hold these pictures and no others; embeddings of others go with their rows."""
        if not self.value("SELECT to_regclass('clothes') IS NOT NULL"):
            print(SOURCE.strip())
            self._connection.execute(SOURCE)
        wanted = {picture.id for picture in pictures}
        present = {id for (id,) in self._connection.execute("SELECT id FROM clothes")}
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("DELETE FROM clothes WHERE NOT id = ANY (%s)", (list(wanted),))
            with cursor.copy("COPY clothes (id, label, picture) FROM STDIN") as copy:
                for picture in pictures:
                    if picture.id not in present:
                        copy.write_row((picture.id, picture.label, picture.pixels))
        self._connection.execute("VACUUM (ANALYZE) clothes")
        print(f"table clothes: {len(wanted):,} pictures, {len(wanted - present):,} of them new")

    def register_model(self):
        if self.value("SELECT count(*) FROM annex.model WHERE model = %s", MODEL) == 0:
            self.show("SELECT annex.register_model('clothes', 'clothes', 'id', 'picture', 'pictures of clothes')")

    def is_registered(self, version):
        return self.value("SELECT count(*) FROM annex.version WHERE model = %s AND version = %s", MODEL, version) == 1

    def version_of_pixels(self):
        if not self.is_registered(1):
            self.show("SELECT annex.register_version('clothes', 784, 'l2')")
        return Pixels()

    def version_of_projection(self, pictures):
        """Registers version 2 with its bytes and a sentinel, in one transaction; later runs read it from the database."""
        if self.is_registered(2):
            parts = self._connection.execute(
                "SELECT data FROM annex.artifact WHERE model = %s AND version = 2 ORDER BY part", (MODEL,)
            ).fetchall()
            print(f"read from annex.artifact: {sum(len(part) for (part,) in parts):,} bytes in {len(parts)} parts")
            return Projection.from_bytes(b"".join(part for (part,) in parts))
        model = Projection.learn([picture.pixels for picture in pictures], [picture.label for picture in pictures])
        data = model.to_bytes()
        digest = hashlib.sha256(data).hexdigest()
        with self._connection.transaction():
            self.show(f"SELECT annex.register_version('clothes', 64, 'l2', artifact_sha256 => '\\x{digest}')")
            print("INSERT INTO annex.artifact (model, version, part, data) VALUES ('clothes', 2, ...);")
            for part, start in enumerate(range(0, len(data), PART)):
                self._connection.execute(
                    "INSERT INTO annex.artifact (model, version, part, data) VALUES (%s, 2, %s, %s)",
                    (MODEL, part, data[start:start + PART]),
                )
            print("INSERT INTO annex.sentinel (model, version, content, embedding) VALUES ('clothes', 2, 'the first picture', ...);")
            self._connection.execute(
                "INSERT INTO annex.sentinel (model, version, content, embedding) VALUES (%s, 2, 'the first picture', %s)",
                (MODEL, literal(model.embed([pictures[0].pixels])[0])),
            )
        return model

    def fill(self, version, model, serving=None):
        """Pulls, embeds and puts until nothing is pending. Meanwhile `serving`, a version with its model and a query, answers."""
        answers = 0
        started = time.monotonic()
        stored = 0
        bar = Bar()
        while rows := self._connection.execute(
            "SELECT key, content, content_hash FROM annex.pending(%s, %s, %s)", (MODEL, version, BATCH)
        ).fetchall():
            # The text of a bytea: \x, then two digits a byte.
            vectors = model.embed([bytes.fromhex(content[2:]) for _, content, _ in rows])
            with self._connection.transaction(), self._connection.cursor() as cursor:
                cursor.executemany(
                    "SELECT annex.put(%s, %s, %s, %s, %s)",
                    [(MODEL, version, key, literal(vector), hash) for (key, _, hash), vector in zip(rows, vectors)],
                )
            stored += len(rows)
            if serving:
                answers += len(self.search(*serving, connection=self._observer)) == 10
            current, total = self._connection.execute(
                "SELECT current, total FROM annex.progress(%s) WHERE version = %s", (MODEL, version)
            ).fetchone()
            bar.show(f"filling version {version}: {current:,} of {total:,}", current / total)
        if stored:
            bar.close()
            seconds = time.monotonic() - started
            meanwhile = f"; version {serving[0]} answered {answers} searches meanwhile" if serving else ""
            print(f"{stored:,} pictures embedded and stored in {seconds:.1f} s{meanwhile}")
        else:
            print(f"version {version} is filled")
        self.show(f"SELECT * FROM annex.progress('clothes') WHERE version = {version}")

    def index(self, version):
        (valid,) = self._connection.execute(
            "SELECT bool_or(index_valid) FROM annex.status WHERE model = %s AND version = %s", (MODEL, version)
        ).fetchone()
        if valid:
            print(f"the index of version {version} is there")
            return
        # What a build that was broken off has left behind.
        self._connection.execute(f"DROP INDEX IF EXISTS clothes_v{version}_embedding_idx")
        ddl = self.value("SELECT annex.index_ddl(%s, %s)", MODEL, version)
        print(ddl + ";")
        started = time.monotonic()
        self._connection.execute(ddl)
        print(f"built in {time.monotonic() - started:.1f} s")

    def readiness(self, version):
        self.show(f"SELECT * FROM annex.readiness('clothes', {version})")

    def refused_while_incomplete(self, version):
        """Tries to promote a version that is not filled, as somebody will."""
        if self.value("SELECT missing + stale FROM annex.progress(%s) WHERE version = %s", MODEL, version) == 0:
            return
        print(f"SELECT annex.promote('clothes', {version});")
        try:
            self._connection.execute("SELECT annex.promote(%s, %s)", (MODEL, version))
        except psycopg.errors.ObjectNotInPrerequisiteState as error:
            print(f"ERROR:  {error.diag.message_primary}\nDETAIL:  {error.diag.message_detail}\nHINT:  {error.diag.message_hint}")
        else:
            raise SystemExit("a version that is not filled was promoted")

    def check_sentinel(self, version, model, picture):
        similarity = self.value(
            "SELECT annex.check_sentinel(%s, %s, 'the first picture', %s)", MODEL, version, literal(model.embed([picture.pixels])[0])
        )
        print(f"SELECT annex.check_sentinel('clothes', {version}, 'the first picture', $1);   -- {similarity:.6f}: it is this model")

    def search(self, version, model, image, connection=None):
        """The ten nearest pictures by one version, as (id, distance)."""
        sql = NEAREST.format(version=version, query="%(query)s")
        return (connection or self._connection).execute(sql, {"query": literal(model.embed([image.pixels])[0])}).fetchall()

    def show_neighbors(self, neighbors, labels):
        print("   ".join(f"{labels[id]} {distance:.5g}" for id, distance in neighbors[:5]), "  ...", flush=True)

    def measure(self, version, model, queries, labels):
        """Version, dimensions, size of the index, share of neighbors with the query's label, median time of a search."""
        same, times = [], []
        for image in queries:
            started = time.perf_counter()
            neighbors = self.search(version, model, image)
            times.append((time.perf_counter() - started) * 1000)
            same += [labels[id] == image.label for id, _ in neighbors]
        size = self.value("SELECT pg_size_pretty(pg_relation_size(index)) FROM annex.status WHERE model = %s AND version = %s", MODEL, version)
        return version, model.dimensions, size, f"{statistics.fmean(same):.3f}", f"{statistics.median(times):.2f}"


def literal(vector):
    """The vector as PostgreSQL reads it, without loss: nine digits are all that binary32 has."""
    return "[" + ",".join(f"{element:.9g}" for element in vector.tolist()) + "]"
