"""Speed of the type's text input, without the cost of reading the text itself."""

import time

from datasets.dataset import DataSet
from measuring.interleaved import medians
from measuring.pinning import one_core
from measuring.plan import Plan
from measuring.results import Results
from server.side import Side

PARSE = "SELECT count(t::vector) FROM texts"
READ_ONLY = "SELECT count(ascii(t)) FROM texts"  # fetches each text whole, like the cast, and does nothing with it


def measure_text_input(results: Results, sides: list[Side], data: DataSet, storage: str, plan: Plan) -> None:
    """All sides parse the same texts, which the last one printed: pgvector, unless annex is alone."""
    texts = sides[-1].connection.execute(
        "SELECT embedding::text FROM items ORDER BY id LIMIT %s", (plan.input_elements // data.dimensions,)
    ).fetchall()
    for side in sides:
        side.run("DROP TABLE IF EXISTS texts")
        side.run("CREATE UNLOGGED TABLE texts (t text NOT NULL)")
        side.run("ALTER TABLE texts ALTER COLUMN t SET STORAGE EXTERNAL")
        with side.connection.cursor() as cursor, cursor.copy("COPY texts FROM STDIN") as copy:
            for row in texts:
                copy.write_row(row)
        side.run("VACUUM (FREEZE, ANALYZE) texts")
    elements = len(texts) * data.dimensions
    with one_core(results, sides, data.name, storage):
        seconds = medians(sides, plan.repeat, lambda side: seconds_of(side, PARSE) - seconds_of(side, READ_ONLY))
    for side in sides:
        results.add(data.name, storage, "text_input", side.name, "", seconds[side.name] / elements * 1e9, "ns/element")
        side.run("DROP TABLE texts")


def seconds_of(side: Side, sql: str) -> float:
    started = time.perf_counter()
    side.value(sql)
    return time.perf_counter() - started
