"""Writes the HTML page of the demo: each query image beside what the index found. Standard library only."""

import base64
import html
import struct
import zlib

import fashion_mnist

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .5rem; }
pre { background: #8882; border-radius: 6px; overflow-x: auto; padding: .6rem .8rem; font-size: .85rem; }
.row { display: flex; gap: .6rem; align-items: flex-start; flex-wrap: wrap; margin: .4rem 0; }
figure { margin: 0; text-align: center; font-size: .75rem; width: 72px; }
figure img { width: 72px; height: 72px; image-rendering: pixelated; border-radius: 6px; display: block; }
figure.query img { outline: 3px solid #2a7de1; }
figcaption { line-height: 1.25; margin-top: .25rem; }
.distance { opacity: .65; }
.other figcaption b { color: #c2410c; }
.name { flex: 0 0 8.5rem; font-size: .85rem; padding-top: 1.4rem; }
table { border-collapse: collapse; } td, th { padding: .25rem .9rem .25rem 0; text-align: left; }
td + td, th + th { text-align: right; font-variant-numeric: tabular-nums; }
"""


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(pixels, side):
    """A grey PNG of side x side bytes, 0 is black."""
    lines = b"".join(b"\0" + pixels[start:start + side] for start in range(0, side * side, side))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines, 9)) + _chunk(b"IEND", b"")
    )


def _figure(image, caption, kind):
    source = base64.b64encode(png(image.pixels, fashion_mnist.SIDE)).decode()
    return (
        f'<figure class="{kind}"><img alt="{html.escape(image.label)}" src="data:image/png;base64,{source}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _row(title, query, neighbors, images):
    figures = []
    for neighbor, distance in neighbors:
        image = images[neighbor]
        kind = "same" if image.label == query.label else "other"
        figures.append(
            _figure(image, f'<b>{html.escape(image.label)}</b><br><span class="distance">{distance:.4g}</span>', kind)
        )
    return f'<div class="row"><div class="name">{html.escape(title)}</div>{"".join(figures)}</div>'


def _table(rows):
    parts = ["<table>"]
    for number, cells in enumerate(rows):
        tag = "th" if number == 0 else "td"
        parts.append("<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>")
    return "".join(parts) + "</table>"


def _versions(versions, found, images):
    """The section on the model's two versions."""
    parts = [
        "<h2>Two versions of an embedding model, side by side</h2>",
        "<p>Both are filled, indexed and served by one view; version 1 embeds a picture by its pixels, version 2 by a projection "
        "that was learned from the pictures. Which one serves is the newest row of a log. Distances of two versions have "
        "nothing to do with each other.</p>",
        _table([("version", "dimensions", "index", "same label among 10", "median ms"), *versions]),
    ]
    for query_id, neighbors in found:
        query = images[query_id]
        parts.append(f'<div class="row"><div class="name">test image {query_id}</div>{_figure(query, html.escape(query.label), "query")}</div>')
        parts += [_row(f"version {version}", query, rows, images) for version, rows in neighbors.items()]
    return parts


def write(path, examples, measurements, versions, images):
    """Writes the page.

    examples: (query id, SQL, neighbors, filter label, SQL, neighbors), neighbors being (id, distance);
    measurements: rows of text, the first is the header; versions: what `lifecycle.run` returns; images: Image by id.
    """
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>annex: nearest neighbours of Fashion-MNIST</title>',
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>',
        "<h1>annex: nearest neighbours in PostgreSQL, found by an HNSW index</h1>",
        "<p>Each query (blue) is an image of the test split; its neighbours come from the train split. "
        "Below a picture stand its label and its Euclidean distance to the query. "
        "A label other than the query's is red.</p>",
        _table(measurements),
    ]
    for query_id, sql, neighbors, label, filtered_sql, filtered in examples:
        query = images[query_id]
        parts.append(f"<h2>Query: test image {query_id}, {html.escape(query.label)}</h2>")
        parts.append(f'<div class="row"><div class="name">query</div>{_figure(query, html.escape(query.label), "query")}</div>')
        parts.append(_row("nearest", query, neighbors, images))
        parts.append(_row(f"nearest with label {label}", query, filtered, images))
        parts.append(f"<details><summary>SQL</summary><pre>{html.escape(sql)}\n\n{html.escape(filtered_sql)}</pre></details>")
    parts += _versions(*versions, images)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts), encoding="utf-8")
