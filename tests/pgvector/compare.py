"""Compares a database of annex with the one of pgvector it was restored from, or the reverse: objects, rows, distances, answers.

    compare.py PGVECTOR_DSN ANNEX_DSN

Prints TAP lines. Distances may differ in the last bits of binary32, in which both add up; everything else is equal.
"""

import math
import sys

import psycopg

TOLERANCE = 2e-6  # relative; 64 sums of binary32, each rounded by at most 2**-24
QUERIES = 20
MIN_RECALL = 0.98
DISTANCES = {
    "v": ("vector", ["<->", "<#>", "<=>", "<+>"]),
    "h": ("halfvec", ["<->", "<#>", "<=>", "<+>"]),
    "s": ("sparsevec", ["<->", "<#>", "<=>", "<+>"]),
    "b": ("bit", ["<~>", "<%>"]),
}
CATALOG = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attstorage, a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0
         ORDER BY 1, a.attnum""",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    "valid indexes": """
        SELECT relname FROM pg_index JOIN pg_class c ON c.oid = indexrelid
         WHERE indisvalid AND relnamespace = 'public'::regnamespace ORDER BY 1""",
    "constraints": """
        SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace ORDER BY 1""",
    "views": """
        SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'
         UNION ALL SELECT matviewname, definition FROM pg_matviews ORDER BY 1""",
    "functions": """
        SELECT pg_get_functiondef(p.oid) FROM pg_proc p
         WHERE pronamespace = 'public'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e') ORDER BY 1""",
    "extension that clients ask for": "SELECT extname FROM pg_extension WHERE extname = 'vector'",
}
# The binary form of an array names the type of its elements by its number, which each database has its own of.
TABLES = {"items": "id, tenant, v, h, s, b, anything, norm", "wide": "*", "events": "*", "centers": "*"}
RESULTS = {
    "functions of vector": """
        SELECT id, vector_norm(v), l2_normalize(v), subvector(v, 2, 5), binary_quantize(v), v + v, v * v, v - v, v || v
          FROM items ORDER BY id""",
    "functions of halfvec": """
        SELECT id, l2_norm(h), l2_normalize(h), subvector(h, 2, 5), binary_quantize(h), h + h, h * h, h - h, h || h
          FROM items ORDER BY id""",
    "functions of sparsevec": "SELECT id, l2_norm(s), l2_normalize(s) FROM items ORDER BY id",
    "casts": """
        SELECT id, v::halfvec, v::sparsevec, h::vector, h::sparsevec, s::vector, s::halfvec, v::real[], h::real[]
          FROM items ORDER BY id""",
    "aggregates": "SELECT tenant, avg(v), sum(v), avg(h), sum(h) FROM items GROUP BY tenant ORDER BY tenant",
    "order of btree": "SELECT id FROM items ORDER BY v, h, s, id",
    "comparisons": """
        SELECT a.id, a.v < b.v, a.h <= b.h, a.s > b.s, a.v = b.v, a.s <> b.s
          FROM items a JOIN items b ON b.id = a.id + 1 ORDER BY a.id""",
    "a view": "SELECT * FROM near_one",
    "a function of the user": "SELECT a.id, similarity(a.h, b.h) FROM items a JOIN items b ON b.id = a.id + 1 ORDER BY a.id",
    "distances of wide rows": "SELECT a.id, b.id, a.v <-> b.v, a.v <=> b.v, a.h <#> b.h FROM wide a CROSS JOIN wide b ORDER BY 1, 2",
}
passed = 0
failed = 0


def check(is_right, text, detail=""):
    global passed, failed
    if is_right:
        passed += 1
        print(f"ok {passed + failed} - {text}")
    else:
        failed += 1
        print(f"not ok {passed + failed} - {text} {detail}")


def same(left, right):
    """Equal, or numbers and texts of numbers that differ by rounding only."""
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, str) and left[:1] in "[{" and left != right:
        return same(numbers(left), numbers(right))
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE) or (
            math.isnan(left) and math.isnan(right)
        )
    return left == right


def numbers(text):
    return [float(word) for word in text.translate(str.maketrans("[]{}:,/", "       ")).split()]


def first_difference(left, right):
    for number, pair in enumerate(zip(left, right)):
        if not same(*pair):
            return f"row {number}: {pair[0]} and {pair[1]}"
    return f"{len(left)} and {len(right)} rows"


class Pair:
    def __init__(self, left, right):
        self.connections = [psycopg.connect(left, autocommit=True), psycopg.connect(right, autocommit=True)]

    def rows(self, statement, parameters=None):
        return [connection.execute(statement, parameters).fetchall() for connection in self.connections]

    def compare(self, text, statement, parameters=None):
        left, right = self.rows(statement, parameters)
        check(len(left) > 0 and same(left, right), text, first_difference(left, right))

    def copied(self, statement):
        out = []
        for connection in self.connections:
            with connection.cursor().copy(statement) as copy:
                out.append(b"".join(bytes(block) for block in copy))
        return out


def compare_objects(pair):
    for name, statement in CATALOG.items():
        pair.compare(name, statement)


def compare_rows(pair):
    for table, columns in TABLES.items():
        for form, wanted in (("text", "*"), ("binary", columns)):
            left, right = pair.copied(f"COPY (SELECT {wanted} FROM {table} ORDER BY 1) TO STDOUT (FORMAT {form})")
            check(len(left) > 1000 and left == right, f"rows of {table}, {form}", f"{len(left)} and {len(right)} bytes")


def compare_results(pair):
    for name, statement in RESULTS.items():
        pair.compare(name, statement)
    for column, (type_name, operators) in DISTANCES.items():
        for operator in operators:
            pair.compare(
                f"every distance {operator} of {type_name}",
                f"SELECT a.id, b.id, a.{column} {operator} b.{column} FROM items a CROSS JOIN items b WHERE a.id <= 30 ORDER BY 1, 2",
            )


def compare_answers(pair):
    """Nearest neighbours: the same rows without an index; with it, nearly all of them, from both."""
    for column, (type_name, operators) in DISTANCES.items():
        for operator in operators:
            indexed = has_index(pair, column, operator)
            exact_equal, found = True, [0, 0]
            for query in range(1, QUERIES + 1):
                exact = nearest(pair, column, operator, query, index=False)
                exact_equal &= len(exact[0]) == 10 and same(*exact)
                if indexed:
                    for side, rows in enumerate(nearest(pair, column, operator, query, index=True)):
                        limit = exact[side][-1][1]
                        found[side] += sum(distance <= limit + TOLERANCE * abs(limit) for _, distance in rows)
            check(exact_equal, f"nearest rows by {operator} of {type_name}, exact")
            if indexed:
                recall = [count / QUERIES / 10 for count in found]
                check(
                    min(recall) >= MIN_RECALL,
                    f"nearest rows by {operator} of {type_name}, by index",
                    f"recall {recall}",
                )
    left, right = pair.rows("SELECT nearest(v, 10) FROM items WHERE id = 5")
    check(len(left) == 10 and left == right, "nearest rows by a function of the user")
    left, right = pair.rows("SELECT id FROM events WHERE region = 'north' ORDER BY v <-> dense(3, 8) LIMIT 10")
    check(len(left) == 10 and left == right, "nearest rows of a partition")


def nearest(pair, column, operator, query, index):
    answers = []
    for connection in pair.connections:
        for setting in ("enable_seqscan", "enable_bitmapscan", "enable_sort") if index else ("enable_indexscan",):
            connection.execute(f"SET {setting} = off")
        connection.execute("SET hnsw.ef_search = 200")
        operand = connection.execute(f"SELECT {column}::text FROM items WHERE id = %s", (query,)).fetchone()[0]
        # The order of equal distances is nobody's promise: without an index rows are ordered by id too.
        tail = "" if index else ", id"
        statement = f"SELECT id, {column} {operator} '{operand}' FROM items ORDER BY {column} {operator} '{operand}'{tail} LIMIT 10"
        if index:
            plan = "\n".join(row[0] for row in connection.execute("EXPLAIN " + statement))
            assert "Index Scan using items_" in plan, plan
        answers.append(connection.execute(statement).fetchall())
        connection.execute("RESET ALL")
    return answers


def has_index(pair, column, operator):
    counts = pair.rows(
        """SELECT count(*) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
             JOIN pg_amop o ON o.amopfamily = (SELECT opcfamily FROM pg_opclass WHERE oid = i.indclass[0])
             JOIN pg_operator p ON p.oid = o.amopopr
            WHERE i.indrelid = 'items'::regclass AND a.attname = %s AND p.oprname = %s AND o.amoppurpose = 'o'""",
        (column, operator),
    )
    return min(counts[0][0][0], counts[1][0][0]) > 0


def main():
    pair = Pair(sys.argv[1], sys.argv[2])
    compare_objects(pair)
    compare_rows(pair)
    compare_results(pair)
    compare_answers(pair)
    sys.exit(1 if failed else 0)


main()
