"""Single changed bytes, and what may follow of them."""

import os
import random
import signal
import time
from dataclasses import dataclass

import psycopg

import data
from pages import (
    FACTORS, HASH, HEADER, LIVE, NODE, NODE_CODE, OVERFLOW, PAGE, SPARSEVEC, SPECIAL, TID_BLOCKS, TID_OFFSETS, UPPER, UPPER_CODE, Index,
)

LIMIT_SECONDS = 30


@dataclass
class Flip:
    block: int
    byte: int
    old: int
    new: int
    field: str
    row: tuple | None  # line pointer of the node's row, if the byte is what deep verify compares with it

    def __str__(self):
        return f"block {self.block}, byte {self.byte} ({self.field}): {self.old:#04x} -> {self.new:#04x}"


def row_of(index, block, byte):
    """The first row of the node that a byte belongs to."""
    item = next(item for item in index.page_items(block) if item.start <= byte < item.start + item.length)
    return item.get("I", TID_BLOCKS) + item.get("H", TID_OFFSETS)


def field_of(index, block, byte):
    """What a byte belongs to, as far as what must follow depends on it."""
    if byte < HEADER:
        return "page header"
    if byte >= SPECIAL:
        at = byte - SPECIAL
        if at in (4, 5, 6, 7, 14, 15):
            return "page kind"
        return "special space"
    if block == 0:
        at = byte - HEADER
        if at < 4:
            return "magic"
        return "reader version" if 8 <= at < 12 else "meta page"
    if index.kind(block) not in (NODE, UPPER, OVERFLOW):
        return "parameters"
    for item in index.page_items(block):
        at = byte - item.start
        if 0 <= at < item.length:
            if index.kind(block) == NODE and item.state == LIVE:
                if NODE_CODE <= at < NODE_CODE + index.code_len(item):
                    return "code"
                if FACTORS <= at < FACTORS + 12:
                    return "factors"
                if HASH <= at < HASH + 8:
                    return "hash"
            if index.kind(block) == UPPER and item.state == LIVE and index.type != SPARSEVEC:
                if UPPER_CODE <= at < UPPER_CODE + index.code_len(item):
                    return "upper code"
            if index.kind(block) in (NODE, UPPER) and item.state == LIVE:
                if index.is_current(index.kind(block), index.edge_of_code(item, at)):
                    return "edge code"
            return "item head" if at < 56 else "item"
    return "line pointers or free space"


# Fields that annex.verify knows in full: any other byte there is an error; edge codes are those of edges that lead to an item, and
# the code of an upper item is its node's. Those of rows it compares with the table, where the row is visible.
CHECKED = {"page kind", "magic", "edge code", "upper code"}
COMPARED = {"code", "factors", "hash"}


def choose(index, chance):
    """A byte to change. One time in three anywhere; else where structure is: headers, line pointers, heads of items."""
    block = chance.randrange(len(index.pages))
    # There are few of these pages.
    if index.has_upper_codes and chance.randrange(2):
        block = chance.choice(index.blocks(UPPER))
    kind = chance.randrange(6)
    items = list(index.page_items(block)) if block > 0 and index.kind(block) in (NODE, UPPER, OVERFLOW) else []
    if kind < 2 or not items and kind > 3:
        byte = chance.randrange(PAGE)
    elif kind == 2:
        byte = chance.choice([*range(HEADER), *range(SPECIAL, PAGE)])
    elif kind == 3:
        byte = HEADER + chance.randrange(128)
    else:
        item = chance.choice(items)
        byte = item.start + chance.randrange(56 if kind == 4 else item.length)
    old = index.pages[block][byte]
    # Half of them are single bits.
    new = old ^ (1 << chance.randrange(8)) if chance.randrange(2) else (old + chance.randrange(1, 256)) % 256
    field = field_of(index, block, byte)
    return Flip(block, byte, old, new, field, row_of(index, block, byte) if field in COMPARED else None)


def apply(path, chance):
    index = Index(path)
    flip = choose(index, chance)
    index.pages[flip.block][flip.byte] = flip.new
    index.save()
    return flip


class Hang(Exception):
    pass


def on_alarm(_signal, _frame):
    raise Hang


def is_allowed(error, flip):
    """Damage has its own SQLSTATEs. Two others come from elsewhere: PostgreSQL's executor finds that a row is nearer than the
    index had promised, which a changed code can cause; and a meta page may say that only a newer library can read it."""
    state, message = error.sqlstate, error.diag.message_primary or ""
    if state == "XX001":
        return True
    if state == "XX002":
        return (error.diag.message_hint or "") == "REINDEX the index."
    if state == "XX000":
        return message == "index returned tuples in wrong order"
    return state == "0A000" and flip.field == "reader version"


def operations(number):
    """What is done to a damaged index, in order. The first one is annex.verify."""
    table, name = data.tables[number], f"t{number}"
    order, column = table.operator, table.column
    query, equal = data.QUERIES[column], data.EQUALS[column]
    nearest = f"SELECT id FROM {name} ORDER BY v {order} '{query}' LIMIT"
    verify = f"SELECT severity, finding, detail FROM annex.verify('{name}_v', true)"
    return [
        verify,
        f"{nearest} 10",
        f"SELECT id FROM {name} ORDER BY v {order} '{equal}' LIMIT 100",
        "SET hnsw.iterative_scan = strict_order",
        f"{nearest} 150",
        "SET hnsw.iterative_scan = relaxed_order",
        f"{nearest} 150",
        "RESET hnsw.iterative_scan",
        f"SELECT * FROM annex.index_info('{name}_v')",
        f"INSERT INTO {name} SELECT 3000 + id, {column} FROM source WHERE id % 23 = 2",
        f"INSERT INTO {name} SELECT 4000 + i, '{equal}' FROM generate_series(1, 3) i",
        f"DELETE FROM {name} WHERE id % 9 = 2",
        f"VACUUM (INDEX_CLEANUP ON) {name}",
        f"INSERT INTO {name} SELECT 5000 + id, {column} FROM source WHERE id % 23 = 3",
        f"{nearest} 10",
        f"VACUUM (INDEX_CLEANUP ON) {name}",
        verify,
    ]


def reconnect(cluster):
    """A new connection, as soon as a server that restarts lets one in."""
    for _ in range(100):
        try:
            return cluster.connect()
        except psycopg.OperationalError:
            time.sleep(0.2)
    raise RuntimeError("the server does not come back")


def try_flip(connect, number, flip):
    """Works with a damaged index; returns what went wrong, or None, and whether anything told of the damage."""
    is_reported = False
    is_due = flip.field in CHECKED
    signal.signal(signal.SIGALRM, on_alarm)
    connection = connect()
    if flip.row:
        rows = connection.execute(f"SELECT FROM t{number} WHERE ctid = '({flip.row[0]},{flip.row[1]})'")
        is_due = rows.rowcount == 1
    for step, statement in enumerate(operations(number)):
        signal.alarm(2 * LIMIT_SECONDS)
        try:
            result = connection.execute(statement)
            if step == 0:
                is_reported = any(row[0] == "error" for row in result)
        except psycopg.OperationalError as error:
            if error.sqlstate is None or connection.closed:
                return f"the connection broke in: {statement}: {error}", True
            if not is_allowed(error, flip):
                return f"{error.sqlstate} in: {statement}: {error}", True
            is_reported = is_reported or step == 0
        except psycopg.Error as error:
            if not is_allowed(error, flip):
                return f"{error.sqlstate} in: {statement}: {error}", True
            is_reported = is_reported or step == 0
        except Hang:
            # It serves no interrupt, so nothing gentler helps; the server restarts for the next one.
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            connection.close()
            return f"hangs in: {statement}", True
        finally:
            signal.alarm(0)
    if is_due and not is_reported:
        return "annex.verify says nothing of it", False
    return None, is_reported


def run(cluster, files, count, seed):
    """Tries `count` flips, each in an index of its own; returns the problems and how many were reported by verify."""
    chance = random.Random(seed)
    problems, reported, tried = [], 0, 0
    while tried < count:
        cluster.restore()
        batch = files[: count - tried]
        flips = [apply(cluster.data / path, chance) for path in batch]
        cluster.start()
        pid = cluster.postmaster_pid()
        connections = []

        def connect():
            if not connections or connections[-1].closed or connections[-1].broken:
                connections.append(reconnect(cluster))
                connections[-1].execute(f"SET statement_timeout = '{LIMIT_SECONDS}s'")
                connections[-1].execute("SET enable_seqscan = off")
            return connections[-1]

        for number, flip in enumerate(flips):
            crashes = len(cluster.crashes())
            problem, is_reported = try_flip(connect, number, flip)
            if len(cluster.crashes()) > crashes:
                problem = f"a process died: {problem}: {cluster.crashes()[-1]}"
            if cluster.postmaster_pid() != pid:
                problem = "the server is another one"
            if problem:
                problems.append(f"t{number} ({data.tables[number]}), {flip}: {problem}")
            reported += is_reported
        for connection in connections:
            connection.close()
        cluster.stop()
        tried += len(batch)
    return problems, reported
