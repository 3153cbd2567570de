"""The tables whose indexes are damaged: small, and with every kind of page and item in them."""

# Forms of an index; only the first three classes have the second one.
FORMS = ["compact", "inline"]
OPERATORS = {"vector_l2_ops": "<->", "vector_ip_ops": "<#>", "vector_cosine_ops": "<=>", "vector_l1_ops": "<+>"}
CLASSES = list(OPERATORS)
# Classes of the other types, whose nodes are others: behind all tables of the ones above.
OTHER_OPERATORS = {"sparsevec_l2_ops": "<->", "bit_hamming_ops": "<~>", "sparsevec_l1_ops": "<+>", "bit_jaccard_ops": "<%>"}
OTHERS = list(OTHER_OPERATORS)
DIMS, BITS, SPARSE_DIMS = 12, 43, 1000
# A query and a vector that many rows have, by type.
QUERIES = {
    "vector": "[" + ",".join(str((3 * i) % 7) for i in range(DIMS)) + "]",
    "bit": "".join(str((3 * i) % 7 % 2) for i in range(BITS)),
    "sparsevec": "{" + ",".join(f"{61 * i + 3}:{i}" for i in range(1, 6)) + f"}}/{SPARSE_DIMS}",
}
EQUALS = {
    "vector": "[" + ",".join(str((5 * i) % 11 + 1) for i in range(DIMS)) + "]",
    "bit": "".join(str((5 * i) % 11 % 2) for i in range(BITS)),
    "sparsevec": "{" + ",".join(f"{61 * i + 1}:{i + 1}" for i in range(1, 9)) + f"}}/{SPARSE_DIMS}",
}

SOURCE = f"""
    CREATE EXTENSION annex;
    CREATE TABLE source AS
        SELECT id, (SELECT array_agg((id * id * 31 + id * e * 17 + e * e * e * 7) % 2003 / 100.0 - 10)
                    FROM generate_series(1, {DIMS}) e)::vector({DIMS}) AS vector,
               ('x' || md5(id::text))::bit(128)::bit({BITS}) AS bit,
               (SELECT '{{' || string_agg((1 + 61 * e + id % 7) || ':' || (1 + id * e * e % 23) / 4.0, ',') || '}}/{SPARSE_DIMS}'
                FROM generate_series(1, 3 + id % 9) e)::sparsevec({SPARSE_DIMS}) AS sparsevec
        FROM generate_series(1, 200) id;
"""

# Nodes, upper items and a chain of two TID chunks; free slots, a page in the list of those with free slots, dead rows.
TABLE = """
    CREATE TABLE {name} (id int, v {type}({dims}));
    INSERT INTO {name} SELECT id, {type} FROM source WHERE id <= 150;
    INSERT INTO {name} SELECT 1000 + i, '{equal}' FROM generate_series(1, 80) i;
    INSERT INTO {name} VALUES (2000, NULL);
    CREATE INDEX {name}_v ON {name} USING hnsw (v {opclass}) WITH (m = 4, ef_construction = 16, storage = {form});
    INSERT INTO {name} SELECT id, {type} FROM source WHERE id > 150;
    DELETE FROM {name} WHERE id % 9 = 0 AND id < 1000;
    VACUUM (INDEX_CLEANUP ON) {name};
    DELETE FROM {name} WHERE id % 9 = 1 AND id < 1050;
"""


def create(connection, count, others):
    """Makes `count` tables t0, t1, ... with indexes of the classes of `vector` and all forms in turn, then `others` of the
    other classes; returns the indexes' files."""
    for statement in SOURCE.split(";"):
        if statement.strip():
            connection.execute(statement)
    opclasses.clear()
    opclasses.extend(CLASSES[number % len(CLASSES)] for number in range(count))
    opclasses.extend(OTHERS[number % len(OTHERS)] for number in range(others))
    dims = {"vector": DIMS, "bit": BITS, "sparsevec": SPARSE_DIMS}
    for number, name in enumerate(opclasses):
        of = type_of(number)
        text = TABLE.format(name=f"t{number}", type=of, dims=dims[of], equal=EQUALS[of], opclass=name, form=form(number))
        for statement in text.split(";"):
            if statement.strip():
                connection.execute(statement)
    connection.execute("CHECKPOINT")
    rows = connection.execute(
        "SELECT pg_relation_filepath(format('t%%s_v', i)::regclass) FROM generate_series(0, %s) i ORDER BY i",
        (len(opclasses) - 1,),
    )
    return [path for (path,) in rows]


# Of each table, once they are made.
opclasses = []


def opclass(number):
    return opclasses[number]


def type_of(number):
    return opclass(number).split("_")[0]


def form(number):
    """Three of the four classes of `vector` have an inline form: two tables of three have it there, so that it is half of
    theirs."""
    has_inline = opclass(number) in CLASSES and opclass(number) != "vector_l1_ops"
    return FORMS[has_inline and number // len(CLASSES) % 3 > 0]


def operator(number):
    return (OPERATORS | OTHER_OPERATORS)[opclass(number)]
