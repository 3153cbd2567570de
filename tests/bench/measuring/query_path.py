"""What the model functions add to a search: routing, sampling and exposure logging, beside the same search without them."""

import os
from pathlib import Path

import numpy as np

from datasets.dataset import DataSet
from measuring.pinning import release, set_cores
from measuring.plan import K
from server.side import OPERATORS, Side
from server.vector_format import copy_rows, vector_bytes

FRACTION = 0.1
RATE = 0.01
# A unit is a user: most of his queries come after the one that exposed him.
QUERIES_A_UNIT = 20
EF_SEARCH = (40, 200)  # the default, and what the text set needs for a recall of .99
BLOCK = 50  # calls of one statement before it is the next one's turn


def statements(operator: str) -> dict[str, str]:
    """The search by itself, then with each addition, then together; $1 is the query, $2 the version or the unit.

    One statement each: where an application sends `route` by itself, a round trip is added, whatever the function costs.
    """
    search = f"SELECT e.id FROM docs_embeddings e WHERE e.version = {{}} ORDER BY e.embedding {operator} $1 LIMIT {K}"
    served = "WITH served AS MATERIALIZED (SELECT {} AS version) "
    sampled = (
        "WITH served AS MATERIALIZED (SELECT {} AS version), "
        f"sampled AS MATERIALIZED (SELECT annex.sample_query('docs', version, $1, {RATE}) AS kept FROM served) "
    )
    one, both = "(SELECT version FROM served)", "(SELECT version FROM served) AND (SELECT kept FROM sampled) IS NOT NULL"
    known, routed, exposed = "$2::int", "(SELECT r.version FROM annex.route('docs', $2) r)", "annex.expose('docs', $2)"
    return {
        "search": search.format("$2"),
        "route": served.format(routed) + search.format(one),
        "expose": served.format(exposed) + search.format(one),
        "sample": sampled.format(known) + search.format(both),
        "together": sampled.format(exposed) + search.format(both),
    }


def prepare(side: Side, data: DataSet) -> None:
    """A model of the data set's rows in two versions, each with its index; the second one challenges the first."""
    side.run("CREATE TABLE docs (id int4 PRIMARY KEY, body text NOT NULL)")
    side.run(f"INSERT INTO docs SELECT i, 'doc ' || i FROM generate_series(0, {len(data.base) - 1}) i")
    side.run("SELECT annex.register_model('docs', 'docs', 'id', 'body')")
    side.run(f"SET maintenance_work_mem = '{len(data.base) * (data.dimensions * 4 + 1_500) // 1024 + 65_536}kB'")
    side.run(f"CREATE TEMPORARY TABLE rows (id int4, embedding vector({data.dimensions}))")
    with side.connection.cursor() as cursor, cursor.copy("COPY rows FROM STDIN (FORMAT binary)") as copy:
        for chunk in copy_rows(data.base, []):
            copy.write(chunk)
    for version in (1, 2):
        side.run(f"SELECT annex.register_version('docs', {data.dimensions}, '{data.metric}', params => '{{\"min_coverage\": 0}}')")
        side.run(
            f"INSERT INTO docs_v{version} (id, embedding, content_hash) "
            "SELECT id, embedding, annex.content_hash(body) FROM rows JOIN docs USING (id)"
        )
        side.run(side.value(f"SELECT annex.index_ddl('docs', {version})"))
        side.run(f"VACUUM (FREEZE, ANALYZE) docs_v{version}")
    side.run("SELECT annex.promote('docs', 1)")
    side.run(f"SELECT annex.challenge('docs', 2, {FRACTION}, 'click')")


def measure_query_path(side: Side, data: DataSet, blocks: int) -> list[str]:
    """Lines of a table: microseconds a call and of the backend's processor, and their ratios to the search alone: medians over
    blocks that took turns. The processor's are those to read where the machine has other work.

    The additions cost the same whatever the search does, so their share depends on the search. Commits wait for the disk in the first
    part only: how long a disk takes is not the functions' affair.
    """
    prepare(side, data)
    lines = []
    for commit, ef_search in (("on", EF_SEARCH[0]), *(("off", ef_search) for ef_search in EF_SEARCH)):
        side.run(f"SET synchronous_commit = {commit}")
        side.run(f"SET hnsw.ef_search = {ef_search}")
        side.run("TRUNCATE annex.exposure, annex.outcome, annex.query_sample")
        lines += [f"ef_search = {ef_search}, synchronous_commit = {commit}", *measure_turns(side, data, blocks), ""]
    return lines


def measure_turns(side: Side, data: DataSet, blocks: int) -> list[str]:
    names = statements(OPERATORS[data.metric])
    for name, sql in names.items():
        side.prepare(name, sql)
    queries = [vector_bytes(query) for query in data.queries]
    units = [f"user-{number // QUERIES_A_UNIT}" for number in range(blocks * BLOCK)]
    # The baseline searches the version that `together` is routed to in the same place: both hold the same rows, but one is warmer.
    everybody = [unit_of("together", unit) for unit in dict.fromkeys(units)]
    routes = "SELECT u, (annex.route('docs', u)).version FROM unnest(%s::text[]) u"
    versions = dict(side.connection.execute(routes, (everybody,)).fetchall())
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    allowed = sorted(os.sched_getaffinity(0))
    processes = [os.getpid(), side.backend]
    try:
        for process in processes:
            set_cores(process, {allowed[-1]})
        pinned = "client and backend on one core"
    except PermissionError:
        release(processes, allowed)
        pinned = "client and backend not pinned"
    try:
        for name in names:
            for number in range(200):
                side.execute(name, parameters(name, queries[number % len(queries)], "warm-up", 1 + number % 2))
        for block in range(blocks):
            order = list(names) if block % 2 == 0 else list(reversed(names))
            for name in order:
                elapsed, before = 0, processor_nanos(side)
                for number in range(block * BLOCK, (block + 1) * BLOCK):
                    unit = units[number]
                    values = parameters(name, queries[number % len(queries)], unit, versions[unit_of("together", unit)])
                    elapsed += side.execute(name, values)[1]
                times[name].append((elapsed / BLOCK / 1000, (processor_nanos(side) - before) / BLOCK / 1000))
    finally:
        release(processes, allowed)
    return report(times, pinned, side)


def processor_nanos(side: Side) -> int:
    """Time that the backend has run on a processor."""
    return int(Path(f"/proc/{side.backend}/schedstat").read_text().split()[0])


def unit_of(name: str, unit: str) -> str:
    """Each statement has users of its own: the first one would pay for the exposures of all."""
    return f"{name} {unit}"


def parameters(name: str, query: bytes, unit: str, version: int) -> list[bytes]:
    takes_unit = name in ("route", "expose", "together")
    return [query, unit_of(name, unit).encode() if takes_unit else version.to_bytes(4, "big")]


def report(times: dict[str, list[tuple[float, float]]], pinned: str, side: Side) -> list[str]:
    lines = [f"{'statement':10} {'us a call':>10} {'to search':>10} {'us of CPU':>10} {'to search':>10}"]
    base = np.array(times["search"])
    for name, values in times.items():
        (wall, cpu), (wall_ratio, cpu_ratio) = np.median(values, axis=0), np.median(np.array(values) / base, axis=0)
        lines.append(f"{name:10} {wall:10.1f} {wall_ratio:10.3f} {cpu:10.1f} {cpu_ratio:10.3f}")
    wall, cpu = np.sum(times["together"], axis=0) / np.sum(base, axis=0)
    exposures, samples = side.value("SELECT count(*) FROM annex.exposure"), side.value("SELECT count(*) FROM annex.query_sample")
    return [
        *lines,
        f"together to search, means over everything: {wall:.3f}, of CPU {cpu:.3f}",
        f"{pinned}; {exposures} exposures, {samples} samples",
    ]
