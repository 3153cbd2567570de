"""Turns: annex, pgvector, annex, ... so that a change of the machine's speed meets both sides alike."""

import time
from collections.abc import Callable
from math import inf
from statistics import median
from typing import Protocol, TypeVar

from measuring.plan import K
from server.side import Side


class Named(Protocol):
    """Whatever takes turns: a side, or a peer."""

    name: str


Turn = TypeVar("Turn", bound=Named)


def medians(sides: list[Turn], repeat: int, measure: Callable[[Turn], float], seconds: float = inf) -> dict[str, float]:
    """Calls `measure` `repeat` times per side, taking turns; returns each side's median.

    No turn begins after `seconds`; the first one always does.
    """
    values: dict[str, list[float]] = {side.name: [] for side in sides}
    started = time.monotonic()
    for turn in range(repeat):
        if turn and time.monotonic() - started > seconds:
            break
        # The side that begins changes too: what one leaves in the CPU's caches is paid by the next.
        for side in sides if turn % 2 == 0 else reversed(sides):
            values[side.name].append(measure(side))
    return {name: median(numbers) for name, numbers in values.items()}


def median_micros(
    sides: list[Side], repeat: int, statement: str, parameters: list[list[bytes]], seconds: float = inf
) -> dict[str, float]:
    """Microseconds of one call of a prepared statement: the mean over the parameter lists, the median over the turns."""
    return medians(sides, repeat, lambda side: side.execute_all(statement, parameters, K)[1].mean() / 1000, seconds)
