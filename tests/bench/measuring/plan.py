"""How often and over what a run measures."""

from dataclasses import dataclass

K = 10
EQUAL_RECALL = (0.95, 0.99)
# Recall is promised at these too; above the highest of EQUAL_RECALL they are searched for recall only, without a time.
RECALL_EF_SEARCH = (40, 200, 320)
FILTER_EF_SEARCH = (40, 100, 200, 400, 800)
FILTER_RECALL = 0.95
UNBOUNDED = 2147483647
# What compares the sides at one recall instead of on a curve: several clients, cold caches, counts.
OPERATING_RECALL = 0.95


@dataclass(frozen=True)
class Plan:
    """Repetitions of each measurement and how many queries and inserts one holds."""

    repeat: int
    build_repeat: int
    recall_queries: int  # searched once at each ef_search
    queries: int  # of these, the first so many are timed, `repeat` times
    ef_search: tuple[int, ...]
    filter_repeat: int
    filter_seconds: float  # no further repetition of one filter at one ef_search after so long
    filter_queries: int
    unbounded_queries: int  # a scan without bounds may visit the whole table
    examined_queries: int
    insert_chunk: int  # rows of one side before it is the other's turn
    floor_calls: int
    input_elements: int  # vector elements that a text input measurement parses
    clients: tuple[int, ...]
    client_warm_up: float  # seconds for each client before the rate counts
    client_seconds: int
    client_repeat: int
    cold_queries: int
    cold_repeat: int
    counted_queries: int
    wide_rows: int
    growth_repeat: int
    growth_rows: tuple[int, ...]


# From so many rows on a build takes minutes on pgvector's side and is measured once.
LARGE_ROWS = 500_000

FULL = Plan(
    repeat=5, build_repeat=3, recall_queries=1_000, queries=500,
    ef_search=(10, 20, 40, 80, 120, 160, 200, 320, 400, 600, 800, 1000),
    filter_repeat=3, filter_seconds=20, filter_queries=100, unbounded_queries=20, examined_queries=20,
    insert_chunk=200, floor_calls=2_000, input_elements=4_000_000,
    clients=(1, 2, 8, 32), client_warm_up=0.4, client_seconds=5, client_repeat=3, cold_queries=100, cold_repeat=2, counted_queries=100,
    wide_rows=20_000, growth_repeat=3, growth_rows=(50_000, 100_000, 200_000),
)
QUICK = Plan(
    repeat=2, build_repeat=1, recall_queries=100, queries=50, ef_search=(10, 20, 40, 200, 320),
    filter_repeat=2, filter_seconds=2, filter_queries=30, unbounded_queries=10, examined_queries=5,
    insert_chunk=50, floor_calls=300, input_elements=400_000,
    clients=(1, 2, 8), client_warm_up=0.1, client_seconds=2, client_repeat=1, cold_queries=20, cold_repeat=1, counted_queries=10,
    wide_rows=1_000, growth_repeat=1, growth_rows=(1_000, 2_000),
)
