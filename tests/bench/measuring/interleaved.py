"""Turns: annex, pgvector, annex, ... so that a change of the machine's speed meets both sides alike."""

from collections.abc import Callable
from statistics import median

from measuring.plan import K
from server.side import Side


def medians(sides: list[Side], repeat: int, measure: Callable[[Side], float]) -> dict[str, float]:
    """Calls `measure` `repeat` times per side, taking turns; returns each side's median."""
    values: dict[str, list[float]] = {side.name: [] for side in sides}
    for turn in range(repeat):
        # The side that begins changes too: what one leaves in the CPU's caches is paid by the next.
        for side in sides if turn % 2 == 0 else reversed(sides):
            values[side.name].append(measure(side))
    return {name: median(numbers) for name, numbers in values.items()}


def median_micros(sides: list[Side], repeat: int, statement: str, parameters: list[list[bytes]]) -> dict[str, float]:
    """Microseconds of one call of a prepared statement: the mean over the parameter lists, the median over the turns."""
    return medians(sides, repeat, lambda side: side.execute_all(statement, parameters, K)[1].mean() / 1000)
