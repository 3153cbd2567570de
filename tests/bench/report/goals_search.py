"""Searches of one client: recall floors, speed at equal recall, the peers."""

from datasets.catalog import OF_TYPE
from measuring.plan import EQUAL_RECALL
from measuring.results import Results
from peers.peer import NAMES
from report.equal_recall import Reading, latency_at
from report.verdict import COMPACT, INLINE, OURS, THEIRS, Measured, Verdict

RECALL_FLOORS = (("fashion", 40, 0.985), ("fashion", 200, 0.998), ("glove", 320, 0.97))
RECALL_SLACK = 0.01
# Side, data set, queries per second in multiples of pgvector's, name of the goal; the first of each is the first product's.
SPEEDUPS = (
    (OURS, "text", 3.0, "first product"), (OURS, "text", 6.0, "must"), (OURS, "text", 8.0, "goal"),
    (OURS, "fashion", 2.0, "first product"), (OURS, "fashion", 4.0, "goal"),
    (OURS, "glove", 2.0, "first product"),
    (OURS, "text-1m", 5.0, "larger than cache"),
    (OURS, "text-halfvec", 3.0, "halfvec"), (OURS, "fashion-halfvec", 3.0, "halfvec"),
    *((OURS, name, 1.0, "no slower") for kind in ("bit", "sparsevec") for name in OF_TYPE[kind]),
    (COMPACT, "text", 5.0, "goal"), (COMPACT, "glove", 4.0, "goal"),
)
# The most that annex may take of a peer's time at equal recall; hnswlib: no slower. "Close" to Faiss is taken as a quarter more.
PEER_SHARES = {"hnswlib": 1.0, "faiss": 1.25}
# The two treat ties at the k-th distance differently: one neighbour in 1,000.
AGREEMENT = 0.001


def recall_floors(results: Results, table: Measured) -> list[Verdict]:
    lines = []
    for data_set, ef_search, floor in RECALL_FLOORS:
        recall = results.get(table.data_set, table.storage, "recall", OURS, ef_search)
        if data_set == table.data_set and recall is not None:
            goal = f"{table.title}: recall@10 at ef_search {ef_search} at least {floor}"
            lines.append(Verdict(goal, f"{recall:.4f}", recall >= floor))
    return lines


def recall_beside(results: Results, table: Measured) -> list[Verdict]:
    gaps = []
    for ef_search in results.parameters(table.data_set, table.storage, "recall", OURS):
        ours = results.get(table.data_set, table.storage, "recall", OURS, ef_search)
        theirs = results.get(table.data_set, table.storage, "recall", THEIRS, ef_search)
        if ours is not None and theirs is not None:
            gaps.append((ours - theirs, ef_search))
    if not gaps:
        return []
    gap, ef_search = min(gaps)
    goal = f"{table.title}: recall at no ef_search below pgvector's by more than {RECALL_SLACK}"
    return [Verdict(goal, f"smallest difference {gap:+.4f}, at ef_search {ef_search}", gap >= -RECALL_SLACK)]


def equal_recall(results: Results, table: Measured) -> list[Verdict]:
    """A line for each goal of each form; one without a verdict where a form or a data set has no goal."""
    lines = []
    for side in (OURS, COMPACT, INLINE):
        if results.get(table.data_set, table.storage, "build", side) is None:
            continue
        goals = [(factor, name) for s, data_set, factor, name in SPEEDUPS if (s, data_set) == (side, table.data_set)]
        for recall in EQUAL_RECALL:
            for wanted, name in goals or [(None, "")]:
                lines.append(speed_line(results, table, side, recall, wanted, name))
    return lines


def speed_line(results: Results, table: Measured, side: str, recall: float, wanted: float | None, name: str) -> Verdict:
    who = "" if side == OURS else f", {side}"
    goal = f"{table.title}{who}: queries/s at recall {recall}"
    if wanted:
        goal += f" at least {wanted:g} x pgvector ({name})"
    ours = latency_at(results, table.data_set, table.storage, side, recall)
    theirs = latency_at(results, table.data_set, table.storage, THEIRS, recall)
    if ours is None and theirs is None:
        return Verdict(goal, "neither side reaches this recall", None)
    if ours is None:
        return Verdict(goal, f"{side} does not reach this recall", None if wanted is None else False)
    if results.get(table.data_set, table.storage, "build", THEIRS) is None:
        return Verdict(goal, shown(ours), None)
    if theirs is None:
        return Verdict(goal, f"pgvector does not reach this recall; {side} {shown(ours)}", None if wanted is None else True)
    ratio = theirs.micros / ours.micros
    return Verdict(goal, f"{ratio:.2f} x ({shown(ours)} against {shown(theirs)})", None if wanted is None else ratio >= wanted)


def peers(results: Results, table: Measured) -> list[Verdict]:
    """A peer is read at its better speed: one call for all queries, which leaves Python out."""
    lines = []
    for name in NAMES:
        for recall in EQUAL_RECALL:
            ours = latency_at(results, table.data_set, table.storage, OURS, recall)
            alone = latency_at(results, table.data_set, table.storage, name, recall, "batch_latency")
            called = latency_at(results, table.data_set, table.storage, name, recall)
            if ours is None or alone is None or called is None:
                continue
            share = PEER_SHARES.get(name)
            limit = {None: "", 1.0: ": annex no slower"}.get(share, f": annex close (at most {share} of its time)")
            measured = (
                f"{ours.micros / alone.micros:.2f} of its time ({shown(ours)} against {shown(alone)} in one call,"
                f" {shown(called)} call by call)"
            )
            met = None if share is None else ours.micros <= share * alone.micros
            lines.append(Verdict(f"{table.title}: beside {name} at recall {recall}{limit}", measured, met))
    return lines


def shown(reading: Reading) -> str:
    return f"{'at most ' if reading.is_bound else ''}{reading.micros:.0f} us"


def agreement(results: Results, table: Measured) -> list[Verdict]:
    theirs = results.get(table.data_set, table.storage, "agreement", OURS, "annex.recall")
    ours = results.get(table.data_set, table.storage, "agreement", OURS, "measured")
    if ours is None or theirs is None:
        return []
    goal = f"{table.title}: annex.recall and this program measure the same recall"
    return [Verdict(goal, f"{theirs:.4f} and {ours:.4f}", abs(ours - theirs) <= AGREEMENT)]
