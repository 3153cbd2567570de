"""The report as text, and the files of a run: DATE-CPU.txt and DATE-CPU.csv."""

import csv
import datetime
import re
from pathlib import Path

from measuring.results import Results
from report.goals import Verdict


def text_report(facts: dict[str, str], lines: list[Verdict], results: Results) -> str:
    """Facts, the table of goals, then the numbers behind them and the curves."""
    parts = [f"{name}: {value}" for name, value in facts.items()]
    parts += ["", *aligned([("goal", "measured", "verdict")] + [(line.goal, line.measured, line.word) for line in lines])]
    parts += ["", *aligned([("number", "annex", "pgvector", "unit")] + single_numbers(results))]
    parts += ["", *aligned([("curve", "ef_search", "annex recall", "us", "pgvector recall", "us")] + curves(results))]
    return "\n".join(parts) + "\n"


def single_numbers(results: Results) -> list[tuple[str, ...]]:
    """What has one value for each table and side."""
    lines = []
    for row in results.rows:
        if row.side == "annex" and not row.parameter:
            theirs = results.get(row.data_set, row.storage, row.measure, "pgvector")
            name = f"{row.data_set} {row.storage} {row.measure}"
            lines.append((name, f"{row.value:.4g}", "" if theirs is None else f"{theirs:.4g}", row.unit))
    return lines


def curves(results: Results) -> list[tuple[str, ...]]:
    """Recall and latency of both sides over ef_search, a line for each measured ef."""
    lines = []
    for row in results.rows:
        if row.measure == "recall" and row.side == "annex":
            numbers = []
            for side in ("annex", "pgvector"):
                recall = results.get(row.data_set, row.storage, "recall", side, row.parameter)
                micros = results.get(row.data_set, row.storage, "latency", side, row.parameter)
                numbers += ["", ""] if recall is None else [f"{recall:.4f}", f"{micros:.0f}"]
            lines.append((f"{row.data_set} {row.storage}", row.parameter, *numbers))
    return lines


def aligned(table: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]


def write(folder: Path, name: str, facts: dict[str, str], results: Results, report: str) -> Path:
    """Writes both files and returns the path of the CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text(report)
    path = folder / f"{name}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["data_set", "storage", "measure", "side", "parameter", "value", "unit"])
        for fact, value in facts.items():
            writer.writerow(["", "", "environment", "", fact, value, ""])
        for row in results.rows:
            writer.writerow([row.data_set, row.storage, row.measure, row.side, row.parameter, f"{row.value:.6g}", row.unit])
    return path


def record_name(cpu: str, cores: str) -> str:
    """DATE-CPU, with what the CPU calls itself reduced to letters, digits and hyphens."""
    slug = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)|@.*|\bcpu\b", "", cpu.lower())).strip("-")
    return f"{datetime.date.today().isoformat()}-{slug}-{cores}cores"
