"""Loads a file of vectors into a table: .npy or .fvecs, in binary, with a progress bar.

    load.py FILE TABLE [--id COLUMN] [--column COLUMN] [--first-id N] [--batch ROWS] [--dsn DSN]

The table has a bigint key and a column vector(n) or halfvec(n); where there is none of that name it is made. Row i of
the file gets the id N + i. Each batch is a transaction: a loader that was ended, or met an error, goes on where it was when it is started again.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import psycopg
from psycopg import sql

from copy_binary import ELEMENTS, encode, write_vectors
from vector_files import FileError, elements, open_vectors

BAR_WIDTH = 30


def main() -> None:
    options = parse_arguments()
    try:
        load(options)
    except (FileError, psycopg.Error) as error:
        sys.exit(f"{options.file}: {str(error).strip()}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path, help="a .npy or .fvecs file")
    parser.add_argument("table", help="name of the table, as SQL writes it")
    parser.add_argument("--id", default="id", help="the bigint key (default id)")
    parser.add_argument("--column", default="embedding", help="the column of vectors (default embedding)")
    parser.add_argument("--first-id", type=int, default=0, help="id of the first row of the file (default 0)")
    parser.add_argument("--batch", type=int, default=10_000, help="rows of a transaction (default 10000)")
    parser.add_argument("--dsn", default="", help="connection string; default: the PG* variables")
    options = parser.parse_args()
    if options.batch < 1:
        parser.error("--batch must be at least 1")
    return options


def load(options: argparse.Namespace) -> None:
    vectors = open_vectors(options.file)
    count = len(vectors)
    names = {"id": sql.Identifier(options.id), "column": sql.Identifier(options.column)}
    with psycopg.connect(options.dsn, autocommit=True) as connection:
        table = find_or_make_table(connection, options, vectors, names)
        type_name = check_column(connection, options, vectors)
        dtype = np.dtype(ELEMENTS[type_name]).newbyteorder("=")
        done = find_loaded(connection, options, vectors, table, names, dtype)
        statement = (
            sql.SQL("COPY {} ({id}, {column}) FROM STDIN (FORMAT binary)").format(table, **names).as_string(connection)
        )
        start, began_at = time.monotonic(), done
        show_progress(done, count, began_at, start)
        while done < count:
            last = min(done + options.batch, count)
            block = encode(options.first_id + done, elements(vectors, done, last, dtype), type_name)
            write_vectors(connection, statement, iter([block]))
            done = last
            show_progress(done, count, began_at, start)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(f"{count} rows of {vectors.shape[1]} dimensions in {options.table}, {count - began_at} of them new")


def find_or_make_table(connection, options, vectors, names) -> sql.Composable:
    """The table's name, quoted by the server, so that the text given cannot be anything else."""
    if connection.execute("SELECT to_regclass(%s)", (options.table,)).fetchone()[0] is None:
        parts = connection.execute("SELECT parse_ident(%s)", (options.table,)).fetchone()[0]
        table = sql.Identifier(*parts)
        type_name = sql.SQL("halfvec" if vectors.dtype == np.float16 else "vector")
        statement = sql.SQL("CREATE TABLE {} ({id} bigint PRIMARY KEY, {column} {}({}) NOT NULL)")
        connection.execute(statement.format(table, type_name, sql.Literal(vectors.shape[1]), **names))
        return table
    return sql.SQL(connection.execute("SELECT %s::regclass::text", (options.table,)).fetchone()[0])


def check_column(connection, options, vectors) -> str:
    """The type of the column, once table and file are known to fit."""
    rows = connection.execute(
        """SELECT a.attname, t.typname, a.atttypmod FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = %s::regclass AND a.attname IN (%s, %s) AND NOT a.attisdropped""",
        (options.table, options.id, options.column),
    ).fetchall()
    columns = {name: (type_name, dimensions) for name, type_name, dimensions in rows}
    for name in (options.id, options.column):
        if name not in columns:
            raise FileError(f'table {options.table} has no column "{name}"')
    if columns[options.id][0] != "int8":
        raise FileError(f'column "{options.id}" is {columns[options.id][0]}, bigint is needed')
    type_name, dimensions = columns[options.column]
    if type_name not in ELEMENTS:
        raise FileError(f'column "{options.column}" is {type_name}, vector or halfvec is needed')
    if dimensions not in (-1, vectors.shape[1]):
        raise FileError(
            f'column "{options.column}" has {dimensions} dimensions, rows of {options.file} have {vectors.shape[1]}'
        )
    return type_name


def find_loaded(connection, options, vectors, table, names, dtype) -> int:
    """How many rows of the file are there. Batches are whole transactions in order, so the last of them tells."""
    statement = sql.SQL("SELECT count(*), max({id}) FROM {} WHERE {id} BETWEEN %s AND %s").format(table, **names)
    count, last_id = connection.execute(statement, (options.first_id, options.first_id + len(vectors) - 1)).fetchone()
    if count == 0:
        return 0
    stored = connection.execute(
        sql.SQL("SELECT {column}::real[] FROM {} WHERE {id} = %s").format(table, **names), (last_id,)
    ).fetchone()[0]
    expected = elements(vectors, count - 1, count, dtype)[0]
    if last_id != options.first_id + count - 1 or not np.array_equal(np.asarray(stored, dtype), expected):
        raise FileError(f"{options.table} has other rows with ids from {options.first_id}: choose another --first-id")
    return count


def show_progress(done: int, total: int, began_at: int, start: float) -> None:
    if not sys.stderr.isatty() or total == 0:
        return
    filled = BAR_WIDTH * done // total
    rate = (done - began_at) / max(time.monotonic() - start, 1e-9)
    print(
        f"\r[{'#' * filled}{'-' * (BAR_WIDTH - filled)}] {done} of {total}, {rate:.0f}/s ",
        end="",
        file=sys.stderr,
        flush=True,
    )


main()
