"""The tables whose indexes are damaged: small, and with every kind of page and item in them."""

from dataclasses import dataclass

# Forms of an index; only the first three classes have the second one.
FORMS = ["compact", "inline"]
OPERATORS = {"vector_l2_ops": "<->", "vector_ip_ops": "<#>", "vector_cosine_ops": "<=>", "vector_l1_ops": "<+>"}
CLASSES = list(OPERATORS)
# Classes of the other types, whose nodes are others: behind all tables of the ones above.
OTHER_OPERATORS = {"sparsevec_l2_ops": "<->", "bit_hamming_ops": "<~>", "sparsevec_l1_ops": "<+>", "bit_jaccard_ops": "<%>"}
OTHERS = list(OTHER_OPERATORS)
DIMS, BITS, SPARSE_DIMS = 12, 43, 1000
# Classes of the tables with so many dimensions, and neighbors of a node, that upper items have codes of neighbors in both forms.
WIDE_CLASSES = ["vector_l2_ops", "vector_ip_ops", "vector_cosine_ops"]
WIDE_DIMS = 128
# Of the tables by column of `source`.
TYPES = {"vector": f"vector({DIMS})", "wide": f"vector({WIDE_DIMS})", "bit": f"bit({BITS})", "sparsevec": f"sparsevec({SPARSE_DIMS})"}
OPTIONS = {"wide": "m = 12, ef_construction = 24"}
USUAL_OPTIONS = "m = 4, ef_construction = 16"
# A query and a vector that many rows have, by column.
QUERIES = {
    "vector": "[" + ",".join(str((3 * i) % 7) for i in range(DIMS)) + "]",
    "wide": "[" + ",".join(str((3 * i) % 7) for i in range(WIDE_DIMS)) + "]",
    "bit": "".join(str((3 * i) % 7 % 2) for i in range(BITS)),
    "sparsevec": "{" + ",".join(f"{61 * i + 3}:{i}" for i in range(1, 6)) + f"}}/{SPARSE_DIMS}",
}
EQUALS = {
    "vector": "[" + ",".join(str((5 * i) % 11 + 1) for i in range(DIMS)) + "]",
    "wide": "[" + ",".join(str((5 * i) % 11 + 1) for i in range(WIDE_DIMS)) + "]",
    "bit": "".join(str((5 * i) % 11 % 2) for i in range(BITS)),
    "sparsevec": "{" + ",".join(f"{61 * i + 1}:{i + 1}" for i in range(1, 9)) + f"}}/{SPARSE_DIMS}",
}

SOURCE = f"""
    CREATE EXTENSION annex;
    CREATE TABLE source AS
        SELECT id, (SELECT array_agg((id * id * 31 + id * e * 17 + e * e * e * 7) % 2003 / 100.0 - 10)
                    FROM generate_series(1, {DIMS}) e)::vector({DIMS}) AS vector,
               (SELECT array_agg(hashint8(id * 1000 + e) / 2e8 ORDER BY e)
                FROM generate_series(1, {WIDE_DIMS}) e)::vector({WIDE_DIMS}) AS wide,
               ('x' || md5(id::text))::bit(128)::bit({BITS}) AS bit,
               (SELECT '{{' || string_agg((1 + 61 * e + id % 7) || ':' || (1 + id * e * e % 23) / 4.0, ',') || '}}/{SPARSE_DIMS}'
                FROM generate_series(1, 3 + id % 9) e)::sparsevec({SPARSE_DIMS}) AS sparsevec
        FROM generate_series(1, 200) id;
"""

# Nodes, upper items and a chain of two TID chunks; free slots, a page in the list of those with free slots, dead rows.
TABLE = """
    CREATE TABLE {name} (id int, v {type});
    INSERT INTO {name} SELECT id, {column} FROM source WHERE id <= 150;
    INSERT INTO {name} SELECT 1000 + i, '{equal}' FROM generate_series(1, 80) i;
    INSERT INTO {name} VALUES (2000, NULL);
    CREATE INDEX {name}_v ON {name} USING hnsw (v {opclass}) WITH ({options}, storage = {form});
    INSERT INTO {name} SELECT id, {column} FROM source WHERE id > 150;
    DELETE FROM {name} WHERE id % 9 = 0 AND id < 1000;
    VACUUM (INDEX_CLEANUP ON) {name};
    DELETE FROM {name} WHERE id % 9 = 1 AND id < 1050;
"""


def create(connection, count, others, wide):
    """Makes `count` tables t0, t1, ... with indexes of the classes of `vector` and all forms in turn, then `others` of the
    other classes, then `wide` ones; returns the indexes' files."""
    for statement in SOURCE.split(";"):
        if statement.strip():
            connection.execute(statement)
    tables.clear()
    tables.extend(Table("vector", CLASSES[number % len(CLASSES)], narrow_form(number)) for number in range(count))
    for number in range(others):
        opclass = OTHERS[number % len(OTHERS)]
        tables.append(Table(opclass.split("_")[0], opclass, "compact"))
    # One in four is inline: there neighbors on level 0 have codes too.
    tables.extend(Table("wide", WIDE_CLASSES[number % len(WIDE_CLASSES)], FORMS[number % 4 == 3]) for number in range(wide))
    for number, table in enumerate(tables):
        column, options = table.column, OPTIONS.get(table.column, USUAL_OPTIONS)
        place = {"name": f"t{number}", "type": TYPES[column], "column": column, "equal": EQUALS[column]}
        text = TABLE.format(**place, opclass=table.opclass, options=options, form=table.form)
        for statement in text.split(";"):
            if statement.strip():
                connection.execute(statement)
    connection.execute("CHECKPOINT")
    rows = connection.execute(
        "SELECT pg_relation_filepath(format('t%%s_v', i)::regclass) FROM generate_series(0, %s) i ORDER BY i",
        (len(tables) - 1,),
    )
    return [path for (path,) in rows]


@dataclass
class Table:
    column: str
    opclass: str
    form: str

    @property
    def operator(self):
        return (OPERATORS | OTHER_OPERATORS)[self.opclass]


# Once they are made.
tables = []


def numbers_of(opclass):
    """The tables with an index of a class."""
    return [number for number, table in enumerate(tables) if table.opclass == opclass]


def narrow_form(number):
    """Three of the four classes of `vector` have an inline form: two tables of three have it there, so that it is half of
    theirs."""
    has_inline = CLASSES[number % len(CLASSES)] != "vector_l1_ops"
    return FORMS[has_inline and number // len(CLASSES) % 3 > 0]
