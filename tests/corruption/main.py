"""Runs the two halves: damage put in for each finding, then changed bytes by chance. Closes with `N passed, N failed`."""

import sys

import data
import findings
import flips
from cluster import Cluster
from pages import Index

TABLES = 280
# Of other types than `vector`.
OTHER_TABLES = 60
# With codes of neighbors on upper levels.
WIDE_TABLES = 60
SEED = 20261122
# Class of the indexes in which damage for each finding is put.
OPCLASS = "vector_l2_ops"
# Id of a row that is gone, and whose node is not.
DELETED = 2
# What may be said of an index that is not damaged.
HARMLESS = {("info", "stale edges"), ("info", "node cannot be reached")}


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, is_right, text):
        if is_right:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok' if is_right else 'FAILED'}: {text}", flush=True)


def verify(connection, number):
    return connection.execute(
        f"SELECT severity, finding, block, item, detail FROM annex.verify('t{number}_v', true)"
    ).fetchall()


def row_pointers(connection, number):
    """Line pointers of rows that some damage needs."""
    rows = connection.execute(f"SELECT ctid::text, id, v IS NULL FROM t{number}").fetchall()
    places = {name: tuple(int(part) for part in tid.strip("()").split(",")) for tid, name, _ in rows}
    return {
        "null": places[2000],
        "deleted": places[DELETED],
        "visible": {places[name] for _, name, is_null in rows if name != DELETED and not is_null},
    }


def format_version(connection, number):
    return connection.execute(f"SELECT format_version FROM annex.index_info('t{number}_v')").fetchone()[0]


def choose_tables():
    """A table for each case: those that need none of their own take them as they come."""
    free = data.numbers_of(OPCLASS)
    chosen = []
    for case in sorted(findings.CASES, key=lambda case: not case.needs):
        number = next(n for n in free if not case.needs or case.needs(data.tables[n]))
        free.remove(number)
        chosen.append((number, case))
    return chosen


def try_findings(cluster, files, tids, tally):
    """Each case in an index of its own, of the kind that it needs."""
    cluster.restore()
    chosen = choose_tables()
    places = {}
    for number, case in chosen:
        index = Index(cluster.data / files[number])
        about = case.damage(index, tids[number])
        places[number] = about and (about.block, about.offset)
        index.save()
    cluster.start()
    with cluster.connect() as connection:
        for number, case in chosen:
            found = verify(connection, number)
            wanted = [row for row in found if row[:2] == (case.severity, case.finding)]
            place = places[number]
            if place is not None:
                wanted = [row for row in wanted if row[2:4] == place]
            tally.check(bool(wanted), f"{case.severity}: {case.finding}")
            if not wanted:
                print(f"    at {place}, of {found[:5]}")
    cluster.stop()
    tally.check(not cluster.crashes(), "no process died of it")


def main():
    folder, bindir, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    tally = Tally()
    cluster = Cluster(folder, bindir)
    with cluster.connect() as connection:
        files = data.create(connection, TABLES, OTHER_TABLES, WIDE_TABLES)
        said = {row[:2] for number in range(len(files)) for row in verify(connection, number)}
        tally.check(said <= HARMLESS, f"nothing is wrong with what is not damaged: {said or 'no finding'}")
        versions = [format_version(connection, number) for number in range(len(files))]
        expected = [2 if findings.upper_codes(table) else 1 for table in data.tables]
        tally.check(versions == expected, "compact indexes with upper codes are of format version 2, all others of 1")
        numbers = data.numbers_of(OPCLASS)
        tids = {number: row_pointers(connection, number) for number in numbers}
        for number in numbers:
            connection.execute(f"DELETE FROM t{number} WHERE id = {DELETED}")
        connection.execute("CHECKPOINT")
    cluster.stop()
    cluster.keep()
    try_findings(cluster, files, tids, tally)
    problems, reported = flips.run(cluster, files, count, SEED)
    cluster.forget()
    for problem in problems:
        print(problem)
    tally.check(not problems, f"{count} changed bytes: {len(problems)} problems; annex.verify reports {reported}")
    tally.check(not cluster.crashes(), "no process died of a changed byte")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return tally.failed > 0


sys.exit(main())
