"""Measures annex beside pgvector on the server of the cluster it is given; `tests/bench/run` prepares that server."""

import argparse
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path

import psycopg

from datasets import catalog
from datasets.dataset import DataSet
from measuring import wide
from measuring.build import build_peers, measure_build
from measuring.clients import measure_clients
from measuring.cold import measure_cold
from measuring.counts import measure_counts
from measuring.filtered import measure_filters
from measuring.floors import measure_floors
from measuring.growth import measure_growth, sizes
from measuring.inserts import measure_inserts
from measuring.operating_point import operating_points
from measuring.plan import FULL, K, LARGE_ROWS, QUICK
from measuring.query_path import QUERIES_A_UNIT, RATE, measure_query_path
from measuring.referee import measure_agreement
from measuring.results import Results
from measuring.search import measure_search
from measuring.text_input import measure_text_input
from report import environment, record
from report.goals import verdicts
from report.verdict import COMPACT, INLINE, Measured
from server.server import Server
from server.side import Side

HERE = Path(__file__).resolve().parent
FORMS = {COMPACT: "storage = compact", INLINE: "storage = inline"}


def main() -> None:
    options = parse_options()
    if options.prepare:
        for name in options.sets:
            catalog.open_set(name, quick=False)
        return
    if options.query_path:
        print_query_path(options)
        return
    Run(options).measure_all()


def print_query_path(options: argparse.Namespace) -> None:
    """The cost of the model functions around a search; a table, no record."""
    side = Side(Server(options.cluster).socket, "annex", "annex")
    data = catalog.open_set(options.sets[0], options.quick)
    print(f"{data.title}: k = {K}, sampling at {RATE:.0%}, a unit asks {QUERIES_A_UNIT} queries\n")
    print("\n".join(measure_query_path(side, data, blocks=10 if options.quick else 100)))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    names = ", ".join([*catalog.BUILDERS, *catalog.OF_TYPE])
    parser.add_argument("--cluster", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--sets", default="", help=f"comma-separated: {names} (default: {', '.join(catalog.DEFAULT)})")
    parser.add_argument("--quick", action="store_true", help="a small part of the cheap sets: a smoke test of a few minutes")
    parser.add_argument("--repeat", type=int, help=f"repetitions of each point of a curve (default {FULL.repeat})")
    parser.add_argument("--builds", type=int, help=f"repetitions of each build (default {FULL.build_repeat})")
    parser.add_argument("--prepare", action="store_true", help="only prepare the data sets")
    parser.add_argument("--peers", nargs="?", const="text", default="", metavar="SETS",
                        help="measure hnswlib, Faiss, USearch and Milvus too, on these sets (text if none is named)")
    parser.add_argument("--forms", action="store_true", help="annex also as storage = compact and storage = inline")
    parser.add_argument("--growth", action="store_true", help="also the first 50,000, 100,000 and 200,000 rows of each set")
    parser.add_argument("--search-only", action="store_true", help="only builds, curves, peers and counts")
    parser.add_argument("--annex-only", action="store_true", help="leave pgvector out, to see annex's own numbers soon")
    parser.add_argument("--query-path", action="store_true", help="only what routing, sampling and exposures add to a search")
    parser.add_argument("--huge-pages", action="store_true", help="the server's shared memory in huge pages, which root reserves")
    parser.add_argument("--both-pgvector", action="store_true", help="pgvector in both roles: shows the noise of the method")
    options = parser.parse_args()
    options.asked_sets = options.sets.replace(",", "-")
    options.sets = [name for part in options.sets.split(",") if part for name in catalog.OF_TYPE.get(part, (part,))]
    options.peers = [name for name in options.peers.split(",") if name]
    unknown = {*options.sets, *options.peers} - set(catalog.BUILDERS)
    if unknown:
        parser.error(f"no data set {', '.join(sorted(unknown))}: {names}")
    if options.forms and options.both_pgvector:
        parser.error("--forms are annex's: not together with --both-pgvector")
    options.is_default_sets = not options.sets
    if not options.sets:
        options.sets = [name for name in catalog.DEFAULT if not options.quick or catalog.is_cheap(name)]
    return options


class Run:
    """One run: the server and its sides, the plan, and what was measured so far."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.started = time.monotonic()
        plan = QUICK if options.quick else FULL
        self.plan = replace(plan, repeat=options.repeat or plan.repeat, build_repeat=options.builds or plan.build_repeat)
        self.server = Server(options.cluster)
        self.results, self.tables = Results(), []
        self.sides = [Side(self.server.socket, "annex", "vector" if options.both_pgvector else "annex")]
        if not options.annex_only:
            self.sides.append(Side(self.server.socket, "pgvector", "vector"))
        self.forms = self.open_forms() if options.forms else []
        arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--cluster")]
        self.facts = environment.describe(self.sides, shlex.join(arguments))
        warnings = [
            text for text, is_so in (
                ("a small part of the data", options.quick),
                ("pgvector in both roles", options.both_pgvector),
                ("nothing to compare with", options.annex_only),
            ) if is_so
        ]
        if warnings:
            self.facts["warning"] = "not a measurement for the record: " + ", ".join(warnings)
            self.folder, self.file_name = HERE.parents[1] / "results", "bench-smoke"
        else:
            sets = "" if options.is_default_sets else f"-{options.asked_sets}"
            sets += "-huge-pages" if options.huge_pages else ""
            self.folder, self.file_name = HERE / "record", record.record_name(self.facts["cpu"], self.facts["cores"], sets)

    def open_forms(self) -> list[Side]:
        """A side for each storage form that this build of annex accepts."""
        sides = []
        for name, index_options in FORMS.items():
            side = Side(self.server.socket, name, "annex", index_options)
            side.run("CREATE TABLE probe (embedding vector(3))")
            try:
                side.run(f"CREATE INDEX ON probe USING hnsw (embedding vector_l2_ops) WITH ({index_options})")
                sides.append(side)
            except psycopg.Error as error:
                self.results.note("", "", "form", name, f"not measured: {error.diag.message_primary}")
            side.run("DROP TABLE probe")
        return sides

    def measure_all(self) -> None:
        """All tables. After each one the files are written: what was measured survives a run that is stopped."""
        for name in self.options.sets:
            data = catalog.open_set(name, self.options.quick)
            for rows in sizes(data, self.plan) if self.options.growth else []:
                self.say(data.title, f"growth, {rows:,} rows")
                part = measure_growth(self.results, self.sides, data, rows, self.plan)
                self.finish(part, "default")
            # Only vectors too long for a heap page beside other rows are stored apart by default, so only they have two storages.
            for storage in ("default", "plain") if is_stored_apart(data) else ("default",):
                self.measure_table(data, storage)
                self.finish(data, storage)
        print(f"\n{self.report}\nwritten: {self.path} and the files beside it")

    def say(self, title: str, what: str) -> None:
        print(f"{(time.monotonic() - self.started) / 60:5.1f} min  {title}: {what}", flush=True)

    def finish(self, data: DataSet, storage: str) -> None:
        filters = [condition.name for condition in data.filters]
        table = Measured(data.name, storage, len(data.base), data.dimensions, filters, data.type)
        self.tables.append(table)
        for line in verdicts(self.results, [table]):
            print(f"    {line.goal}: {line.measured}: {line.word}", flush=True)
        self.facts["minutes"] = f"{(time.monotonic() - self.started) / 60:.0f}"
        self.path, self.report = record.write(self.folder, self.file_name, self.facts, self.results, self.tables)

    def measure_table(self, data: DataSet, storage: str) -> None:
        """Everything about one table; inserts change the index and restarts empty the caches, so they come last."""
        results, main = self.results, self.sides
        plan = replace(self.plan, build_repeat=1) if len(data.base) >= LARGE_ROWS else self.plan
        title = f"{data.title}, {storage} storage"
        searched = [*main, *self.forms]
        self.say(title, "loading")
        for side in searched:
            side.load(data, storage)
        self.say(title, "building")
        measure_build(results, searched, data, storage, plan)
        peers = []
        if data.name in self.options.peers and storage == "default":
            self.say(title, "building the peers")
            peers = build_peers(results, data, storage)
        self.say(title, "round trips")
        measure_floors(results, main, data.name, storage, plan)
        self.say(title, "searching")
        measure_search(results, searched, peers, data, storage, plan)
        for peer in peers:
            peer.close()
        points = operating_points(results, searched, data.name, storage)
        self.say(title, "counting")
        measure_counts(results, searched, data, storage, plan, points)
        if self.options.search_only:
            return
        for side in main:
            if side.extension == "annex":
                measure_agreement(results, side, data, storage)
        if storage == "default":
            self.say(title, "several clients")
            measure_clients(results, self.server, main, data, storage, plan, points)
        if data.filters:
            self.say(title, "searching with filters")
            measure_filters(results, main, data, storage, plan)
        if storage == "default" and data.type == "vector":
            self.say(title, "parsing text")
            measure_text_input(results, main, data, storage, plan)
            if data.name == wide.SET:
                self.say(title, "wide parameters")
                wide.measure_wide(results, main, data, storage, plan)
        if data.type == "vector":
            self.say(title, "inserting")
            measure_inserts(results, main, data, storage, plan)
        if storage == "default":
            self.say(title, "cold caches")
            measure_cold(results, self.server, searched, main, data, storage, plan, points)


def is_stored_apart(data: DataSet) -> bool:
    """Whether a row exceeds PostgreSQL's TOAST threshold of about 2,000 bytes."""
    return data.value_bytes > 2_000


if __name__ == "__main__":
    main()
