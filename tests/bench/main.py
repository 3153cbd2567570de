"""Measures annex beside pgvector on the server whose socket it is given; `tests/bench/run` prepares that server."""

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from datasets import catalog
from datasets.dataset import DataSet
from measuring.build import measure_build
from measuring.filtered import measure_filters
from measuring.floors import measure_floors
from measuring.inserts import measure_inserts
from measuring.plan import FULL, QUICK, Plan
from measuring.referee import measure_agreement
from measuring.results import Results
from measuring.search import measure_search
from measuring.text_input import measure_text_input
from report import environment, record
from report.goals import Measured, verdicts
from server.side import Side

HERE = Path(__file__).resolve().parent


def main() -> None:
    options = parse_options()
    if options.prepare:
        for name in options.sets:
            catalog.open_set(name, quick=False)
        return
    plan = QUICK if options.quick else FULL
    plan = replace(plan, repeat=options.repeat or plan.repeat)
    sides = [Side(options.socket, "annex", "vector" if options.both_pgvector else "annex")]
    if not options.annex_only:
        sides.append(Side(options.socket, "pgvector", "vector"))
    facts = environment.describe(sides, shlex.join(argument for argument in sys.argv[1:] if not argument.startswith("--socket")))
    warnings = [
        text for text, is_so in (
            ("a small part of the data", options.quick),
            ("pgvector in both roles", options.both_pgvector),
            ("nothing to compare with", options.annex_only),
        ) if is_so
    ]
    is_record = not warnings
    folder = HERE / "record" if is_record else HERE.parents[1] / "results"
    file_name = record.record_name(facts["cpu"], facts["cores"]) if is_record else "bench-smoke"
    if not is_record:
        facts["warning"] = "not a measurement for the record: " + ", ".join(warnings)
    results, tables = Results(), []
    for name in options.sets:
        data = catalog.open_set(name, options.quick)
        # Only vectors too long for a heap page beside other rows are stored apart by default, so only they have two storages.
        for storage in ("default", "plain") if is_stored_apart(data) else ("default",):
            tables.append(Measured(data.name, storage, data.dimensions, [condition.name for condition in data.filters]))
            measure(results, sides, data, storage, plan)
            for line in verdicts(results, tables[-1:]):
                print(f"    {line.goal}: {line.measured}: {line.word}", flush=True)
            # After each table: what was measured survives a run that is stopped.
            report = record.text_report(facts, verdicts(results, tables), results)
            path = record.write(folder, file_name, facts, results, report)
    print(f"\n{report}\nwritten: {path} and the .txt beside it")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("--socket", help=argparse.SUPPRESS)
    parser.add_argument("--sets", default="", help="comma-separated: text, fashion, glove (default: all)")
    parser.add_argument("--quick", action="store_true", help="a small part of the cheap sets: a smoke test of a minute or two")
    parser.add_argument("--repeat", type=int, help=f"repetitions of each measurement (default {FULL.repeat})")
    parser.add_argument("--prepare", action="store_true", help="only prepare the data sets")
    parser.add_argument("--annex-only", action="store_true", help="leave pgvector out, to see annex's own numbers soon")
    parser.add_argument("--both-pgvector", action="store_true", help="pgvector in both roles: shows the noise of the method")
    options = parser.parse_args()
    names = [name for name in options.sets.split(",") if name]
    unknown = set(names) - set(catalog.BUILDERS)
    if unknown:
        parser.error(f"no data set {', '.join(sorted(unknown))}: {', '.join(catalog.BUILDERS)}")
    if not names:
        names = [name for name in catalog.BUILDERS if not options.quick or catalog.is_cheap(name)]
    options.sets = names
    return options


def is_stored_apart(data: DataSet) -> bool:
    """Whether a row exceeds PostgreSQL's TOAST threshold of about 2,000 bytes."""
    return data.dimensions * 4 > 2_000


def measure(results: Results, sides: list[Side], data: DataSet, storage: str, plan: Plan) -> None:
    """Everything about one table; inserts last, because they change the index."""
    title = f"{data.title}, {storage} storage"

    def step(what: str) -> None:
        print(f"{title}: {what}", flush=True)

    step("loading")
    for side in sides:
        side.load(data, storage)
    step("building")
    measure_build(results, sides, data, storage, plan)
    step("round trips")
    measure_floors(results, sides, data.name, storage, plan)
    step("searching")
    measure_search(results, sides, data, storage, plan)
    for side in sides:
        if side.extension == "annex":
            measure_agreement(results, side, data, storage)
    step("searching with filters")
    measure_filters(results, sides, data, storage, plan)
    if storage == "default":
        step("parsing text")
        measure_text_input(results, sides, data, storage, plan)
    step("inserting")
    measure_inserts(results, sides, data, storage, plan)


if __name__ == "__main__":
    main()
