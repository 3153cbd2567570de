"""How often and over what a run measures."""

from dataclasses import dataclass

K = 10
EQUAL_RECALL = (0.95, 0.99)
# The curve always goes this far; beyond it only until both sides have the highest recall of EQUAL_RECALL.
CURVE_EF_SEARCH = 320
FILTER_EF_SEARCH = (40, 100, 200, 400, 800)
FILTER_RECALL = 0.95
UNBOUNDED = 2147483647


@dataclass(frozen=True)
class Plan:
    """Repetitions of each measurement and how many queries and inserts one holds."""

    repeat: int
    queries: int
    ef_search: tuple[int, ...]
    filter_queries: int
    unbounded_queries: int  # a scan without bounds may visit the whole table
    insert_chunk: int  # rows of one side before it is the other's turn
    floor_calls: int
    input_elements: int  # vector elements that a text input measurement parses


FULL = Plan(
    repeat=5, queries=1_000, ef_search=(10, 20, 40, 80, 120, 160, 200, 320, 400, 600, 800, 1000),
    filter_queries=250, unbounded_queries=50, insert_chunk=200, floor_calls=2_000, input_elements=4_000_000,
)
QUICK = Plan(
    repeat=2, queries=100, ef_search=(10, 40, 200, 320),
    filter_queries=30, unbounded_queries=10, insert_chunk=50, floor_calls=300, input_elements=400_000,
)
