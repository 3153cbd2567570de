"""Runs the two halves: damage put in for each finding, then changed bytes by chance. Closes with `N passed, N failed`."""

import sys

import data
import findings
import flips
from cluster import Cluster
from pages import Index

TABLES = 280
SEED = 20261122
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
    def place(condition):
        ((tid,),) = connection.execute(f"SELECT ctid::text FROM t{number} WHERE {condition}").fetchall()
        return tuple(int(part) for part in tid.strip("()").split(","))

    return {"null": place("id = 2000"), "deleted": place("id = 2")}


def try_findings(cluster, files, tids, tally):
    """Each case in an index of its own, of operator class vector_l2_ops."""
    cluster.restore()
    numbers = list(range(0, len(files), len(data.CLASSES)))
    if len(numbers) < len(findings.CASES):
        raise RuntimeError("more cases than tables")
    places = {}
    for number, case in zip(numbers, findings.CASES):
        index = Index(cluster.data / files[number])
        about = case.damage(index, tids[number])
        places[number] = about and (about.block, about.offset)
        index.save()
    cluster.start()
    with cluster.connect() as connection:
        for number, case in zip(numbers, findings.CASES):
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
        files = data.create(connection, TABLES)
        said = {row[:2] for number in range(TABLES) for row in verify(connection, number)}
        tally.check(said <= HARMLESS, f"nothing is wrong with what is not damaged: {said or 'no finding'}")
        numbers = range(0, TABLES, len(data.CLASSES))
        tids = {number: row_pointers(connection, number) for number in numbers}
        for number in numbers:
            # A row that is gone, and whose node is not.
            connection.execute(f"DELETE FROM t{number} WHERE id = 2")
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
