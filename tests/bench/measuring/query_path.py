"""What the model functions add to a search: routing, sampling and exposure logging, beside the same search without them.

Three ways, in turns, because an application chooses: everything in the search's own statement; a statement for each function, as where
the version decides which model embeds the query; and many calls in one statement, which is the functions alone, without round trips.
"""

import os
from dataclasses import dataclass, field
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
EF_SEARCH = (40, 200)  # the first of the curve that has a recall of .95 on the text set, also the default; and of .99
BLOCK = 50  # calls of one statement before it is the next one's turn
LOOP = 1_000  # calls of one function within a statement

# Many calls in a statement, beside one that only makes the units.
LOOPS = {
    "units": "SELECT count(u) FROM (SELECT $1::text || i / %d AS u FROM generate_series(1, %d) i) s",
    "champion": "SELECT count(annex.champion(left('docs', 4 + length(u)))) FROM (SELECT $1::text || i / %d AS u FROM generate_series(1, %d) i) s",
    "route": "SELECT count(r.version) FROM (SELECT $1::text || i / %d AS u FROM generate_series(1, %d) i) s, annex.route('docs', u) r",
    "expose": "SELECT count(annex.expose('docs', u)) FROM (SELECT $1::text || i / %d AS u FROM generate_series(1, %d) i) s",
}


def statements(operator: str) -> dict[str, str]:
    """$1 is the query, $2 the version or the unit. `together` is one call for all, `together nested` a call of `expose` and one of
    `sample_query`."""
    search = f"SELECT e.id FROM docs_embeddings e WHERE e.version = {{}} ORDER BY e.embedding {operator} $1 LIMIT {K}"
    served = "WITH served AS MATERIALIZED (SELECT {} AS version) "
    # Functions that are VOLATILE keep a subquery apart, and are called once for it.
    sampled = (
        "(SELECT version FROM (SELECT version, annex.sample_query('docs', version, $1, "
        f"{RATE}) AS sampled FROM (SELECT {{}} AS version) served) asked WHERE sampled IS NOT NULL)"
    )
    one = "(SELECT version FROM served)"
    together = f"(SELECT annex.expose('docs', $2, $1, {RATE}))"
    known, routed, exposed = "$2::int", "(SELECT r.version FROM annex.route('docs', $2) r)", "annex.expose('docs', $2)"
    return {
        "search": search.format("$2"),
        "together nested": search.format(sampled.format(exposed)),
        "route": served.format(routed) + search.format(one),
        "expose": served.format(exposed) + search.format(one),
        "sample": search.format(sampled.format(known)),
        "together": search.format(together),
        # The query is passed everywhere, so that the round trips are alike.
        "nothing alone": "SELECT $2::int FROM (SELECT $1::vector) q",
        "route alone": "SELECT r.version FROM (SELECT $1::vector) q, annex.route('docs', $2) r",
        "expose alone": "SELECT annex.expose('docs', $2) FROM (SELECT $1::vector) q",
        "sample alone": f"SELECT annex.sample_query('docs', $2, $1, {RATE})",
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
        lines += [f"ef_search = {ef_search}, synchronous_commit = {commit}", *QueryPath(side, data).measure(blocks), ""]
    return lines


@dataclass
class QueryPath:
    """One connection that has `prepare`d the data, and what was measured on it: microseconds a call, elapsed and of the processor, of
    each block."""

    side: Side
    data: DataSet
    times: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    loops: dict[str, list[float]] = field(default_factory=dict)

    def measure(self, blocks: int) -> list[str]:
        self.begin(blocks)
        allowed = sorted(os.sched_getaffinity(0))
        processes = [os.getpid(), self.side.backend]
        try:
            for process in processes:
                set_cores(process, {allowed[-1]})
            pinned = "client and backend on one core"
        except PermissionError:
            release(processes, allowed)
            pinned = "client and backend not pinned"
        try:
            for block in range(blocks):
                self.measure_block(block)
        finally:
            release(processes, allowed)
        return [*self.report(), pinned]

    def begin(self, blocks: int) -> None:
        """Prepares the statements and calls each of them some times."""
        side = self.side
        side.run("TRUNCATE annex.exposure, annex.outcome, annex.query_sample")
        names = statements(OPERATORS[self.data.metric])
        for name, sql in names.items():
            side.prepare(name, sql)
        for name, sql in LOOPS.items():
            side.prepare(f"loop {name}", sql % (QUERIES_A_UNIT, LOOP))
        self.queries = [vector_bytes(query) for query in self.data.queries]
        self.units = [f"user-{number // QUERIES_A_UNIT}" for number in range(blocks * BLOCK)]
        # The baseline searches the version that `together` is routed to in the same place: both hold the same rows, but one is warmer.
        everybody = [unit_of("together", unit) for unit in dict.fromkeys(self.units)]
        routes = "SELECT u, (annex.route('docs', u)).version FROM unnest(%s::text[]) u"
        self.versions = dict(side.connection.execute(routes, (everybody,)).fetchall())
        self.times = {name: [] for name in names}
        self.loops = {name: [] for name in LOOPS}
        for name in names:
            for number in range(200):
                side.execute(name, parameters(name, self.queries[number % len(self.queries)], "warm-up", 1 + number % 2))

    def measure_block(self, block: int) -> None:
        """Every statement, in an order that the next block turns round. The block's pages are read before: else who comes first pays.
        Those that search come first either way, so that what comes right after that search is as often the longest as the shortest."""
        side = self.side
        order = [name for name in self.times if not name.endswith("alone")]
        alone = [name for name in self.times if name.endswith("alone")]
        for number in range(block * BLOCK, (block + 1) * BLOCK):
            version = self.versions[unit_of("together", self.units[number])]
            query = self.queries[number % len(self.queries)]
            side.execute("search", parameters("search", query, "", version))
        for name in (*order, *alone) if block % 2 == 0 else (*reversed(order), *reversed(alone)):
            elapsed, before = 0, processor_nanos(side)
            for number in range(block * BLOCK, (block + 1) * BLOCK):
                unit = self.units[number]
                version = self.versions[unit_of("together", unit)]
                values = parameters(name, self.queries[number % len(self.queries)], unit, version)
                elapsed += side.execute(name, values)[1]
            self.times[name].append((elapsed / BLOCK / 1000, (processor_nanos(side) - before) / BLOCK / 1000))
        for name in LOOPS if block % 10 == 0 else ():
            values = [f"looped-{block}-".encode()]
            # Once for the exposures, which a statement does not see of its own.
            side.execute(f"loop {name}", values)
            before = processor_nanos(side)
            side.execute(f"loop {name}", values)
            self.loops[name].append((processor_nanos(side) - before) / LOOP / 1000)

    def report(self) -> list[str]:
        times = {name: both_directions(values) for name, values in self.times.items()}
        base = times["search"]
        lines = [f"{'statement':16} {'us a call':>10} {'to search':>10} {'us of CPU':>10} {'to search':>10} {'quartiles':>15}"]
        for name, values in times.items():
            (wall, cpu), ratios = np.median(values, axis=0), values / base
            (wall_ratio, cpu_ratio), (low, high) = np.median(ratios, axis=0), np.percentile(ratios[:, 1], (25, 75))
            lines.append(f"{name:16} {wall:10.1f} {wall_ratio:10.3f} {cpu:10.1f} {cpu_ratio:10.3f}   {low:.3f} .. {high:.3f}")
        wall, cpu = np.sum(times["together"], axis=0) / np.sum(base, axis=0)
        lines.append(f"together to search, means over everything: {wall:.3f}, of CPU {cpu:.3f}")
        nothing = times["nothing alone"]
        apart = times["expose alone"] + times["sample alone"] - 2 * nothing
        (wall, cpu), (wall_ratio, cpu_ratio) = np.median(apart, axis=0), np.median(1 + apart / base, axis=0)
        lines.append(
            f"expose and sample in statements of their own, less two statements that do nothing: {wall:.1f} us, {wall_ratio:.3f}; "
            f"of CPU {cpu:.1f} us, {cpu_ratio:.3f}"
        )
        medians = {name: np.median(values) for name, values in self.loops.items()}
        calls = ", ".join(f"{name} {value - medians['units']:.2f}" for name, value in medians.items() if name != "units")
        lines.append(f"{LOOP} calls in one statement, us of CPU a call: {calls}")
        exposures = self.side.value("SELECT count(*) FROM annex.exposure")
        samples = self.side.value("SELECT count(*) FROM annex.query_sample")
        lines.append(f"{exposures} exposures, {samples} samples")
        return lines


def both_directions(values: list[tuple[float, float]]) -> np.ndarray:
    """Means of each block and the next one, shape (blocks // 2, 2): who comes early in one comes late in the other."""
    pairs = np.array(values[: len(values) // 2 * 2])
    return (pairs[0::2] + pairs[1::2]) / 2


def processor_nanos(side: Side) -> int:
    """Time that the backend has run on a processor."""
    return int(Path(f"/proc/{side.backend}/schedstat").read_text().split()[0])


def unit_of(name: str, unit: str) -> str:
    """Each statement has users of its own: the first one would pay for the exposures of all."""
    return f"{name} {unit}"


def parameters(name: str, query: bytes, unit: str, version: int) -> list[bytes]:
    takes_unit = name.split()[0] in ("route", "expose", "together")
    return [query, unit_of(name, unit).encode() if takes_unit else version.to_bytes(4, "big")]
