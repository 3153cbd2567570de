"""The pages of an index file, read by the pictures in src/hnsw/README.md and not by the library's code."""

import struct

PAGE = 8192
HEADER = 24
SPECIAL = PAGE - 16
META, NODE, UPPER, OVERFLOW, PARAMS, CURVE_PAGE = 1, 2, 3, 4, 5, 6
FREE, LIVE, TOMBSTONE = 0, 1, 2
# Meta page: places behind the page header.
VERSION, FORM, ENTRY_LEVEL, ENTRY, PARAMS_HEAD, INSERT_PAGES, FREE_LISTS, BASE_DEGREE, TYPE, UPPER_CODES, CURVE = 4, 17, 19, 24, 32, 36, 48, 60, 62, 63, 96
BIT, SPARSEVEC = 2, 3
# Node item.
STATE, LEVEL, COUNT, GENERATION = 0, 1, 3, 4
TID_BLOCKS, TID_OFFSETS, CHAIN, UPPER_OFFSET, UPPER_BLOCK, HASH, FACTORS, NON_ZEROS, NODE_CODE = 8, 16, 20, 26, 28, 32, 40, 54, 56
# Upper item.
UPPER_NODE, UPPER_FACTORS, UPPER_COUNTS, UPPER_CODE = 8, 16, 32, 48
# TID chunk.
CHUNK_NEXT, CHUNK_TIDS = 8, 16


class Item:
    """An item of a page: its place, and its bytes as fields."""

    def __init__(self, pages, block, offset, start, length):
        self.pages, self.block, self.offset, self.start, self.length = pages, block, offset, start, length

    def get(self, form, at):
        return struct.unpack_from("<" + form, self.pages[self.block], self.start + at)

    def put(self, form, at, *values):
        struct.pack_into("<" + form, self.pages[self.block], self.start + at, *values)

    @property
    def state(self):
        return self.get("B", STATE)[0]

    @property
    def level(self):
        return self.get("B", LEVEL)[0]

    @property
    def generation(self):
        return self.get("H", GENERATION)[0]

    @property
    def pointer(self):
        return (self.block, self.offset, self.generation)


class Index:
    """The file of an index, in memory until `save`."""

    def __init__(self, path):
        self.path = path
        data = path.read_bytes()
        self.pages = [bytearray(data[at : at + PAGE]) for at in range(0, len(data), PAGE)]
        self.dims, self.metric = self.meta("I", 12)[0], self.meta("B", 16)[0]
        self.m = self.meta("H", 20)[0]
        self.is_inline = self.meta("B", FORM)[0] == 1
        self.base_degree = self.meta("H", BASE_DEGREE)[0] if self.is_inline else 2 * self.m
        self.type = self.meta("B", TYPE)[0]

    def save(self):
        # In place: the owner of the file stays.
        with open(self.path, "r+b") as file:
            file.write(b"".join(self.pages))

    def meta(self, form, at):
        return struct.unpack_from("<" + form, self.pages[0], HEADER + at)

    def put_meta(self, form, at, *values):
        struct.pack_into("<" + form, self.pages[0], HEADER + at, *values)

    def kind(self, block):
        return struct.unpack_from("<H", self.pages[block], SPECIAL + 4)[0]

    def put_special(self, block, form, at, *values):
        struct.pack_into("<" + form, self.pages[block], SPECIAL + at, *values)

    def blocks(self, kind):
        return [block for block in range(1, len(self.pages)) if self.kind(block) == kind]

    def line_pointer(self, block, offset):
        return struct.unpack_from("<I", self.pages[block], HEADER + 4 * (offset - 1))[0]

    def put_line_pointer(self, block, offset, raw):
        struct.pack_into("<I", self.pages[block], HEADER + 4 * (offset - 1), raw)

    def page_items(self, block):
        lower = struct.unpack_from("<H", self.pages[block], 12)[0]
        for offset in range(1, (lower - HEADER) // 4 + 1):
            raw = self.line_pointer(block, offset)
            yield Item(self.pages, block, offset, raw & 0x7FFF, raw >> 17)

    def items(self, kind, state=None):
        found = [item for block in self.blocks(kind) for item in self.page_items(block)]
        return [item for item in found if state is None or item.state == state]

    def code_len(self, node):
        """Bytes of the code of a node."""
        if self.type == SPARSEVEC:
            return 6 * node.get("H", NON_ZEROS)[0]
        return (self.dims + 7) // 8 if self.type == BIT else self.dims

    @property
    def code_size(self):
        return (self.dims + 7) // 8 * 8

    @property
    def has_upper_codes(self):
        return any(self.has_codes(item, 1) for item in self.items(UPPER, LIVE))

    def has_codes(self, item, level):
        """Whether the list of a level has codes of the neighbors. An upper item is larger then; in the indexes here all its lists
        have them, with `m` places each."""
        if level == 0:
            return self.is_inline
        plain = UPPER_CODE + self.code_size + 8 * self.m * item.level
        return self.type not in (BIT, SPARSEVEC) and item.length > plain

    @property
    def sign_bytes(self):
        return (self.dims + 63) // 64 * 8

    def edges_at(self, item, level=0):
        """Where the edges of a level begin in an item, and how many there are."""
        if level == 0:
            return NODE_CODE + self.code_size, item.get("B", COUNT)[0]
        place = 16 + self.sign_bytes if self.has_codes(item, level) else 8
        return UPPER_CODE + self.code_size + place * self.m * (level - 1), item.get("B", UPPER_COUNTS + level - 1)[0]

    def edge_codes(self, item, level=0):
        """Where the factors and the signs of a list's edges begin, if it has any, and the bytes of the signs of one."""
        degree = self.base_degree if level == 0 else self.m
        factors = self.edges_at(item, level)[0] + 8 * degree
        return factors, factors + 8 * degree, self.sign_bytes

    def edge(self, item, number, level=0):
        return item.get("IHH", self.edges_at(item, level)[0] + 8 * number)

    def edge_of_code(self, item, at):
        """The edge whose factors or signs hold a byte of an item; None if it is none of them."""
        is_upper = self.kind(item.block) == UPPER
        for level in range(1, item.level + 1) if is_upper else [0]:
            if not self.has_codes(item, level):
                continue
            factors, signs, size = self.edge_codes(item, level)
            number = (at - signs) // size if at >= signs else (at - factors) // 8 if at >= factors else -1
            if 0 <= number < self.edges_at(item, level)[1]:
                return self.edge(item, number, level)
        return None

    def is_current(self, kind, pointer):
        """Whether a pointer leads to an item of a kind that is in use."""
        return any(item.pointer == pointer and item.state != FREE for item in self.items(kind))

    def put_edge(self, item, number, pointer, level=0):
        item.put("IHH", self.edges_at(item, level)[0] + 8 * number, *pointer)
