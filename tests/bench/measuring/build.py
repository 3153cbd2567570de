"""Build time on two cores, index size; of a peer also its memory."""

from datasets.dataset import DataSet
from measuring.interleaved import medians
from measuring.plan import Plan
from measuring.results import Results
from peers.peer import NAMES, Peer, PeerUnavailable
from server.side import Side


def measure_build(results: Results, sides: list[Side], data: DataSet, storage: str, plan: Plan) -> None:
    """Leaves each side with its last index."""
    seconds = medians(sides, plan.build_repeat, lambda side: side.build_index(data))
    for side in sides:
        results.add(data.name, storage, "build", side.name, "", seconds[side.name], "s")
        results.add(data.name, storage, "index_size", side.name, "", side.index_bytes(), "bytes")
        for notice in side.notices:
            results.note(data.name, storage, "build", side.name, f"the server said: {notice}")
        side.notices.clear()


def build_peers(results: Results, data: DataSet, storage: str) -> list[Peer]:
    """One build of each peer; those that work here. A peer that does not becomes a note, never an error."""
    peers = []
    for name in NAMES:
        peer = None
        try:
            peer = Peer(name)
            answer = peer.build(data)
        except PeerUnavailable as reason:
            results.note(data.name, storage, "peer", name, f"not measured: {reason}")
            if peer:
                peer.close()
            continue
        results.note(data.name, storage, "peer", name, peer.about)
        results.add(data.name, storage, "build", name, "", answer["seconds"], "s")
        results.add(data.name, storage, "index_size", name, "", answer["size"], "bytes")
        results.add(data.name, storage, "memory", name, "", answer["memory"], "bytes")
        peers.append(peer)
    return peers
