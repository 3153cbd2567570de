"""Build time on two cores and index size."""

from datasets.dataset import DataSet
from measuring.interleaved import medians
from measuring.plan import Plan
from measuring.results import Results
from server.side import Side


def measure_build(results: Results, sides: list[Side], data: DataSet, storage: str, plan: Plan) -> None:
    """Leaves each side with its last index."""
    seconds = medians(sides, plan.repeat, lambda side: side.build_index(data.metric))
    for side in sides:
        results.add(data.name, storage, "build", side.name, "", seconds[side.name], "s")
        results.add(data.name, storage, "index_size", side.name, "", side.index_bytes(), "bytes")
