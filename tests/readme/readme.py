"""Proves: the tour and the tuning of README.md run as they are written, and its index is used; every function, table, view, setting
and operator class that it names exists, with the arguments, defaults and ranges that it says, and none of annex's own is left out.

    readme.py README PSQL        connection: the PG* variables, an empty database
"""

import re
import subprocess
import sys

import psycopg

RUN = ["Five minutes in SQL", "Tuning"]
passed = failed = 0


def check(is_right, text, detail=""):
    global passed, failed
    passed, failed = passed + bool(is_right), failed + (not is_right)
    print(f"{'ok' if is_right else 'not ok'} {passed + failed} - {text}" + ("" if is_right else f" # {detail}"))


def section(readme, title):
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", readme, re.DOTALL | re.MULTILINE)[1]


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def run_blocks(readme, psql, database):
    for title in RUN:
        blocks = re.findall(r"```sql\n(.*?)```", section(readme, title), re.DOTALL)
        text = "\n".join(blocks).replace("DATABASE app", f'DATABASE "{database}"')
        done = subprocess.run([psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"], input=text, text=True, capture_output=True)
        check(blocks and done.returncode == 0 and not done.stderr, f"{title}: runs as it is written", done.stderr.strip())


def split_arguments(text):
    """Names and defaults of `a, b = 1, c = '{}'`; no default has a comma."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    return [(name.strip(), default.strip() or None) for name, _, default in pairs]


def functions(connection):
    """The forms of each function by its name: a list of lists of (argument, type, default)."""
    rows = connection.execute(
        """SELECT p.oid, p.proname, a.name, format_type(a.type, NULL), pg_get_function_arg_default(p.oid, a.position::int)
             FROM pg_proc p
             LEFT JOIN LATERAL (SELECT p.proargnames[i] AS name, p.proargtypes[i - 1] AS type, i AS position
                                  FROM generate_series(1, p.pronargs) i) a ON true
            WHERE p.pronamespace = 'annex'::regnamespace ORDER BY p.proname, p.oid, a.position"""
    )
    forms = {}
    for oid, function, name, type_name, default in rows:
        forms.setdefault((function, oid), []).extend([(name, type_name, default)] if name else [])
    found = {}
    for (function, _), arguments in forms.items():
        found.setdefault(function, []).append(arguments)
    return found


def check_signatures(connection, readme, known):
    told = re.findall(r"^\| .*?`annex\.(\w+)\(([^`]*?)\)", readme, re.MULTILINE)
    # A row may tell of two functions.
    told += re.findall(r"^\| `annex\.\w+\([^`]*`[^|]*?`annex\.(\w+)\(([^`]*?)\)", readme, re.MULTILINE)
    told = [(name, split_arguments(arguments)) for name, arguments in sorted(set(told))]
    forms_told = sorted(name for name, _ in told)
    forms_known = sorted(name for name, forms in known.items() for _ in forms)
    check(forms_told == forms_known, "every form of every function has a row, and no other", f"{forms_told}, but {forms_known}")
    for name, arguments in told:
        names = [argument for argument, _ in arguments]
        forms = [form for form in known.get(name, []) if [argument for argument, _, _ in form] == names]
        check(len(forms) == 1, f"{name}: arguments", f"{names}, but {known.get(name)}")
        for (argument, default), (_, type_name, real_default) in zip(arguments, forms[0] if forms else []):
            is_null = real_default is None or real_default.startswith("NULL")
            if default is None or is_null:
                check(default is None and is_null, f"{name}: default of {argument}", f"{default}, but {real_default}")
                continue
            same = connection.execute(f"SELECT ({default})::{type_name} = ({real_default})::{type_name}").fetchone()[0]
            check(same, f"{name}: default of {argument}", f"{default}, but {real_default}")


def check_names(connection, readme, known):
    relations = {row[0] for row in connection.execute("SELECT relname FROM pg_class WHERE relnamespace = 'annex'::regnamespace AND relkind IN ('r', 'v')")}
    settings = {row[0].partition(".")[2] for row in connection.execute("SELECT name FROM pg_settings WHERE name LIKE 'annex.%'")}
    used = set(re.findall(r"\bannex\.([a-z_]+)", readme))
    unknown = used - set(known) - relations - settings
    check(not unknown, "every name annex.* exists", sorted(unknown))
    quoted = set(re.findall(r"\b[a-z_]+\b", " ".join(re.findall(r"`([^`\n]*)`", readme))))
    missing = (relations | {name for name in settings if not name.endswith("point")}) - quoted - used
    check(not missing, "every table, view and setting is named", sorted(missing))
    classes = {row[0] for row in connection.execute("SELECT opcname FROM pg_opclass WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'hnsw')")}
    told = set(re.findall(r"\b(?:vector|halfvec|sparsevec|bit)_(?:l2|ip|cosine|l1|hamming|jaccard)_ops\b", readme))
    check(told == classes, "every operator class of hnsw is named, and no other", sorted(told ^ classes))


def check_settings(connection, readme):
    rows = re.findall(r"^\| `((?:hnsw|annex)\.\w+)` \|([^|]*)\|([^|]*)\|", readme, re.MULTILINE)
    real = {
        row[0]: row[1:]
        for row in connection.execute("SELECT name, boot_val, min_val, max_val, enumvals FROM pg_settings WHERE name ~ '^(hnsw|annex)[.]'")
    }
    check(len(rows) >= 5, "the table of settings is there", rows)
    for name, default, values in rows:
        boot, low, high, names = real[name]
        said = values.strip()
        if names:
            right = said.split(", ") == names
        else:
            # Of a range with a gap, its ends.
            numbers = [float(number) for number in re.findall(r"\d*\.?\d+", said.replace(" .. ", " "))]
            right = (min(numbers), max(numbers)) == (float(low), float(high))
        check(right and (default.strip() == boot or float(default) == float(boot)), f"{name}: default and range", f"{default}, {said}, but {real[name]}")


def main():
    readme = open(sys.argv[1], encoding="utf-8").read()
    with psycopg.connect("", autocommit=True) as connection:
        run_blocks(readme, sys.argv[2], connection.info.dbname)
        connection.execute("SELECT '[1]'::vector")
        plan = connection.execute("EXPLAIN SELECT id FROM items ORDER BY embedding <-> '[1,2,3]' LIMIT 3").fetchall()
        check("Index Scan using items_embedding_idx" in str(plan), "the tour's query goes by the index", plan)
        known = functions(connection)
        check_signatures(connection, readme, known)
        check_names(connection, readme, known)
        check_settings(connection, readme)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
