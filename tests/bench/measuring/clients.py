"""Queries per second of several connections at equal recall, with pgbench: the generator is C, not Python.

A transaction is one prepared statement that reads its query vector from a table by a random number; both sides pay that
look-up. The share of the cores that pgbench itself took is recorded, and the rates of the look-up alone: the most that this
generator can ask for, and what PostgreSQL itself loses with more connections than cores. Nothing is pinned: with several
clients the scheduler has work for every core.

A rate counts after a while only: each new connection first maps the shared memory that it reads, page by page, which says much of
connecting and little of queries. More connections than cores take longer.
"""

import os
import re
import resource
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from datasets import ground_truth
from datasets.dataset import NO_FILTER, DataSet
from measuring.interleaved import medians
from measuring.plan import K, Plan
from measuring.results import Results
from measuring.searcher import SideSearcher
from server.server import Server
from server.side import OPERATORS, Side
from server.vector_format import copy_rows


def measure_clients(
    results: Results, server: Server, sides: list[Side], data: DataSet, storage: str, plan: Plan, ef_search: dict[str, int]
) -> None:
    """Each side at its own `ef_search`; the recall reached there stands beside the rates."""
    for side in sides:
        searcher = SideSearcher(side, data)
        searcher.set_ef_search(ef_search[side.name])
        count = min(plan.recall_queries, len(data.queries))
        found, truth = searcher.find(count), data.truth[NO_FILTER][:count]
        recall = ground_truth.recall(data.base, data.queries[:count], found, truth, data.metric)
        side.run("RESET hnsw.ef_search")
        results.add(data.name, storage, "clients_ef_search", side.name, "", ef_search[side.name], "candidates")
        results.add(data.name, storage, "clients_recall", side.name, "", recall, "share")
        load_queries(side, data)
    look_up = "(SELECT embedding FROM queries WHERE id = :id)"
    search = f"SELECT id FROM items ORDER BY embedding {OPERATORS[data.metric]} {look_up} LIMIT {K}"
    for side in sides:
        if not side.uses_index(search.replace(":id", "0")):
            results.note(data.name, storage, "clients", side.name, "not measured: the planner does not use the index")
            return
    for clients in plan.clients:
        shares: dict[str, list[float]] = {}

        def rate(side: Side, clients: int = clients, shares: dict = shares) -> float:
            per_second, share = pgbench(server, side, search, len(data.queries), clients, plan, ef_search[side.name])
            shares.setdefault(side.name, []).append(share)
            return per_second

        rates = medians(sides, plan.client_repeat, rate)
        for side in sides:
            results.add(data.name, storage, "clients_rate", side.name, clients, rates[side.name], "queries/s")
            results.add(data.name, storage, "clients_generator", side.name, clients, max(shares[side.name]), "share of cores")
    for clients in plan.clients:

        def look_up_rate(side: Side, clients: int = clients) -> float:
            return pgbench(server, side, f"SELECT {look_up}", len(data.queries), clients, plan, 40)[0]

        rates = medians(sides, plan.client_repeat, look_up_rate)
        for side in sides:
            results.add(data.name, storage, "clients_ceiling", side.name, clients, rates[side.name], "queries/s")
    for side in sides:
        side.run("DROP TABLE queries")


def load_queries(side: Side, data: DataSet) -> None:
    """The query vectors as a table, stored in the row: fetching one must cost little on either side."""
    side.run("DROP TABLE IF EXISTS queries")
    side.run(f"CREATE TABLE queries (id int4 PRIMARY KEY, embedding {data.type}({data.dimensions}) NOT NULL)")
    side.run("ALTER TABLE queries ALTER COLUMN embedding SET STORAGE PLAIN")
    with side.connection.cursor() as cursor, cursor.copy("COPY queries FROM STDIN (FORMAT binary)") as copy:
        for chunk in copy_rows(data.queries, [], data.type):
            copy.write(chunk)
    side.run("VACUUM (FREEZE, ANALYZE) queries")


def pgbench(server: Server, side: Side, sql: str, queries: int, clients: int, plan: Plan, ef_search: int) -> tuple[float, float]:
    """Transactions per second after the warm-up, and the share of all cores that pgbench took itself."""
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="annex-bench-") as folder:
        script = Path(folder, "search.sql")
        script.write_text(f"\\set id random(0, {queries - 1})\n{sql};\n")
        settings = f"-c plan_cache_mode=force_generic_plan -c hnsw.ef_search={ef_search}"
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        warm_up = 1 + round(clients * plan.client_warm_up)
        seconds = warm_up + plan.client_seconds
        progress = subprocess.run(
            [str(server.bin / "pgbench"), "--no-vacuum", "--protocol=prepared", f"--file={script}", f"--client={clients}",
             f"--jobs={min(clients, cores)}", f"--time={seconds}", "--progress=1", "-h", server.socket, "-U", "postgres", side.name],
            check=True, capture_output=True, text=True, env={**os.environ, "PGOPTIONS": settings},
        ).stderr
        elapsed, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    by_second = [float(rate) for rate in re.findall(r"^progress: .* ([0-9.]+) tps", progress, re.MULTILINE)]
    return float(np.mean(by_second[warm_up:])), processor / (elapsed * cores)
