"""The life of an embedding model: register, fill, promote, replace while it serves, roll back.

    python model_life.py [DSN]

The embeddings are a stand-in, bytes of a hash of the text; `examples/worker` has a real model and several workers.
The Java and Go examples make the same calls, but for the bucket.
"""

import hashlib
import uuid

import psycopg

from sample import DSN, check, finish

connection = psycopg.connect(DSN, autocommit=True)
connection.execute("CREATE EXTENSION IF NOT EXISTS annex")
# A model is never forgotten, so each run of the example has a name of its own.
model = "docs_" + uuid.uuid4().hex[:12]
connection.execute(f"CREATE TABLE {model} (id bigint PRIMARY KEY, body text NOT NULL)")
connection.execute(f"INSERT INTO {model} SELECT i, 'doc ' || i FROM generate_series(1, 2000) i")


def one(statement: str, *parameters):
    return connection.execute(statement, parameters).fetchone()[0]


def refused(sqlstate: str, statement: str, *parameters) -> bool:
    try:
        connection.execute(statement, parameters)
    except psycopg.Error as error:
        return error.sqlstate == sqlstate
    return False


def embed(text: str, dimensions: int) -> str:
    return str([byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:dimensions]])


def bucket(salt: str, unit: str) -> float:
    """annex.bucket: the first 52 bits of a hash as a fraction. Who is in an experiment can be known outside the database too."""
    return (int.from_bytes(hashlib.sha256(f"{salt}:{unit}".encode()).digest()[:8], "big") >> 12) / 2**52


def fill(version: int, dimensions: int, count: int) -> int:
    """Pull what is pending, embed it outside the database, put it back; nothing is locked in between."""
    pending = connection.execute(
        "SELECT key, content, content_hash FROM annex.pending(%s, %s, %s)", (model, version, count)
    ).fetchall()
    return sum(
        one("SELECT annex.put(%s, %s, %s, %s, %s)", model, version, key, embed(content, dimensions), digest)
        for key, content, digest in pending
    )


def build_index(version: int) -> None:
    connection.execute(one("SELECT annex.index_ddl(%s, %s)", model, version))


check(
    one("SELECT encode(vector_send('[1,2,3]'), 'hex')") == "000300003f8000004000000040400000",
    "the wire form of a vector",
)
check(
    bucket("salt", "user-42") == 0.661081857154914
    and all(one("SELECT annex.bucket('salt', %s)", unit) == bucket("salt", unit) for unit in ("user-42", "user-1", "", "usuário-7")),
    "the same bucket in SQL and in Python",
)
check(
    one("SELECT annex.register_model(%s, %s, 'id', 'body')::text", model, model) == f"{model}_embeddings",
    "register_model makes a view",
)
check(one("SELECT annex.register_version(%s, 8, 'cosine')", model) == 1, "register_version makes version 1")
check(one("SELECT annex.champion(%s)", model) is None, "nothing serves yet")
check(fill(1, 8, 5000) == 2000, "2000 rows are embedded")
build_index(1)
check(one("SELECT annex.promote(%s, 1, 'first release')", model) > 0, "promote: version 1 serves")

check(one("SELECT annex.register_version(%s, 16, 'cosine')", model) == 2, "a model of other dimensions is version 2")
check(refused("55000", "SELECT annex.promote(%s, 2)", model), "which is refused while it is empty")
check(fill(2, 16, 1000) == 1000, "half of it is filled while version 1 serves")
connection.execute(f"UPDATE {model} SET body = body || ' (edited)' WHERE id IN (10, 20, 30)")
connection.execute(f"DELETE FROM {model} WHERE id = 40")
connection.execute(f"INSERT INTO {model} VALUES (9001, 'new doc')")
progress = connection.execute(
    "SELECT version, total, current, stale, missing, percent::text FROM annex.progress(%s) ORDER BY version", (model,)
).fetchall()
check(
    progress == [(1, 2000, 1996, 3, 1, "99.80"), (2, 2000, 996, 3, 1001, "49.80")],
    "progress counts edited, deleted and new rows",
)
check((fill(2, 16, 5000), fill(1, 8, 5000)) == (1004, 4), "both versions catch up")
build_index(2)
check(one("SELECT annex.promote(%s, 2, 'better')", model) > 0, "promote: version 2 serves")

# A search says for which version its query was embedded: the vectors of two models are never mixed.
champion = one("SELECT annex.champion(%s)", model)
nearest = one(
    f"SELECT id FROM {model}_embeddings WHERE version = %s ORDER BY embedding <=> %s LIMIT 1",
    champion,
    embed("doc 77", 16),
)
check((champion, nearest) == (2, 77), "a text finds its row in the version that serves")

check(one("SELECT annex.register_version(%s, 16, 'cosine')", model) == 3, "version 3")
check(one("SELECT annex.promote(%s, 3, 'hot fix', force => true)", model) > 0, "promote, forced although empty")
check(one("SELECT annex.rollback(%s, 'v3 is empty')", model) == 2, "rollback: version 2 serves again")
check(one("SELECT annex.rollback(%s, 'v2 is slow')", model) == 1, "rollback: version 1")
check(refused("55000", "SELECT annex.rollback(%s)", model), "there is nothing before that")
history = connection.execute(
    "SELECT action, from_version, to_version, forced, reason FROM annex.history WHERE model = %s ORDER BY id", (model,)
).fetchall()
check(
    history
    == [
        ("promote", None, 1, False, "first release"),
        ("promote", 1, 2, False, "better"),
        ("promote", 2, 3, True, "hot fix"),
        ("rollback", 3, 2, False, "v3 is empty"),
        ("rollback", 2, 1, False, "v2 is slow"),
    ],
    "history has it all",
)
finish()
