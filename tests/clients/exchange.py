"""Proves: examples/exchange/load.py brings every kind of file in as it is, goes on after an error, and refuses what is
malformed without a row left behind; copy_binary brings the same numbers out.

    exchange.py        connection: the PG* variables; TAP
"""

import contextlib
import io
import pathlib
import runpy
import sys
import tempfile

import numpy as np
import psycopg

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "exchange"
sys.path.insert(0, str(EXAMPLE))

from copy_binary import read_vectors  # noqa: E402

folder = pathlib.Path(tempfile.mkdtemp())
connection = psycopg.connect("", autocommit=True)
checks = []


def check(is_right: bool, text: str, detail: object = "") -> None:
    checks.append(bool(is_right))
    print(f"{'ok' if is_right else 'not ok'} {len(checks)} - {text}" + ("" if is_right else f" # {detail}"), flush=True)


def load(path: pathlib.Path, table: str, *options: str) -> tuple[int, str]:
    """Runs the program in this process: its imports take longer than its work."""
    sys.argv = ["load.py", str(path), table, *options]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            runpy.run_path(str(EXAMPLE / "load.py"))
        except SystemExit as ended:
            return 1, str(ended.code)
    return 0, said.getvalue().strip()


def npy(name: str, array: np.ndarray) -> pathlib.Path:
    path = folder / f"{name}.npy"
    np.save(path, array)
    return path


def fvecs(name: str, array: np.ndarray) -> pathlib.Path:
    path = folder / f"{name}.fvecs"
    rows = np.hstack([np.full((len(array), 1), array.shape[1], "<i4"), array.astype("<f4").view("<i4")])
    path.write_bytes(rows.tobytes())
    return path


def count(table: str) -> int:
    return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def check_loaded(path: pathlib.Path, expected: np.ndarray, text: str) -> None:
    status, said = load(path, "loaded")
    ids, vectors = read_vectors(connection, "SELECT id, embedding FROM loaded ORDER BY id")
    check(
        status == 0 and np.array_equal(ids, np.arange(len(expected))) and np.array_equal(vectors, expected), text, said
    )
    connection.execute("DROP TABLE loaded")


def check_refused(path: pathlib.Path, reason: str, table: str = "refused", *options: str) -> None:
    status, said = load(path, table, *options)
    check(status == 1 and reason in said, f"refused: {reason}", said)


numbers = np.random.default_rng(7).normal(size=(40, 6)).astype(np.float32)

# ---- what comes in ----

check_loaded(npy("single", numbers), numbers, ".npy of float32")
check_loaded(npy("double", numbers.astype(np.float64)), numbers, ".npy of float64, rounded to float32")
check_loaded(npy("half", numbers.astype(np.float16)), numbers.astype(np.float16), ".npy of float16 makes a halfvec")
check_loaded(npy("columns", np.asfortranarray(numbers)), numbers, ".npy in column order")
check_loaded(npy("big", numbers.astype(">f4")), numbers, ".npy in big-endian order")
check_loaded(npy("bytes", np.arange(12, dtype=np.uint8).reshape(4, 3)), np.arange(12).reshape(4, 3), ".npy of integers")
check_loaded(fvecs("faiss", numbers), numbers, ".fvecs")
connection.execute('CREATE TABLE "My Table" (key bigint, v vector)')
status, said = load(npy("single", numbers), '"My Table"', "--id", "key", "--column", "v", "--first-id", "100")
check(
    status == 0 and connection.execute('SELECT min(key), max(key) FROM "My Table"').fetchone() == (100, 139),
    "a table, columns and ids of one's own",
    said,
)

# ---- going on ----

damaged = numbers.copy()
damaged[25, 3] = np.nan
check_refused(npy("resumed", damaged), "row 25 holds NaN", "resumed", "--batch", "10")
check(count("resumed") == 20, "whole batches before the error stay", count("resumed"))
status, said = load(npy("resumed", numbers), "resumed", "--batch", "7")
check(said == "40 rows of 6 dimensions in resumed, 20 of them new", "a second start goes on after them", said)
check(
    np.array_equal(read_vectors(connection, "SELECT id, embedding FROM resumed ORDER BY id")[1], numbers),
    "and all rows are right",
)
status, said = load(npy("resumed", numbers), "resumed")
check(said == "40 rows of 6 dimensions in resumed, 0 of them new", "a third has nothing to do", said)
check_refused(npy("another", numbers + 1), "has other rows with ids from 0", "resumed")

# ---- what is refused ----

check_refused(folder / "missing.npy", "no such file")
check_refused(npy("flat", numbers[0]), "the shape is (6,)")
check_refused(npy("words", np.array([["a", "b"]])), "numbers are needed")
check_refused(npy("objects", np.array([[{}]], dtype=object)), "not a whole .npy file")
check_refused(npy("none", np.empty((3, 0), np.float32)), "rows have 0 elements")
check_refused(npy("wide", np.zeros((1, 16001), np.float32)), "rows have 16001 elements")
check_refused(npy("large", np.full((1, 2), 1e39)), "row 0 holds NaN, an infinite value, or one too large")
cut = npy("cut", numbers)
cut.write_bytes(cut.read_bytes()[:-1])
check_refused(cut, "not a whole .npy file")
text = folder / "text.npy"
text.write_text("1 2 3")
check_refused(text, "not a whole .npy file")
cut = fvecs("cut", numbers)
cut.write_bytes(cut.read_bytes()[:-4])
check_refused(cut, "cut short, or of mixed dimensions")
mixed = fvecs("mixed", numbers)
content = bytearray(mixed.read_bytes())
content[28 * 5 : 28 * 5 + 4] = (7).to_bytes(4, "little")
mixed.write_bytes(content)
check_refused(mixed, "row 5 claims 7 elements, row 0 6")
content[0:4] = (-1).to_bytes(4, "little", signed=True)
mixed.write_bytes(content)
check_refused(mixed, "the first row claims -1 elements")
empty = folder / "empty.fvecs"
empty.touch()
check_refused(empty, "0 bytes are no .fvecs file")
unknown = folder / "vectors.csv"
unknown.touch()
check_refused(unknown, ".csv is none of .npy, .fvecs")
check(count("refused") == 0, "no refused file left a row")
connection.execute(
    "CREATE TABLE three (id bigint, embedding vector(3)); CREATE TABLE int_key (id int, embedding vector(6));"
    "CREATE TABLE texts (id bigint, embedding text)"
)
check_refused(npy("single", numbers), 'column "embedding" has 3 dimensions, rows of', "three")
check_refused(npy("single", numbers), 'column "id" is int4, bigint is needed', "int_key")
check_refused(npy("single", numbers), 'column "embedding" is text, vector or halfvec is needed', "texts")
check_refused(npy("single", numbers), 'has no column "v"', "three", "--column", "v")

# ---- what comes out ----

with connection.cursor().copy("COPY resumed (embedding) TO STDOUT (FORMAT binary)") as copy:
    size = sum(len(block) for block in copy)
check(size == 19 + 40 * (2 + 4 + 4 + 4 * 6) + 2, "COPY in binary has rows of one length", size)

try:
    read_vectors(connection, "SELECT id, CASE WHEN id <> 3 THEN embedding END FROM resumed ORDER BY id")
    check(False, "a NULL among vectors is refused")
except ValueError as error:
    check("6 dimensions without NULLs" in str(error), "a NULL among vectors is refused", error)
ids, vectors = read_vectors(connection, "SELECT id, embedding FROM resumed WHERE false")
check(len(ids) == len(vectors) == 0, "no rows are no error")

print(f"1..{len(checks)}")
sys.exit(0 if all(checks) else 1)
