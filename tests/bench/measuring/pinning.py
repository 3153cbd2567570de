"""One core for the client and the backend that serves it, so that every side pays the same round trip.

Unpinned, the scheduler of a virtual machine now puts the two on one core, now on two, and keeps it so for seconds. On two cores
each message wakes a sleeping core: 130 us for `SELECT 1` where one core needs 22 us, measured with the same client, server and
query. Client and backend of one connection never work at the same time, so one core loses nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from measuring.results import Results
from server.side import Side

MEASURE = "pinned"


@contextmanager
def one_core(results: Results, sides: list[Side], data_set: str, storage: str, peers: list[int] | None = None) -> Iterator[None]:
    """Pins this process and the sides' backends to one core, the processes of `peers` to another, and lets all go at the end.

    A peer has one core too, but not the sides' core: some peers are servers that work while nobody asks. Where the system does
    not permit it, nothing is pinned on any side; the results say which of the two it was. A build must not run inside: its
    threads would share the core.
    """
    allowed = sorted(os.sched_getaffinity(0))
    core, peer_core = allowed[-1], allowed[0]
    processes, peers = [os.getpid(), *(side.backend for side in sides)], peers or []
    try:
        for process in processes:
            set_cores(process, {core})
        for process in peers:
            set_cores(process, {peer_core})
        text = f"one-client measurements: client and backend of every side on core {core}"
        results.note(data_set, storage, MEASURE, "", text + (f", every peer on core {peer_core}" if peers else ""))
    except PermissionError:
        release([*processes, *peers], allowed)
        results.note(data_set, storage, MEASURE, "", "one-client measurements: nothing, the system does not permit it")
    try:
        yield
    finally:
        release([*processes, *peers], allowed)


def set_cores(process: int, cores: set[int]) -> None:
    """Sets the cores of all threads of a process."""
    for thread in os.listdir(f"/proc/{process}/task"):
        try:
            os.sched_setaffinity(int(thread), cores)
        except ProcessLookupError:  # a thread that has just ended
            pass


def release(processes: list[int], cores: list[int]) -> None:
    for process in processes:
        try:
            set_cores(process, set(cores))
        except (PermissionError, ProcessLookupError, FileNotFoundError):
            pass
