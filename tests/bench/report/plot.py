"""Recall against latency as an SVG of a few kilobytes, readable on light and dark pages."""

from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

from measuring.results import Results

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 56, 120, 34, 44
# Recall is drawn by its misses on a log scale: .9, .99 and .999 are equally far apart, as they are in cost.
RECALLS = (0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995)
SMALLEST_MISS = 4e-4
# Of middle lightness, told apart in all common forms of colour blindness (Okabe and Ito), darker where the page is light.
COLOURS = {
    "annex": "#d55e00", "annex-compact": "#e69f00", "annex-inline": "#cc79a7", "pgvector": "#0a84d6",
    "hnswlib": "#009e73", "faiss": "#8a8a8a", "usearch": "#9467bd", "milvus-lite": "#b09000", "milvus": "#5a9fa8",
}
STYLE = (
    "text{font:12px sans-serif;fill:#757575}.t{font-weight:bold;font-size:13px}.g{stroke:#888;stroke-opacity:.3}"
    "@media(prefers-color-scheme:dark){text{fill:#b0b0b0}}"
)


@dataclass(frozen=True)
class Curve:
    """The points of one side: recall and microseconds."""

    name: str
    points: list[tuple[float, float]]


def curves(results: Results, data_set: str, storage: str) -> list[Curve]:
    """The timed points of every side, in the order of measuring; peers by their better speed, one call for all queries."""
    found = []
    for name in dict.fromkeys(row.side for row in results.rows):
        points = []
        for parameter in results.parameters(data_set, storage, "latency", name):
            recall = results.get(data_set, storage, "recall", name, parameter)
            batch = results.get(data_set, storage, "batch_latency", name, parameter)
            micros = batch if batch is not None else results.get(data_set, storage, "latency", name, parameter)
            points.append((recall, micros))
        if points:
            found.append(Curve(name, points))
    return found


def recall_plot(title: str, lines: list[Curve]) -> str:
    """The SVG; `lines` must not be empty."""
    misses = [max(1 - recall, SMALLEST_MISS) for line in lines for recall, _ in line.points]
    times = [micros for line in lines for _, micros in line.points]
    left, right = log10(max(misses)), log10(min(misses))
    low, high = floor(log10(min(times)) * 4) / 4, ceil(log10(max(times)) * 4) / 4
    plot_right, plot_bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(recall: float) -> float:
        return LEFT + (left - log10(max(1 - recall, SMALLEST_MISS))) / ((left - right) or 1) * (plot_right - LEFT)

    def y(micros: float) -> float:
        return plot_bottom - (log10(micros) - low) / ((high - low) or 1) * (plot_bottom - TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<text class="t" x="{LEFT}" y="18">{escape(title)}</text>',
    ]
    for recall in RECALLS:
        if 10**right <= 1 - recall <= 10**left:
            parts.append(f'<line class="g" x1="{x(recall):.1f}" x2="{x(recall):.1f}" y1="{TOP}" y2="{plot_bottom}"/>')
            parts.append(f'<text x="{x(recall):.1f}" y="{plot_bottom + 16}" text-anchor="middle">{recall:g}</text>')
    for micros in ticks(10**low, 10**high):
        parts.append(f'<line class="g" x1="{LEFT}" x2="{plot_right}" y1="{y(micros):.1f}" y2="{y(micros):.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(micros) + 4:.1f}" text-anchor="end">{duration(micros)}</text>')
    parts.append(f'<text x="{(LEFT + plot_right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">recall@10</text>')
    label_y = -1e9
    for line in sorted(lines, key=lambda line: y(line.points[-1][1])):
        colour = COLOURS.get(line.name, "#888")
        corners = " ".join(f"{x(recall):.1f},{y(micros):.1f}" for recall, micros in line.points)
        parts.append(f'<polyline points="{corners}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x(recall):.1f}" cy="{y(micros):.1f}" r="2.5" fill="{colour}"/>' for recall, micros in line.points]
        # The names stand at the right border in the order of the ends of their lines, never on one another.
        label_y = max(y(line.points[-1][1]) + 4, label_y + 15)
        parts.append(f'<text x="{plot_right + 10}" y="{label_y:.1f}" style="fill:{colour}">{escape(line.name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each decade."""
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    return [step * 10.0**decade for decade in decades for step in (1, 2, 5) if low <= step * 10.0**decade <= high]


def duration(micros: float) -> str:
    return f"{micros:g} µs" if micros < 1000 else f"{micros / 1000:g} ms"
