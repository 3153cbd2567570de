"""Damage for each kind of finding, and what annex.verify has to say about it."""

import math
from dataclasses import dataclass
from typing import Callable

from pages import (
    BASE_DEGREE, CHAIN, CHUNK_NEXT, COUNT, CURVE, CURVE_PAGE, ENTRY, ENTRY_LEVEL, FACTORS, FORM, FREE, FREE_LISTS, GENERATION, HASH, HEADER, INSERT_PAGES, LEVEL, LIVE,
    NODE, NODE_CODE, OVERFLOW, PAGE, PARAMS, PARAMS_HEAD, STATE, TID_BLOCKS, TID_OFFSETS, TOMBSTONE, UPPER, UPPER_CODE, UPPER_COUNTS,
    UPPER_CODES, UPPER_FACTORS, UPPER_OFFSET, VERSION,
)

NO_BLOCK = 0xFFFFFFFF


@dataclass
class Case:
    finding: str
    severity: str
    damage: Callable  # of an Index, and of the row pointers by id; returns the item it is about, or None
    needs: Callable | None  # of a data.Table, whether its index will do; any does if there is none


CASES = []


def inline(table):
    return table.form == "inline"


def upper_codes(table):
    """Compact, with codes of neighbors in upper items."""
    return table.column == "wide" and table.form == "compact"


def case(finding, severity="error", needs=None):
    def register(damage):
        CASES.append(Case(finding, severity, damage, needs))
        return damage

    return register


def live(index, kind=NODE):
    return index.items(kind, LIVE)


def head_of_chain(index):
    """The node with a chain of TID chunks, and its first chunk."""
    for node in live(index):
        block, offset = node.get("IH", CHAIN)
        if offset != 0:
            return node, next(item for item in index.items(OVERFLOW) if (item.block, item.offset) == (block, offset))
    raise LookupError("no chain")


def plain_node(index):
    """A live node of level 0 with one row."""
    chosen = [n for n in live(index) if n.level == 0 and n.get("HH", TID_OFFSETS)[1] == 0 and n.get("IH", CHAIN)[1] == 0]
    return next(n for n in chosen if n.get("B", COUNT)[0] >= 2)


def visible_node(index, tids):
    """The same, of a row that is not dead."""
    chosen = [n for n in live(index) if n.level == 0 and n.get("HH", TID_OFFSETS)[1] == 0 and n.get("IH", CHAIN)[1] == 0]
    return next(n for n in chosen if n.get("I", TID_BLOCKS) + n.get("H", TID_OFFSETS) in tids["visible"])


def tall_upper(index, level=2):
    return next(u for u in live(index, UPPER) if u.level >= level and index.edges_at(u, level)[1] > 0)


def remove_edges_to(index, target):
    for node in index.items(NODE):
        if node.state == FREE:
            continue
        start, count = index.edges_at(node)
        kept = [index.edge(node, i) for i in range(count) if index.edge(node, i)[:2] != target.pointer[:2]]
        for i, edge in enumerate(kept):
            index.put_edge(node, i, edge)
        node.put("B", COUNT, len(kept))


@case("meta page is not valid")
def _(index, _tids):
    index.put_meta("I", 0, 1)


@case("metric is not that of the operator class")
def _(index, _tids):
    index.put_meta("B", 16, 3)


@case("mean is not valid")
def _(index, _tids):
    index.pages[index.blocks(PARAMS)[0]][HEADER : HEADER + 4] = b"\x00\x00\xc0\x7f"


@case("recall curve is not valid")
def _(index, _tids):
    index.put_meta("I", CURVE, index.blocks(NODE)[0])


@case("recall curve is not valid")
def _(index, _tids):
    index.pages.append(index.pages[index.blocks(OVERFLOW)[0]][:])
    index.put_meta("I", CURVE, len(index.pages) - 1)
    index.put_special(len(index.pages) - 1, "H", 4, CURVE_PAGE)


@case("page is empty", "info")
def _(index, _tids):
    index.pages.append(bytearray(PAGE))


@case("page is not one of the index")
def _(index, _tids):
    index.put_special(index.blocks(OVERFLOW)[0], "H", 4, 9)


@case("page is not one of the index")
def _(index, _tids):
    index.put_special(index.blocks(NODE)[0], "H", 4, 1)


@case("line pointer is not valid")
def _(index, _tids):
    node = plain_node(index)
    index.put_line_pointer(node.block, node.offset, 0)
    return node


@case("items overlap")
def _(index, _tids):
    first, second = [item for item in live(index) if item.block == index.blocks(NODE)[0]][:2]
    index.put_line_pointer(second.block, second.offset, index.line_pointer(first.block, first.offset))


@case("node is not valid")
def _(index, _tids):
    node = plain_node(index)
    node.put("B", COUNT, index.base_degree + 1)
    return node


@case("node is not valid")
def _(index, _tids):
    node = plain_node(index)
    node.put("B", STATE, 3)
    return node


@case("node is not valid")
def _(index, _tids):
    node = plain_node(index)
    node.put("f", FACTORS + 4, math.nan)
    return node


@case("node is not valid")
def _(index, _tids):
    node = plain_node(index)
    node.put("f", FACTORS + 8, -1.0)
    return node


@case("upper item is not valid")
def _(index, _tids):
    upper = live(index, UPPER)[0]
    upper.put("B", LEVEL, 99)
    return upper


@case("upper item is not valid")
def _(index, _tids):
    upper = live(index, UPPER)[0]
    upper.put("B", UPPER_COUNTS, index.m + 1)
    return upper


@case("upper item is not valid")
def _(index, _tids):
    upper = live(index, UPPER)[0]
    upper.put("f", UPPER_FACTORS, math.inf)
    return upper


@case("TID chunk is not valid")
def _(index, _tids):
    _, chunk = head_of_chain(index)
    chunk.put("B", COUNT, 65)
    return chunk


@case("TID chunk is not valid")
def _(index, _tids):
    _, chunk = head_of_chain(index)
    chunk.put("B", STATE, TOMBSTONE)
    return chunk


@case("tombstones", "info")
def _(index, _tids):
    plain_node(index).put("B", STATE, TOMBSTONE)


@case("tombstone has rows")
def _(index, _tids):
    node = plain_node(index)
    node.put("B", STATE, TOMBSTONE)
    return node


@case("node has no rows", "warning")
def _(index, _tids):
    node = plain_node(index)
    node.put("HH", TID_OFFSETS, 0, 0)
    return node


@case("edge occurs twice")
def _(index, _tids):
    node = plain_node(index)
    index.put_edge(node, 1, index.edge(node, 0))
    return node


@case("edge leads to the node itself")
def _(index, _tids):
    node = plain_node(index)
    index.put_edge(node, 0, node.pointer)
    return node


@case("edge leads to a free slot")
def _(index, _tids):
    node = plain_node(index)
    index.put_edge(node, 0, index.items(NODE, FREE)[0].pointer)
    return node


@case("edge is newer than its slot")
def _(index, _tids):
    node = plain_node(index)
    block, offset, generation = index.edge(node, 0)
    index.put_edge(node, 0, (block, offset, generation + 1))
    return node


@case("edge leads to no item")
def _(index, _tids):
    node = plain_node(index)
    index.put_edge(node, 0, (node.block, 1500, 0))
    return node


@case("edge leads to a page of another kind")
def _(index, _tids):
    node = plain_node(index)
    index.put_edge(node, 0, live(index, UPPER)[0].pointer)
    return node


@case("edge leads outside the index")
def _(index, _tids):
    node = plain_node(index)
    index.put_edge(node, 0, (10000, 1, 0))
    return node


@case("edge leads to a node of a lower level")
def _(index, _tids):
    upper = tall_upper(index)
    low = next(u for u in live(index, UPPER) if u.level == 1)
    index.put_edge(upper, 0, low.pointer, level=2)
    return upper


@case("edge leads outside the index")
def _(index, _tids):
    upper = tall_upper(index)
    index.put_edge(upper, 0, (10000, 1, 0), level=2)
    return upper


@case("stale edges", "info")
def _(index, _tids):
    node = plain_node(index)
    block, offset, generation = index.edge(node, 0)
    index.put_edge(node, 0, (block, offset, (generation - 1) % 65536))


@case("graph cannot be walked")
def _(index, _tids):
    node = plain_node(index)
    index.put_edge(node, 0, (10000, 1, 0))


@case("chain of rows runs in a circle")
def _(index, _tids):
    node, chunk = head_of_chain(index)
    chunk.put("IH", CHUNK_NEXT, chunk.block, chunk.offset)
    return node


@case("TID chunk belongs to two nodes")
def _(index, _tids):
    node, chunk = head_of_chain(index)
    other = next(n for n in live(index) if n.get("IH", CHAIN)[1] == 0)
    other.put("IH", CHAIN, chunk.block, chunk.offset)


@case("chain of rows leads outside the index")
def _(index, _tids):
    node, _ = head_of_chain(index)
    node.put("IH", CHAIN, 10000, 1)
    return node


@case("chain of rows leads to a page of another kind")
def _(index, _tids):
    node, _ = head_of_chain(index)
    node.put("IH", CHAIN, node.block, node.offset)
    return node


@case("chain of rows leads to no TID chunk")
def _(index, _tids):
    node, chunk = head_of_chain(index)
    node.put("IH", CHAIN, chunk.block, 1500)
    return node


@case("chain of rows leads to a free TID chunk")
def _(index, _tids):
    node, chunk = head_of_chain(index)
    chunk.put("B", STATE, FREE)
    return node


@case("TID chunk belongs to no node", "warning")
def _(index, _tids):
    node, chunk = head_of_chain(index)
    node.put("IH", CHAIN, NO_BLOCK, 0)
    return chunk


@case("node of level 0 has an upper item")
def _(index, _tids):
    node = plain_node(index)
    node.put("H", UPPER_OFFSET, 1)
    return node


@case("node and upper item do not belong together")
def _(index, _tids):
    node = next(n for n in live(index) if n.level > 0)
    node.put("H", UPPER_OFFSET, 0)
    return node


@case("upper item and node differ")
def _(index, _tids):
    upper = live(index, UPPER)[0]
    upper.put("b", UPPER_CODE, 0 if upper.get("b", UPPER_CODE)[0] else 1)
    return upper


@case("upper item and node differ")
def _(index, _tids):
    upper = live(index, UPPER)[0]
    upper.put("H", GENERATION, upper.generation + 1)
    return upper


@case("entry point is not valid")
def _(index, _tids):
    block, offset, generation = index.meta("IHH", ENTRY)
    index.put_meta("IHH", ENTRY, block, offset, generation + 1)


@case("entry point is not valid")
def _(index, _tids):
    index.put_meta("IHH", ENTRY, NO_BLOCK, 0, 0)


@case("entry point is not valid")
def _(index, _tids):
    index.put_meta("B", ENTRY_LEVEL, index.meta("B", ENTRY_LEVEL)[0] - 1)


@case("node is higher than the entry point", "info")
def _(index, _tids):
    low = next(u for u in live(index, UPPER) if u.level == 1)
    index.put_meta("IHH", ENTRY, *low.pointer)
    index.put_meta("B", ENTRY_LEVEL, 1)


@case("page for new items is not valid")
def _(index, _tids):
    index.put_meta("I", INSERT_PAGES, 10000)


@case("list of pages with free slots is not valid")
def _(index, _tids):
    index.put_meta("I", FREE_LISTS, index.blocks(UPPER)[0])


@case("list of pages with free slots is not valid")
def _(index, _tids):
    block = index.meta("I", FREE_LISTS)[0]
    index.put_special(block, "I", 0, block)


@case("page with free slots is in no list", "warning")
def _(index, _tids):
    index.put_meta("I", FREE_LISTS, NO_BLOCK)


@case("node cannot be reached")
def _(index, tids):
    node = visible_node(index, tids)
    remove_edges_to(index, node)
    return node


@case("node cannot be reached", "info")
def _(index, tids):
    dead = next(n for n in live(index) if n.get("I", TID_BLOCKS) + n.get("H", TID_OFFSETS) == tids["deleted"])
    remove_edges_to(index, dead)
    return dead


@case("row pointer leads outside the table")
def _(index, _tids):
    node = plain_node(index)
    node.put("I", TID_BLOCKS, 3000000000)
    return node


@case("row is in the index twice")
def _(index, _tids):
    node, other = plain_node(index), live(index)[-1]
    node.put("I", TID_BLOCKS, *other.get("I", TID_BLOCKS))
    node.put("H", TID_OFFSETS, *other.get("H", TID_OFFSETS))


@case("row pointer leads to no row")
def _(index, _tids):
    node = plain_node(index)
    node.put("H", TID_OFFSETS, 280)
    return node


@case("row is not in the index")
def _(index, tids):
    node = visible_node(index, tids)
    node.put("H", TID_OFFSETS, 280)


@case("row without a vector to index is in the index")
def _(index, tids):
    node = plain_node(index)
    node.put("I", TID_BLOCKS, tids["null"][0])
    node.put("H", TID_OFFSETS, tids["null"][1])
    return node


@case("hash differs from the row")
def _(index, _tids):
    node, _ = head_of_chain(index)
    node.put("Q", HASH, node.get("Q", HASH)[0] ^ 1)
    return node


@case("factors differ from the row")
def _(index, _tids):
    node, _ = head_of_chain(index)
    node.put("f", FACTORS, node.get("f", FACTORS)[0] * 2)
    return node


@case("code differs from the row")
def _(index, _tids):
    node, _ = head_of_chain(index)
    node.put("b", NODE_CODE, 0 if node.get("b", NODE_CODE)[0] else 1)
    return node


@case("code of a neighbor differs from the neighbor", needs=inline)
def _(index, _tids):
    node = plain_node(index)
    _, signs, size = index.edge_codes(node)
    at = signs + size
    node.put("B", at, node.get("B", at)[0] ^ 1)
    return node


@case("code of a neighbor differs from the neighbor", needs=inline)
def _(index, _tids):
    node = plain_node(index)
    offset, _, _ = index.edge_codes(node)
    node.put("B", offset, node.get("B", offset)[0] ^ 1)
    return node


@case("code of a neighbor differs from the neighbor", needs=inline)
def _(index, _tids):
    node = plain_node(index)
    offset, _, _ = index.edge_codes(node)
    node.put("f", offset + 4, math.nan)
    return node


@case("code of a neighbor differs from the neighbor", needs=upper_codes)
def _(index, _tids):
    upper = tall_upper(index, level=1)
    _, signs, size = index.edge_codes(upper, level=1)
    at = signs + size * (index.edges_at(upper, level=1)[1] - 1)
    upper.put("B", at, upper.get("B", at)[0] ^ 1)
    return upper


@case("code of a neighbor differs from the neighbor", needs=upper_codes)
def _(index, _tids):
    upper = tall_upper(index, level=1)
    factors, _, _ = index.edge_codes(upper, level=1)
    upper.put("f", factors + 4, 2 * upper.get("f", factors + 4)[0])
    return upper


@case("meta page is not valid", needs=upper_codes)
def _(index, _tids):
    index.put_meta("B", UPPER_CODES, 0)


@case("meta page is not valid", needs=upper_codes)
def _(index, _tids):
    index.put_meta("II", VERSION, 1, 1)


@case("upper item is not valid", needs=upper_codes)
def _(index, _tids):
    # As an index of version 1 has it: then its upper items are too long.
    index.put_meta("II", VERSION, 1, 1)
    index.put_meta("B", UPPER_CODES, 0)
    return live(index, UPPER)[0]


@case("meta page is not valid", needs=inline)
def _(index, _tids):
    index.put_meta("H", BASE_DEGREE, 2 * index.m + 1)


@case("node is not valid", needs=inline)
def _(index, _tids):
    node = plain_node(index)
    index.put_meta("H", BASE_DEGREE, index.base_degree - 1)
    return node


@case("meta page is not valid")
def _(index, _tids):
    index.put_meta("B", FORM, 2)
