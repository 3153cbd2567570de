"""The report as text, and the files of a run: DATE-CPU.txt, DATE-CPU.csv and a plot for each curve."""

import csv
import datetime
import re
from pathlib import Path

from measuring.results import Note, Results
from report import plot
from report.goals import verdicts
from report.verdict import Measured


def text_report(facts: dict[str, str], results: Results, tables: list[Measured]) -> str:
    """Facts, the table of goals, then the numbers behind them, the curves and the notes."""
    lines = verdicts(results, tables)
    parts = [f"{name}: {value}" for name, value in facts.items()]
    parts += ["", *aligned([("goal", "measured", "verdict")] + [(line.goal, line.measured, line.word) for line in lines])]
    parts += ["", *aligned(single_numbers(results))]
    parts += ["", *aligned(curves(results))]
    if results.notes:
        parts += ["", *aligned([("note", "side", "")] + [note_line(note) for note in results.notes])]
    return "\n".join(parts) + "\n"


def note_line(note: Note) -> tuple[str, ...]:
    return (" ".join(word for word in (note.data_set, note.storage, note.measure) if word), note.side, note.text)


def side_names(results: Results) -> list[str]:
    return [name for name in dict.fromkeys(row.side for row in results.rows) if name]


def single_numbers(results: Results) -> list[tuple[str, ...]]:
    """A line for each number that has no parameter, a column for each side."""
    names = side_names(results)
    lines = {}
    for row in results.rows:
        if row.side and not row.parameter:
            line = lines.setdefault((row.data_set, row.storage, row.measure, row.unit), dict.fromkeys(names, ""))
            line[row.side] = f"{row.value:.4g}"
    table = [
        (f"{data_set} {storage} {measure}", *line.values(), unit)
        for (data_set, storage, measure, unit), line in lines.items()
    ]
    return [("number", *names, "unit"), *table]


def curves(results: Results) -> list[tuple[str, ...]]:
    """Recall and latency of all sides over ef_search, a line for each measured ef; a peer's time is that of calls one by one."""
    names = side_names(results)
    lines = {}
    for row in results.rows:
        if row.measure == "recall":
            line = lines.setdefault((row.data_set, row.storage, row.parameter), {name: ("", "") for name in names})
            micros = results.get(row.data_set, row.storage, "latency", row.side, row.parameter)
            line[row.side] = (f"{row.value:.4f}", "" if micros is None else f"{micros:.0f}")
    heads = [head for name in names for head in (f"{name} recall", "us")]
    table = [
        (f"{data_set} {storage}", ef_search, *(cell for pair in line.values() for cell in pair))
        for (data_set, storage, ef_search), line in lines.items()
    ]
    return [("curve", "ef_search", *heads), *table]


def aligned(table: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]


def write(folder: Path, name: str, facts: dict[str, str], results: Results, tables: list[Measured]) -> tuple[Path, str]:
    """Writes all files; returns the path of the CSV and the report."""
    folder.mkdir(parents=True, exist_ok=True)
    report = text_report(facts, results, tables)
    (folder / f"{name}.txt").write_text(report)
    for table in tables:
        if lines := plot.curves(results, table.data_set, table.storage):
            suffix = table.data_set if table.storage == "default" else f"{table.data_set}-{table.storage}"
            title = f"{table.title}: {table.rows:,} x {table.dimensions}, one client"
            (folder / f"{name}-{suffix}.svg").write_text(plot.recall_plot(title, lines))
    path = folder / f"{name}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["data_set", "storage", "measure", "side", "parameter", "value", "unit"])
        for fact, value in facts.items():
            writer.writerow(["", "", "environment", "", fact, value, ""])
        for row in results.rows:
            writer.writerow([row.data_set, row.storage, row.measure, row.side, row.parameter, f"{row.value:.6g}", row.unit])
        for note in results.notes:
            writer.writerow([note.data_set, note.storage, note.measure, note.side, "note", note.text, ""])
    return path, report


def record_name(cpu: str, cores: str, sets: str) -> str:
    """DATE-CPU-SETS, with what the CPU calls itself reduced to letters, digits and hyphens; no SETS for those of a default run."""
    slug = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)|@.*|\bcpu\b", "", cpu.lower())).strip("-")
    return f"{datetime.date.today().isoformat()}-{slug}-{cores}cores{sets}"
