"""One of the two extensions under comparison: its database, its tables and its prepared statements."""

import time

import numpy as np
import psycopg
from psycopg.pq import ExecStatus, PGresult

from datasets.dataset import DataSet
from server.vector_format import BINARY, copy_rows, value_bytes

OPERATORS = {"l2": "<->", "ip": "<#>", "cosine": "<=>", "hamming": "<~>", "jaccard": "<%>"}
INDEX = "items_embedding"
COLUMN_TYPES = {"i": "int4", "U": "text"}
# Bytes of memory that either side's build has for a row beside its vector. pgvector allocates the whole setting before it
# begins, so one size for all sets would add seconds to its small builds.
BUILD_ROW_BYTES = 1_500
# Two processes or threads build the index on either side: the leader and one more.
BUILD_HELPERS = 1


class Side:
    """A database of its own with one of the extensions.

    `name` is the role in the report, `extension` what is installed, `index_options` what stands in the index's WITH (...).
    """

    def __init__(self, socket: str, name: str, extension: str, index_options: str = ""):
        with psycopg.connect(host=socket, user="postgres", dbname="postgres", autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        self.notices: list[str] = []
        self.socket = socket
        self.name = name
        self.extension = extension
        self.index_options = index_options
        self.connect()
        self.run(f"CREATE EXTENSION {extension}")
        self.version = self.value(f"SELECT extname || ' ' || extversion FROM pg_extension WHERE extname = '{extension}'")

    def connect(self) -> None:
        """Opens the one connection; again after the server was restarted, when prepared statements and settings are gone."""
        self.connection = psycopg.connect(
            host=self.socket, user="postgres", dbname=self.name, autocommit=True, prepare_threshold=None
        )
        self.connection.add_notice_handler(self.keep_notice)
        # A vector search has one plan for every parameter; planning each call anew would hide the search behind the planner.
        self.run("SET plan_cache_mode = force_generic_plan")
        self.run(f"SET max_parallel_maintenance_workers = {BUILD_HELPERS}")
        self.prepared: set[str] = set()

    def keep_notice(self, notice: psycopg.errors.Diagnostic) -> None:
        """Such as: the graph no longer fits into maintenance_work_mem. DROP ... IF EXISTS has nothing to tell."""
        if not (notice.message_primary or "").endswith("skipping"):
            self.notices.append(notice.message_primary)

    @property
    def backend(self) -> int:
        """The process that serves the connection."""
        return self.connection.info.backend_pid

    def run(self, sql: str) -> None:
        self.connection.execute(sql)

    def value(self, sql: str):
        """The first column of the first row."""
        return self.connection.execute(sql).fetchone()[0]

    def load(self, data: DataSet, storage: str) -> None:
        """A fresh table `items` with the rows of the data set; `storage` is "default" or "plain"."""
        columns = "".join(f"{name} {COLUMN_TYPES[values.dtype.kind]} NOT NULL, " for name, values in data.columns.items())
        self.run("DROP TABLE IF EXISTS items")
        self.run(f"CREATE TABLE items (id int4 PRIMARY KEY, {columns}embedding {data.type}({data.dimensions}) NOT NULL)")
        if storage == "plain":
            self.run("ALTER TABLE items ALTER COLUMN embedding SET STORAGE PLAIN")
        # The planner counts only the main fork, which is small when vectors are toasted, and would build with one process.
        self.run(f"ALTER TABLE items SET (parallel_workers = {BUILD_HELPERS})")
        with self.connection.cursor() as cursor, cursor.copy("COPY items FROM STDIN (FORMAT binary)") as copy:
            for chunk in copy_rows(data.base, list(data.columns.values()), data.type):
                copy.write(chunk)
        self.run("VACUUM (FREEZE, ANALYZE) items")
        self.run(f"SET maintenance_work_mem = '{len(data.base) * (data.value_bytes + BUILD_ROW_BYTES) // 1024 + 65_536}kB'")

    def build_index(self, data: DataSet) -> float:
        """Drops the index, builds it and returns the seconds that CREATE INDEX took."""
        self.run(f"DROP INDEX IF EXISTS {INDEX}")
        self.run("CHECKPOINT")
        started = time.perf_counter()
        options = f" WITH ({self.index_options})" if self.index_options else ""
        self.run(f"CREATE INDEX {INDEX} ON items USING hnsw (embedding {operator_class(data)}){options}")
        return time.perf_counter() - started

    def index_bytes(self) -> int:
        return self.value(f"SELECT pg_relation_size('{INDEX}')")

    def uses_index(self, sql: str) -> bool:
        """Whether the plan of a statement with parameters reads the vector index."""
        lines = self.connection.execute(f"EXPLAIN (GENERIC_PLAN) {sql}".encode()).fetchall()
        return any(INDEX in line for (line,) in lines)

    def prepare(self, statement: str, sql: str) -> None:
        """Prepares `sql` under a name, replacing what had the name."""
        if statement in self.prepared:
            self.run(f'DEALLOCATE "{statement}"')
        checked(self.connection.pgconn.prepare(statement.encode(), sql.encode()))
        self.prepared.add(statement)

    def execute(self, statement: str, parameters: list[bytes], form: int = 1) -> tuple[PGresult, int]:
        """Runs a prepared statement with a binary result; returns it and the nanoseconds of the round trip.

        `form` of the parameters: 1 is binary, 0 text.
        """
        call, name, formats = self.connection.pgconn.exec_prepared, statement.encode(), [form] * len(parameters)
        started = time.perf_counter_ns()
        result = call(name, parameters, formats, 1)
        elapsed = time.perf_counter_ns() - started
        return checked(result), elapsed

    def execute_all(self, statement: str, parameters: list[list[bytes]], rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Runs a statement once for each parameter list: ids found (calls x rows, -1 where missing) and nanoseconds."""
        found = np.full((len(parameters), rows), -1, np.int64)
        elapsed = np.empty(len(parameters), np.int64)
        for number, values in enumerate(parameters):
            result, elapsed[number] = self.execute(statement, values)
            for row in range(min(result.ntuples, rows)):
                found[number, row] = int.from_bytes(result.get_value(row, 0), "big", signed=True)
        return found, elapsed


def checked(result: PGresult) -> PGresult:
    """The result, or the server's message as an exception."""
    if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
        raise RuntimeError(result.error_message.decode() if isinstance(result.error_message, bytes) else result.error_message)
    return result


def operator_class(data: DataSet) -> str:
    return f"{data.type}_{data.metric}_ops"


def search_sql(metric: str, k: int, condition: str = "") -> str:
    """The nearest-neighbour query; $1 is the query vector."""
    where = f"WHERE {condition} " if condition else ""
    return f"SELECT id FROM items {where}ORDER BY embedding {OPERATORS[metric]} $1 LIMIT {k}"


def query_parameters(data: DataSet, count: int) -> list[list[bytes]]:
    """The first `count` queries as binary parameters."""
    return [[BINARY[data.type](query)] for query in data.queries[:count]]


def with_value(parameters: list[list[bytes]], values: list) -> list[list[bytes]]:
    """The same parameters with a second one for the filter's constant."""
    return [[*parameter, value_bytes(value)] for parameter, value in zip(parameters, values, strict=True)]
