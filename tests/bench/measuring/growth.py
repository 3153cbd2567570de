"""How a search grows with the table: the first 50,000, 100,000, ... rows at equal recall, times and counts."""

from dataclasses import replace

from datasets.dataset import DataSet
from measuring.build import measure_build
from measuring.counts import measure_counts
from measuring.operating_point import operating_points
from measuring.plan import Plan
from measuring.results import Results
from measuring.search import measure_search
from server.side import Side

def sizes(data: DataSet, plan: Plan) -> list[int]:
    """The sizes below the whole set, which is measured anyway."""
    return [rows for rows in plan.growth_rows if rows < len(data.base)]


def measure_growth(results: Results, sides: list[Side], data: DataSet, rows: int, plan: Plan) -> DataSet:
    """Measures the first `rows` rows under a name of their own; returns them."""
    part = data.first_rows(rows, plan.queries)
    plan = replace(plan, repeat=plan.growth_repeat, build_repeat=1, recall_queries=plan.queries)
    for side in sides:
        side.load(part, "default")
    measure_build(results, sides, part, "default", plan)
    measure_search(results, sides, [], part, "default", plan)
    measure_counts(results, sides, part, "default", plan, operating_points(results, sides, part.name, "default"))
    return part
