"""The tables whose indexes are damaged: small, and with every kind of page and item in them."""

# Forms of an index; L1 has the first one only.
FORMS = ["compact", "inline"]
OPERATORS = {"vector_l2_ops": "<->", "vector_ip_ops": "<#>", "vector_cosine_ops": "<=>", "vector_l1_ops": "<+>"}
CLASSES = list(OPERATORS)
DIMS = 12
QUERY = "[" + ",".join(str((3 * i) % 7) for i in range(DIMS)) + "]"
EQUAL = "[" + ",".join(str((5 * i) % 11 + 1) for i in range(DIMS)) + "]"

SOURCE = f"""
    CREATE EXTENSION annex;
    CREATE TABLE source AS
        SELECT id, (SELECT array_agg((id * id * 31 + id * e * 17 + e * e * e * 7) % 2003 / 100.0 - 10)
                    FROM generate_series(1, {DIMS}) e)::vector({DIMS}) AS v
        FROM generate_series(1, 200) id;
"""

# Nodes, upper items and a chain of two TID chunks; free slots, a page in the list of those with free slots, dead rows.
TABLE = """
    CREATE TABLE {name} (id int, v vector({dims}));
    INSERT INTO {name} SELECT id, v FROM source WHERE id <= 150;
    INSERT INTO {name} SELECT 1000 + i, '{equal}' FROM generate_series(1, 80) i;
    INSERT INTO {name} VALUES (2000, NULL);
    CREATE INDEX {name}_v ON {name} USING hnsw (v {opclass}) WITH (m = 4, ef_construction = 16, storage = {form});
    INSERT INTO {name} SELECT id, v FROM source WHERE id > 150;
    DELETE FROM {name} WHERE id % 9 = 0 AND id < 1000;
    VACUUM (INDEX_CLEANUP ON) {name};
    DELETE FROM {name} WHERE id % 9 = 1 AND id < 1050;
"""


def create(connection, count):
    """Makes `count` tables t0, t1, ... with indexes of all operator classes and forms in turn; returns the indexes' files."""
    for statement in SOURCE.split(";"):
        if statement.strip():
            connection.execute(statement)
    for number in range(count):
        text = TABLE.format(name=f"t{number}", dims=DIMS, equal=EQUAL, opclass=opclass(number), form=form(number))
        for statement in text.split(";"):
            if statement.strip():
                connection.execute(statement)
    connection.execute("CHECKPOINT")
    rows = connection.execute(
        "SELECT pg_relation_filepath(format('t%%s_v', i)::regclass) FROM generate_series(0, %s) i ORDER BY i", (count - 1,)
    )
    return [path for (path,) in rows]


def opclass(number):
    return CLASSES[number % len(CLASSES)]


def form(number):
    """Three of four classes have an inline form: two tables of three have it there, so that it is half of all."""
    return FORMS[number // len(CLASSES) % 3 > 0 and opclass(number) != "vector_l1_ops"]


def operator(number):
    return OPERATORS[opclass(number)]
