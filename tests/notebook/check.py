"""Checks a notebook as it is committed, or what came out of it; prints a line for each promise and `N passed, N failed`.

    check.py source NOTEBOOK          no outputs, stable cell ids, the form that Jupyter writes
    check.py result NOTEBOOK          as executed from the first cell to the last
"""

import re
import sys

import nbformat

FIGURES = {"recall-plot", "sequence-plot", "ranks-plot"}
PNG = "image/png"


class Checks:
    """Counts promises kept and broken."""

    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, text: str, is_so: bool) -> None:
        print(f"{'ok' if is_so else 'FAILED'}: {text}")
        self.passed += is_so
        self.failed += not is_so


def check_source(check: Checks, path: str) -> None:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    check("it has no outputs", not any(cell.outputs or cell.execution_count for cell in code))
    check("each cell has an id that says what it is", all(re.fullmatch("[a-z-]+", cell.id) for cell in notebook.cells))
    check("it is written as Jupyter writes it", nbformat.writes(notebook) + "\n" == text)


def check_result(check: Checks, path: str) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    out = {cell.id: "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stdout") for cell in code}
    numbers = {id: [float(number) for number in re.findall(r"-?\d+\.\d+", text)] for id, text in out.items()}

    check("every cell ran, in order", [cell.execution_count for cell in code] == list(range(1, len(code) + 1)))
    check("no output is but text or a figure", all(o.output_type == "stream" or PNG in o.data for cell in code for o in cell.outputs))
    figures = {cell.id for cell in code for o in cell.outputs if o.output_type == "display_data" and PNG in o.data}
    check("it drew the figures", figures == FIGURES)
    check("version 1 serves after its promotion", re.search(r"champion\s+-+\s+1\s*$", out["fill"]) is not None)
    check("a search returns five rows", out["search"].count("|") == 3 * 6)
    sections = [line.split("|")[1].strip() for line in out["filter"].splitlines()[2:] if "|" in line]
    check("a filtered search returns five rows, all of the section", sections == ["python"] * 5)
    check("an empty version is refused", 'version 2 of model "packages" is not ready: coverage' in out["second"])
    check("two versions agree on a part of their answers", 0 < numbers["second"][-1] < 1)
    check("each version was tuned", len(re.findall(r"ALTER INDEX \S+packages_v[12]_embedding_idx SET \(ef_search = \d+\)", out["tuning"])) == 2)
    mean_champion, mean_challenger, difference, low, high, _ = numbers["compare"]
    check("more users click in the challenger's arm", mean_challenger > mean_champion)
    check("the interval is around the difference, above 0", 0 < low < difference < high)
    check("the verdict says so", out["compare"].splitlines()[2].rsplit("|", 1)[1].strip() == "challenger better")
    check("it was known before the last user", re.search(r"^decided at \d+ of \d+ users$", out["compare"], re.M) is not None)
    check("the challenger would win if every user were asked in both arms", numbers["sequence-plot"][-1] > 0)
    check("conclude promotes it", re.search(r"champion\s+-+\s+2\s", out["conclude"]) is not None)
    check("it finds programs that draw charts", re.search(r"(?i)plot|chart|graph|visual", out["conclude"]) is not None)
    check("its recall is measured with queries of users", re.search(r"recall \| (0\.9|1\.0)\S* +\| \d+ +\| sample", out["conclude"]) is not None)
    check("after the rollback the answer is that of before", "the same answer as before\n" in out["rollback"])
    moves = re.findall(r"^ \d+ +\| (\w+) +\| (\d?) +\| (\d)", out["rollback"], re.M)
    check("the log has every move", moves == [("promote", "", "1"), ("promote", "1", "2"), ("rollback", "2", "1")])


def main() -> None:
    mode, path = sys.argv[1:]
    check = Checks()
    {"source": check_source, "result": check_result}[mode](check, path)
    print(f"{check.passed} passed, {check.failed} failed")


if __name__ == "__main__":
    main()
