"""What the demo prints with: headings, a progress bar, tables."""

import sys


def heading(text):
    print(f"\n== {text}", flush=True)


class Bar:
    """A progress bar on a terminal; elsewhere one line for each new phase and each fifth of it."""

    def __init__(self):
        self._shown = None
        self._terminal = sys.stdout.isatty()

    def show(self, text, fraction):
        if self._terminal:
            filled = int(fraction * 40)
            print(f"\r{text[:46]:46} [{'#' * filled}{'.' * (40 - filled)}] {fraction:4.0%}", end="", flush=True)
        elif (text, int(fraction * 5)) != self._shown:
            self._shown = (text, int(fraction * 5))
            print(f"{text[:46]:46} {fraction:4.0%}", flush=True)

    def close(self):
        if self._terminal:
            print()


def table(names, rows):
    """Prints rows below the names of their columns, as psql does."""
    cells = [[str(name) for name in names]]
    cells += [["" if value is None else str(value) for value in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    for number, row in enumerate(cells):
        print(" " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        if number == 0:
            print("-" + "-+-".join("-" * width for width in widths) + "-")
    sys.stdout.flush()
