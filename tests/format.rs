//! The bytes on disk have not moved: what this library writes is what these bytes say, and it reads them back.
//!
//! The bytes were put together by another program from the pictures in `src/hnsw/README.md`. Who has to change one
//! raises the format version and keeps the old ones readable.
#![cfg(target_endian = "little")]

use annex::distance::Metric;
use annex::hnsw::codes::{EdgeFactors, Factors};
use annex::hnsw::layout::{
    CHUNK_SIZE, Curve, CurvePoint, FORMAT_VERSION, ItemPtr, MAX_ITEM_SIZE, META_SIZE, Meta,
    MetaProblem, NO_BLOCK, Node, NodeContents, NodeMut, OPAQUE_SIZE, Opaque, PageKind, Shape,
    SlotState, Storage, TidChunk, Upper, UpperMut, free, write_chunk,
};
use annex::pg::relation::Tid;
use annex::types::indexed::IndexedType;
use std::sync::LazyLock;

const META: &str = "\
    01c02ea2010000000100000005000000\
    02000803020028000700000009000400\
    010000000b0000000c0000000d000000\
    1500000016000000ffffffff00000000\
    e8030000000000000a00000000000000\
    b004000000000000fbffffffffffffff\
    00000000000000000000000000000000\
    00000000000000000000000000000000";
const OPAQUE: &str = "\
    4d00000003000100010000000000eca2";
const NODE: &str = "\
    010100020300010004030201ffffffff\
    060500002c01000006000800c8000000\
    88776655443322110000003f00001040\
    0000003e0900000001ff7f8100000000\
    01000000020003000400000005000600\
    00000000000000000000000000000000";
const UPPER: &str = "\
    01020000040002000100000002000300\
    0000003f000010400000003e00000000\
    01020000000000000000000000000000\
    01ff7f81000000000a0000000b000c00\
    00000000000000000d0000000e000f00\
    1000000011001200";
const INLINE_META: &str = "\
    01c02ea2010000000100000000030000\
    02010803100028000700000009000400\
    010000000b0000000c0000000d000000\
    1500000016000000ffffffff1d000000\
    e8030000000000000a00000000000000\
    b004000000000000fbffffffffffffff\
    00000000000000000000000000000000\
    00000000000000000000000000000000";
const INLINE_NODE: &str = "\
    010100030300010004030201ffffffff\
    060500002c01000006000800c8000000\
    88776655443322110000003f00001040\
    0000003e0900000081a6cbf0153a5f85\
    aacff4193e6389aed3f81d42678db2d7\
    fc21466b91b6db00254a6f95badf0429\
    4e7399bee3082d52779dc2e70c31567b\
    a1c6eb10355a7fa5caef14395e840000\
    01000000020003000400000005000600\
    07000000080009000000000000000000\
    0000003f0000803e000000400000803f\
    000060400000e03f0000000000000000\
    101112131415161718191a1b1c1d1e1f\
    404142434445464748494a4b4c4d4e4f\
    707172737475767778797a7b7c7d7e7f\
    00000000000000000000000000000000";
const INLINE_UPPER: &str = "\
    01010000040001000100000002000300\
    0000003f000010400000003e00000000\
    02000000000000000000000000000000\
    81a6cbf0153a5f85aacff4193e6389ae\
    d3f81d42678db2d7fc21466b91b6db00\
    254a6f95badf04294e7399bee3082d52\
    779dc2e70c31567ba1c6eb10355a7fa5\
    caef14395e840000030000000e000f00\
    06000000110012000000000000000000\
    00000000000000000000000000000000\
    00000000000000000000000000000000\
    00000000000000000000000000000000\
    00000000000000000000000000000000\
    00000000000000000000c03f0000403f\
    000040400000c03f0000000000000000\
    00000000000000000000000000000000\
    00000000000000000000000000000000\
    00000000000000000000000000000000\
    00000000000000000000000000000000\
    00000000000000003031323334353637\
    38393a3b3c3d3e3f6061626364656667\
    68696a6b6c6d6e6f0000000000000000\
    00000000000000000000000000000000\
    00000000000000000000000000000000\
    00000000000000000000000000000000\
    00000000000000000000000000000000\
    00000000000000000000000000000000\
    00000000000000000000000000000000\
    00000000000000000000000000000000\
    00000000000000000000000000000000\
    00000000000000000000000000000000\
    0000000000000000";
/// Of a compact upper item of 130 dimensions and m = 16 the bytes up to the last in use; zeros follow.
const COMPACT_UPPER: &str = "\
    010100000400010001000000020003000000003f000010400000003e00000000\
    0200000000000000000000000000000081a6cbf0153a5f85aacff4193e6389ae\
    d3f81d42678db2d7fc21466b91b6db00254a6f95badf04294e7399bee3082d52\
    779dc2e70c31567ba1c6eb10355a7fa5caef14395e84a9cef3183d6288add2f7\
    1c41668cb1d6fb20456a90b5daff24496e94b9de03284d7298bde2072c51769c\
    c1e60b30557aa0c5ea0f34597ea4c9ee1338000000000000030000000e000f00\
    0600000011001200000000000000000000000000000000000000000000000000\
    0000000000000000000000000000000000000000000000000000000000000000\
    0000000000000000000000000000000000000000000000000000000000000000\
    000000000000000000000000000000000000c03f0000403f000040400000c03f\
    0000000000000000000000000000000000000000000000000000000000000000\
    0000000000000000000000000000000000000000000000000000000000000000\
    0000000000000000000000000000000000000000000000000000000000000000\
    0000000000000000303132333435363738393a3b3c3d3e3f4041424344454647\
    606162636465666768696a6b6c6d6e6f7071727374757677";
const SPARSE_NODE: &str = "\
    010101020300010004030201ffffffff\
    060500002c01000006000800c8000000\
    88776655443322110000003f00001040\
    0000003e090002000300000003010000\
    ff7ffeff000000000000000000000000\
    00000000000000000100000002000300\
    04000000050006000000000000000000\
    0000000000000000";
const SPARSE_UPPER: &str = "\
    01020200040002000100000002000300\
    0000003f000010400000003e02000000\
    01020000000000000000000000000000\
    0300000003010000ff7ffeff00000000\
    00000000000000000000000000000000\
    0a0000000b000c000000000000000000\
    0d0000000e000f001000000011001200";
/// Of a chunk the bytes in use; zeros follow.
const CHUNK: &str = "\
    01000002060000009001000014000000\
    0d0c0b0a0f0e050000000600";

const CURVE: &str = "\
    fbffffffffffffffe803000000000000\
    b0040000000000008813000000000000\
    4600000000000000900100000a000200\
    0a0000000000403f0000003fe8030000\
    0000803f0000603f";

static SHAPE: LazyLock<Shape> = LazyLock::new(|| Shape::compact(Metric::Cosine, 5, 2));
static INLINE_SHAPE: LazyLock<Shape> = LazyLock::new(|| inline(Metric::Cosine, 70, 2));
static SPARSE_SHAPE: LazyLock<Shape> =
    LazyLock::new(|| Shape::compact(Metric::L2, 300, 2).of(IndexedType::Sparsevec));
/// Elements 3 and 259, with 32767 and -2 steps.
const SPARSE_CODE: [i8; 12] = [3, 0, 0, 0, 3, 1, 0, 0, -1, 127, -2, -1];
const CODE: [i8; 5] = [1, -1, 127, -127, 0];
const FACTORS: Factors = Factors {
    scale: 0.5,
    norm_squared: 2.25,
    error: 0.125,
};
const HASH: u64 = 0x1122_3344_5566_7788;
const TID: Tid = Tid {
    block: 0x0102_0304,
    offset: 0x0506,
};

fn inline(metric: Metric, dims: usize, m: usize) -> Shape {
    Shape::inline(metric, dims, m).expect("a shape of the inline form")
}

fn ptr(block: u32, offset: u16, generation: u16) -> ItemPtr {
    ItemPtr {
        block,
        offset,
        generation,
    }
}

/// What a node holds, but for its code.
fn contents(code: &[i8]) -> NodeContents<'_> {
    NodeContents {
        level: 1,
        tids: &[TID],
        overflow: Some((300, 6)),
        upper: ptr(200, 8, 9),
        hash: HASH,
        factors: FACTORS,
        code,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A free slot of generation `generation`, filled with what an earlier user left there.
fn used_slot(len: usize, generation: u16) -> Vec<u8> {
    let mut item = vec![0xEE; len];
    item[4..6].copy_from_slice(&generation.to_le_bytes());
    item
}

fn meta() -> Meta {
    Meta {
        entry: ptr(7, 9, 4),
        entry_level: 3,
        params: 1,
        insert_page: [11, 12, 13],
        free_list: [21, 22, NO_BLOCK],
        nodes: 1000,
        tombstones: 10,
        tids: 1200,
        last_repair: -5,
        ..Meta::new(*SHAPE, 40)
    }
}

#[test]
fn meta_page() {
    let mut bytes = [0xEE; META_SIZE];
    meta().write(&mut bytes);
    assert_eq!(hex(&bytes), META);
    assert_eq!(Meta::read(&bytes), Ok(meta()));
    assert_eq!(FORMAT_VERSION, 2);
}

/// A compact index with codes on upper levels says so in byte 63, and that readers of version 1 cannot read it.
#[test]
fn meta_page_of_a_compact_index_with_upper_codes() {
    let meta = Meta {
        shape: Shape::compact(Metric::Cosine, 130, 16),
        ..meta()
    };
    assert_eq!(meta.format_version(), 2);
    let mut bytes = [0xEE; META_SIZE];
    meta.write(&mut bytes);
    let expected = META
        .replacen(
            "01c02ea2010000000100000005000000",
            "01c02ea2020000000200000082000000",
            1,
        )
        .replacen("0200080302002800", "0200080310002800", 1)
        .replacen("ffffffff00000000", "ffffffff00000001", 1);
    assert_eq!(hex(&bytes), expected);
    let read = Meta::read(&bytes).expect("a meta page");
    assert_eq!(read, meta);
    assert!(read.shape.has_codes(1) && !read.shape.has_codes(0));

    let refused = |at: usize, value: u8| {
        let mut bytes = bytes;
        bytes[at] = value;
        Meta::read(&bytes) == Err(MetaProblem::Invalid)
    };
    assert!(!refused(63, 1));
    // Another value; the codes without the version, the version without the codes.
    assert!(refused(63, 2) && refused(63, 255) && refused(63, 0) && refused(4, 1));
    // The inline form, L1, a sparse vector; dimensions whose codes would leave no room for levels.
    assert!(refused(17, 1) && refused(16, 3) && refused(62, 3) && refused(13, 0x17));
    // Whether codes are worth their space is decided when an index is made, not when it is read.
    assert!(!refused(12, 50) && !refused(20, 3));
}

/// A compact index of version 1 has no codes, however many dimensions it has, and stays as it is.
#[test]
fn meta_page_of_a_compact_index_of_version_1() {
    for (dims, m) in [(130, 16), (1536, 16), (7712, 16), (384, 100)] {
        let shape = Shape::compact_without_codes(Metric::Cosine, dims, m);
        let meta = Meta { shape, ..meta() };
        let mut bytes = [0; META_SIZE];
        meta.write(&mut bytes);
        assert_eq!(bytes[4..12], [1, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(bytes[63], 0);
        let read = Meta::read(&bytes).expect("a meta page");
        assert_eq!(read, meta);
        assert!(!read.shape.has_any_codes());
        assert_eq!(
            read.shape.upper_size(2),
            48 + dims.next_multiple_of(8) + 2 * m * 8
        );
    }
}

/// The page with the curve of recall is a field that an index without one has at zero.
#[test]
fn meta_page_of_a_calibrated_index() {
    let meta = Meta {
        curve: 77,
        ..meta()
    };
    let mut bytes = [0; META_SIZE];
    meta.write(&mut bytes);
    let (head, tail) = META.split_at(2 * 96);
    assert_eq!(hex(&bytes), format!("{head}4d000000{}", &tail[8..]));
    assert_eq!(Meta::read(&bytes), Ok(meta));
}

#[test]
fn curve_page() {
    let point = |ef_search, recall, recall_lo| CurvePoint {
        ef_search,
        recall,
        recall_lo,
    };
    let curve = Curve {
        measured_at: -5,
        rows: 1000,
        indexed_rows: 1200,
        table_changes: 5000,
        pending_changes: 70,
        queries: 400,
        k: 10,
        points: vec![point(10, 0.75, 0.5), point(1000, 1.0, 0.875)],
    };
    let mut bytes = vec![0xEE; curve.size()];
    curve.write(&mut bytes);
    assert_eq!(hex(&bytes), CURVE);
    assert_eq!(Curve::read(&bytes), Some(curve));
    // More points than the page's contents hold, or fewer bytes than its head.
    bytes[46] = 3;
    assert_eq!(Curve::read(&bytes), None);
    assert_eq!(Curve::read(&bytes[..40]), None);
}

/// The longest bit strings of which a node holds every bit; of one bit more it counts the last ones.
#[test]
fn nodes_that_hold_all_bits() {
    for (m, longest) in [(2, 64_384), (16, 61_696), (100, 45_568)] {
        let is_whole = |bits: usize| {
            let shape = Shape::compact(Metric::Hamming, bits, m).of(IndexedType::Bit);
            shape.code_len() == bits.div_ceil(8)
        };
        assert!(is_whole(longest), "m = {m}");
        if m > 2 {
            assert!(!is_whole(longest + 1), "m = {m}");
        }
    }
}

/// So is the type of the elements.
#[test]
fn meta_page_of_an_index_on_halves() {
    let meta = Meta {
        shape: meta().shape.of(IndexedType::Halfvec),
        ..meta()
    };
    let mut bytes = [0; META_SIZE];
    meta.write(&mut bytes);
    assert_eq!(
        hex(&bytes),
        META.replacen("ffffffff00000000", "ffffffff00000100", 1)
    );
    assert_eq!(Meta::read(&bytes), Ok(meta));
    // No type has this number, and this metric is none of bit strings.
    for wrong in [4, IndexedType::Bit as u8] {
        bytes[62] = wrong;
        assert_eq!(Meta::read(&bytes), Err(MetaProblem::Invalid));
    }
}

/// Type, metric and the bits of a code's elements belong together, and so does the form.
#[test]
fn meta_page_of_an_index_on_bits_or_sparse_vectors() {
    let cases = [
        (Metric::Hamming, IndexedType::Bit, 64_000),
        (Metric::Jaccard, IndexedType::Bit, 3),
        (Metric::L2, IndexedType::Sparsevec, 1_000_000_000),
        (Metric::L1, IndexedType::Sparsevec, 1),
    ];
    for (metric, of, dims) in cases {
        let shape = Shape::compact(metric, dims, 2).of(of);
        let meta = Meta {
            shape,
            params: NO_BLOCK,
            ..meta()
        };
        let mut bytes = [0; META_SIZE];
        meta.write(&mut bytes);
        assert_eq!(bytes[12..16], (dims as u32).to_le_bytes());
        let bits = if of == IndexedType::Bit { 1 } else { 16 };
        let number = if of == IndexedType::Bit { 2 } else { 3 };
        assert_eq!(bytes[16..19], [metric as u8, 0, bits]);
        assert_eq!(bytes[62], number);
        assert_eq!(Meta::read(&bytes), Ok(meta));
        // No mean, no inline form, no other type, no more dimensions than there can be.
        let refused = |change: &dyn Fn(&mut [u8])| {
            let mut bytes = bytes;
            change(&mut bytes);
            Meta::read(&bytes) == Err(MetaProblem::Invalid)
        };
        assert!(refused(
            &|bytes| bytes[32..36].copy_from_slice(&[1, 0, 0, 0])
        ));
        assert!(refused(&|bytes| bytes[17] = 1));
        for other in (0..=255).filter(|other| *other != number) {
            assert!(refused(&|bytes| bytes[62] = other));
        }
        assert!(refused(
            &|bytes| bytes[12..16].copy_from_slice(&[1, 202, 154, 59])
        ));
        // No m that there cannot be, such as one whose links alone would not fit a page.
        for m in [0, 1, 101, 600, u16::MAX] {
            assert!(refused(
                &|bytes| bytes[20..22].copy_from_slice(&m.to_ne_bytes())
            ));
        }
    }
    let numbers = Metric::ALL.map(|metric| metric as u8);
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
}

/// The inline form is a byte, and the degree of level 0 a field of its own.
#[test]
fn meta_page_of_an_inline_index() {
    let meta = Meta {
        shape: inline(Metric::Cosine, 768, 16),
        ..meta()
    };
    let mut bytes = [0xEE; META_SIZE];
    meta.write(&mut bytes);
    assert_eq!(hex(&bytes), INLINE_META);
    let read = Meta::read(&bytes).expect("a meta page");
    assert_eq!(read, meta);
    assert_eq!(
        (read.shape.storage, read.shape.base_degree),
        (Storage::Inline, 29)
    );

    let refused = |at: usize, value: u8| {
        let mut bytes = bytes;
        bytes[at] = value;
        Meta::read(&bytes) == Err(MetaProblem::Invalid)
    };
    assert!(!refused(60, 28));
    // No such form; no neighbors, more than 2 m, more than fit a page; L1, which has no such form.
    assert!(refused(17, 2));
    assert!(refused(60, 0) && refused(60, 33) && refused(61, 1));
    assert!(refused(13, 0x1F));
    assert!(refused(16, 3));
}

/// A newer library's index is refused with its version if it says that this one cannot read it.
#[test]
fn meta_page_of_a_newer_format() {
    let mut bytes = [0; META_SIZE];
    meta().write(&mut bytes);
    bytes[4] = 9;
    assert_eq!(Meta::read(&bytes), Err(MetaProblem::Invalid));
    bytes[8] = 3;
    assert_eq!(Meta::read(&bytes), Err(MetaProblem::TooNew(9)));
}

/// Pages that a change of the index would lock twice, waiting for itself, are refused before.
#[test]
fn meta_page_with_fields_that_cannot_be() {
    let refused = |change: &dyn Fn(&mut Meta)| {
        let mut meta = meta();
        change(&mut meta);
        let mut bytes = [0; META_SIZE];
        meta.write(&mut bytes);
        Meta::read(&bytes) == Err(MetaProblem::Invalid)
    };
    assert!(!refused(&|_| {}));
    assert!(!refused(&|meta| meta.insert_page = [NO_BLOCK; 3]));
    for kind in 0..3 {
        assert!(refused(&|meta| meta.insert_page[kind] = 0));
        assert!(refused(&|meta| meta.free_list[kind] = 0));
        assert!(refused(
            &|meta| meta.insert_page[kind] = meta.insert_page[(kind + 1) % 3]
        ));
    }
    assert!(refused(&|meta| meta.params = 0));
    // Codes for inner product are never relative to a mean.
    assert!(refused(&|meta| meta.shape.metric = Metric::InnerProduct));
    assert!(refused(
        &|meta| meta.shape = Shape::compact(Metric::L2, 5, 1)
    ));
    assert!(refused(
        &|meta| meta.shape = Shape::compact(Metric::L2, 5, 101)
    ));
    assert!(refused(&|meta| meta.shape.dims = 0));
    assert!(refused(&|meta| meta.shape.dims = 16_000));
    assert!(refused(&|meta| meta.entry_level = 16));
    assert!(refused(&|meta| meta.last_repair = i64::MAX));
    assert!(refused(&|meta| meta.last_repair = i64::MIN));
}

/// Factors that would make a search meet keys that are no numbers are refused; an unknown error is none of them.
#[test]
fn factors_that_cannot_be() {
    let with = |factors: Factors| {
        let mut node = vec![0; SHAPE.node_size()];
        let contents = NodeContents {
            level: 0,
            tids: &[],
            overflow: None,
            upper: ItemPtr::NONE,
            hash: 0,
            factors,
            code: &CODE,
        };
        NodeMut::new(&mut node, &SHAPE)
            .expect("a node")
            .fill(&contents);
        let mut upper = vec![0; SHAPE.upper_size(1)];
        let mut writer = UpperMut::new(&mut upper, &SHAPE).expect("an upper item");
        writer.fill(1, ptr(1, 1, 0), &factors, &CODE);
        let is_read = Node::read(&node, &SHAPE).is_some();
        assert_eq!(Upper::read(&upper, &SHAPE).is_some(), is_read);
        is_read
    };
    let scaled = |scale| with(Factors { scale, ..FACTORS });
    let normed = |norm_squared| {
        with(Factors {
            norm_squared,
            ..FACTORS
        })
    };
    let bounded = |error| with(Factors { error, ..FACTORS });
    for value in [f32::NAN, -f32::NAN, -1.0, -0.0, f32::NEG_INFINITY] {
        assert!(
            !scaled(value) && !normed(value) && !bounded(value),
            "{value}"
        );
    }
    assert!(!scaled(f32::INFINITY) && !normed(f32::INFINITY) && bounded(f32::INFINITY));
    assert!(!scaled((1u128 << 121) as f32) && scaled((1u128 << 120) as f32));
    assert!(scaled(0.0) && normed(0.0) && bounded(0.0));
    assert!(normed(f32::MAX) && bounded(f32::MAX));
}

#[test]
fn opaque() {
    let opaque = Opaque {
        next: 77,
        kind: PageKind::Upper,
        in_free_list: true,
    };
    let mut bytes = [0xEE; OPAQUE_SIZE];
    opaque.write(&mut bytes);
    assert_eq!(hex(&bytes), OPAQUE);
    assert_eq!(Opaque::read(&bytes), Some(opaque));
    let numbers = [
        PageKind::Meta,
        PageKind::Node,
        PageKind::Upper,
        PageKind::Overflow,
        PageKind::Params,
        PageKind::Curve,
    ]
    .map(|kind| kind as u16);
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn node() {
    let mut item = used_slot(SHAPE.node_size(), 3);
    let mut writer = NodeMut::new(&mut item, &SHAPE).expect("an item of the size of a node");
    writer.fill(&contents(&CODE));
    writer.set_neighbors(&[ptr(1, 2, 3), ptr(4, 5, 6)], |_, _| None);
    assert_eq!(hex(&item), NODE);

    let read = Node::read(&item, &SHAPE).expect("a node");
    assert_eq!(read.state(), SlotState::Live);
    assert_eq!(
        (read.level(), read.generation(), read.list_version()),
        (1, 3, 1)
    );
    assert_eq!(read.inline_tids(), [TID, Tid::NONE]);
    assert_eq!(read.overflow(), Some((300, 6)));
    assert_eq!(read.upper(), ptr(200, 8, 9));
    assert_eq!(read.hash(), HASH);
    assert_eq!(read.factors(), FACTORS);
    assert_eq!(read.code(), CODE);
    assert!(read.neighbors().eq([ptr(1, 2, 3), ptr(4, 5, 6)]));

    // The three states, and the generation that makes pointers to a freed slot stale.
    let mut writer = NodeMut::new(&mut item, &SHAPE).expect("a node");
    writer.set_tombstone();
    writer.free();
    assert_eq!(item[..8], [0, 1, 0, 0, 4, 0, 1, 0]);
    let states = [SlotState::Free, SlotState::Live, SlotState::Tombstone];
    assert_eq!(states.map(|state| state as u8), [0, 1, 2]);
}

/// An item that may be longer than its parts: it is marked, says how many elements its code has, and its list ends with it.
#[test]
fn sparse_node() {
    let mut item = used_slot(120, 3);
    assert_eq!(SPARSE_SHAPE.node_size_for(SPARSE_CODE.len()), 104);
    let mut writer = NodeMut::new(&mut item, &SPARSE_SHAPE).expect("room for a node");
    writer.fill(&contents(&SPARSE_CODE));
    writer.set_neighbors(&[ptr(1, 2, 3), ptr(4, 5, 6)], |_, _| None);
    assert_eq!(hex(&item), SPARSE_NODE);

    let read = Node::read(&item, &SPARSE_SHAPE).expect("a node");
    assert_eq!((read.level(), read.upper()), (1, ptr(200, 8, 9)));
    assert_eq!(read.code(), SPARSE_CODE);
    assert!(read.neighbors().eq([ptr(1, 2, 3), ptr(4, 5, 6)]));
    // Not one of another kind, nor with a code that reaches into the list, nor cut.
    assert!(Upper::read(&item, &SPARSE_SHAPE).is_none());
    assert!(Node::read(&item[..96], &SPARSE_SHAPE).is_none());
    assert!(Node::read(&item[..54], &SPARSE_SHAPE).is_none());
    for (at, value) in [(2, 0), (2, 2), (54, 6), (55, 1)] {
        let mut item = item.clone();
        item[at] = value;
        assert!(Node::read(&item, &SPARSE_SHAPE).is_none());
    }
    item[54] = 5;
    assert!(Node::read(&item, &SPARSE_SHAPE).is_some());
}

#[test]
fn sparse_upper_item() {
    let mut item = used_slot(112, 4);
    assert_eq!(SPARSE_SHAPE.upper_size_for(2, SPARSE_CODE.len()), 96);
    let mut writer = UpperMut::new(&mut item, &SPARSE_SHAPE).expect("room for an upper item");
    writer.fill(2, ptr(1, 2, 3), &FACTORS, &SPARSE_CODE);
    writer.set_neighbors(1, &[ptr(10, 11, 12)], |_, _| None);
    writer.set_neighbors(2, &[ptr(13, 14, 15), ptr(16, 17, 18)], |_, _| None);
    assert_eq!(hex(&item), SPARSE_UPPER);

    let read = Upper::read(&item, &SPARSE_SHAPE).expect("an upper item");
    assert_eq!(read.code(), SPARSE_CODE);
    assert!(read.neighbors(1).eq([ptr(10, 11, 12)]));
    assert!(read.neighbors(2).eq([ptr(13, 14, 15), ptr(16, 17, 18)]));
    assert!(Node::read(&item, &SPARSE_SHAPE).is_none());
    assert!(Upper::read(&item[..88], &SPARSE_SHAPE).is_none());
    for (at, value) in [(1, 5), (2, 0), (2, 1), (28, 6), (29, 1)] {
        let mut item = item.clone();
        item[at] = value;
        assert!(Upper::read(&item, &SPARSE_SHAPE).is_none(), "{at}");
    }
}

#[test]
fn inline_node() {
    let mut item = used_slot(INLINE_SHAPE.node_size(), 3);
    let code: Vec<i8> = (0..70).map(|i| (i * 37 % 255 - 127) as i8).collect();
    let mut writer = NodeMut::new(&mut item, &INLINE_SHAPE).expect("an item of the size of a node");
    writer.fill(&contents(&code));
    let neighbors = [ptr(1, 2, 3), ptr(4, 5, 6), ptr(7, 8, 9)];
    let factors = |neighbor: ItemPtr| EdgeFactors {
        offset: neighbor.block as f32 / 2.0,
        step: neighbor.block as f32 / 4.0,
    };
    writer.set_neighbors(&neighbors, |neighbor, signs| {
        for (i, byte) in signs.iter_mut().enumerate() {
            *byte = (16 * neighbor.block) as u8 + i as u8;
        }
        Some(factors(neighbor))
    });
    assert_eq!(hex(&item), INLINE_NODE);

    let read = Node::read(&item, &INLINE_SHAPE).expect("a node");
    assert_eq!(read.code(), code);
    assert!(read.neighbors().eq(neighbors));
    assert!(read.edges().factors().eq(neighbors.map(factors)));
    let blocks = read.edges().signs().iter().step_by(16);
    assert!(blocks.copied().eq([16, 64, 112]));
    assert_eq!(read.edges().signs().len(), 3 * INLINE_SHAPE.sign_bytes());
}

#[test]
fn upper_item() {
    let mut item = used_slot(SHAPE.upper_size(2), 4);
    let mut writer =
        UpperMut::new(&mut item, &SHAPE).expect("an item of the size of an upper item");
    writer.fill(2, ptr(1, 2, 3), &FACTORS, &CODE);
    writer.set_neighbors(1, &[ptr(10, 11, 12)], |_, _| None);
    writer.set_neighbors(2, &[ptr(13, 14, 15), ptr(16, 17, 18)], |_, _| None);
    assert_eq!(hex(&item), UPPER);

    let read = Upper::read(&item, &SHAPE).expect("an upper item");
    assert_eq!(read.state(), SlotState::Live);
    assert_eq!(
        (read.level(), read.generation(), read.list_version()),
        (2, 4, 2)
    );
    assert_eq!(read.node(), ptr(1, 2, 3));
    assert_eq!(read.factors(), FACTORS);
    assert_eq!(read.code(), CODE);
    assert!(read.neighbors(1).eq([ptr(10, 11, 12)]));
    assert!(read.neighbors(2).eq([ptr(13, 14, 15), ptr(16, 17, 18)]));
    assert_eq!(read.neighbors(3).len(), 0);
}

/// The lists of upper levels are the same in both forms, where they have codes.
#[test]
fn upper_items_with_codes() {
    upper_item_with_codes(&inline(Metric::Cosine, 70, 12), INLINE_UPPER);
    upper_item_with_codes(&Shape::compact(Metric::Cosine, 130, 16), COMPACT_UPPER);
}

fn upper_item_with_codes(shape: &Shape, expected: &str) {
    let mut item = used_slot(shape.upper_size(1), 4);
    let code: Vec<i8> = (0..shape.dims)
        .map(|i| (i * 37 % 255) as i32 - 127)
        .map(|element| element as i8)
        .collect();
    let mut writer = UpperMut::new(&mut item, shape).expect("an upper item");
    writer.fill(1, ptr(1, 2, 3), &FACTORS, &code);
    let factors = |neighbor: ItemPtr| EdgeFactors {
        offset: neighbor.block as f32 / 2.0,
        step: neighbor.block as f32 / 4.0,
    };
    let neighbors = [ptr(3, 14, 15), ptr(6, 17, 18)];
    writer.set_neighbors(1, &neighbors, |neighbor, signs| {
        for (i, byte) in signs.iter_mut().enumerate() {
            *byte = (16 * neighbor.block) as u8 + i as u8;
        }
        Some(factors(neighbor))
    });
    let (used, rest) = item.split_at(expected.len() / 2);
    assert_eq!(hex(used), expected);
    assert!(rest.iter().all(|byte| *byte == 0));

    let read = Upper::read(&item, shape).expect("an upper item");
    assert_eq!(read.code(), code);
    assert!(read.neighbors(1).eq(neighbors));
    assert!(read.edges(1).factors().eq(neighbors.map(factors)));
    let blocks = read.edges(1).signs().iter().step_by(shape.sign_bytes());
    assert!(blocks.copied().eq([48, 96]));
    assert_eq!(read.neighbors(2).len(), 0);
    assert!(read.edges(2).signs().is_empty());
}

/// The list of each level lies behind those of the levels below, also where only the lower ones have codes.
#[test]
fn lists_of_upper_levels_do_not_overlap() {
    let inline =
        [(12, 70), (16, 384), (16, 784), (16, 1536)].map(|(m, dims)| inline(Metric::L2, dims, m));
    let compact = [(16, 128), (16, 384), (24, 1024), (48, 784), (16, 1536)]
        .map(|(m, dims)| Shape::compact(Metric::L2, dims, m));
    for shape in inline.into_iter().chain(compact) {
        let Shape { m, dims, .. } = shape;
        let levels = shape.max_level();
        let mut item = vec![0; shape.upper_size(levels)];
        let mut writer = UpperMut::new(&mut item, &shape).expect("an upper item");
        writer.fill(levels, ptr(1, 2, 3), &FACTORS, &vec![1; dims]);
        let neighbor = |level: u8, i: usize| ptr(u32::from(level), i as u16 + 1, 0);
        let places = 0..shape.degree(1);
        for level in (1..=levels).rev() {
            let list: Vec<ItemPtr> = places.clone().map(|i| neighbor(level, i)).collect();
            writer.set_neighbors(level, &list, |neighbor, signs| {
                signs.fill(neighbor.block as u8);
                Some(EdgeFactors {
                    offset: 1.0,
                    step: f32::from(neighbor.offset),
                })
            });
        }
        let read = Upper::read(&item, &shape).expect("an upper item");
        assert!(read.code().iter().all(|element| *element == 1));
        for level in 1..=levels {
            let list = places.clone().map(|i| neighbor(level, i));
            assert!(read.neighbors(level).eq(list), "{m} {dims} {level}");
            let edges = read.edges(level);
            let coded = if shape.has_codes(level) {
                shape.degree(1)
            } else {
                0
            };
            assert_eq!(edges.factors().len(), coded, "{m} {dims} {level}");
            assert_eq!(edges.signs().len(), coded * shape.sign_bytes());
            assert!(edges.signs().iter().all(|byte| *byte == level));
            assert!(
                edges
                    .factors()
                    .zip(1u8..)
                    .all(|(factors, i)| factors.step == f32::from(i))
            );
        }
    }
}

#[test]
fn tid_chunk() {
    let mut item = vec![0; CHUNK_SIZE];
    item[4..6].copy_from_slice(&6u16.to_le_bytes());
    let tids = [(0x0A0B_0C0D, 0x0E0F), (5, 6)].map(|(block, offset)| Tid { block, offset });
    write_chunk(&mut item, &tids, Some((400, 20)));
    assert_eq!(
        hex(&item),
        format!("{CHUNK:0<width$}", width = 2 * CHUNK_SIZE)
    );
    assert_eq!(CHUNK_SIZE, 400);

    let read = TidChunk::read(&item).expect("a TID chunk");
    assert_eq!(read.state(), SlotState::Live);
    assert_eq!(read.next(), Some((400, 20)));
    assert!(read.tids().eq(tids));
    free(&mut item);
    assert_eq!(item[..8], [0, 0, 0, 0, 7, 0, 0, 0]);
}

/// Sizes of items follow from dimensions and m; pages are filled by them.
#[test]
fn sizes() {
    let shape = |dims, m| Shape::compact(Metric::L2, dims, m);
    assert_eq!(shape(384, 16).node_size(), 56 + 384 + 32 * 8);
    assert_eq!(shape(383, 16).node_size(), 56 + 384 + 32 * 8);
    assert_eq!(shape(127, 16).upper_size(3), 48 + 128 + 3 * 16 * 8);
    assert_eq!(shape(384, 16).upper_size(3), 48 + 384 + 3 * 14 * (16 + 48));
    assert_eq!(shape(1536, 16).upper_size(3), 48 + 1536 + 3 * 16 * 8);
    assert_eq!(shape(384, 16).nodes_per_page(), 11);
    assert_eq!(Shape::max_dims(16), 7712);
    assert_eq!(shape(7712, 16).max_level(), 3);
    assert_eq!(shape(8, 2).max_level(), 15);
}

/// `m`, dimensions, then degree of level 0, bytes of a node and nodes a page of the inline form where there is one, and
/// whether `auto` takes it. Found by trying all degrees for the rule in the words of `Shape::inline`.
type InlineSize = (usize, usize, Option<(usize, usize, usize)>, bool);
#[rustfmt::skip]
const INLINE_SIZES: [InlineSize; 64] = [
    (2, 50, Some((4, 208, 38)), true),
    (2, 255, Some((4, 504, 16)), true),
    (2, 256, Some((4, 504, 16)), true),
    (2, 384, Some((4, 696, 11)), true),
    (2, 512, Some((4, 888, 9)), true),
    (2, 768, Some((4, 1272, 6)), true),
    (2, 784, Some((4, 1320, 6)), true),
    (2, 1024, Some((4, 1656, 4)), true),
    (2, 1536, Some((4, 2424, 3)), true),
    (2, 2000, Some((4, 3144, 2)), true),
    (2, 7000, None, false),
    (8, 50, Some((16, 496, 16)), true),
    (8, 255, Some((16, 1080, 7)), true),
    (8, 256, Some((16, 1080, 7)), true),
    (8, 384, Some((16, 1464, 5)), true),
    (8, 512, Some((16, 1848, 4)), true),
    (8, 768, Some((16, 2616, 3)), true),
    (8, 784, Some((16, 2760, 2)), true),
    (8, 1024, Some((16, 3384, 2)), true),
    (8, 1536, Some((16, 4920, 1)), true),
    (8, 2000, Some((16, 6408, 1)), true),
    (8, 7000, None, false),
    (14, 50, Some((26, 736, 11)), true),
    (14, 255, Some((27, 1608, 5)), true),
    (14, 256, Some((27, 1608, 5)), true),
    (14, 384, Some((24, 1976, 4)), true),
    (14, 512, Some((26, 2648, 3)), true),
    (14, 768, Some((28, 3960, 2)), true),
    (14, 784, Some((26, 3960, 2)), true),
    (14, 1024, Some((28, 5112, 1)), true),
    (14, 1536, Some((28, 7416, 1)), true),
    (14, 2000, Some((22, 8040, 1)), true),
    (14, 7000, None, false),
    (16, 50, Some((29, 808, 10)), true),
    (16, 255, Some((27, 1608, 5)), true),
    (16, 256, Some((27, 1608, 5)), true),
    (16, 384, Some((32, 2488, 3)), true),
    (16, 512, Some((26, 2648, 3)), true),
    (16, 768, Some((29, 4072, 2)), true),
    (16, 784, Some((26, 3960, 2)), true),
    (16, 1024, Some((32, 5688, 1)), true),
    (16, 1536, Some((31, 8040, 1)), true),
    (16, 2000, Some((22, 8040, 1)), false),
    (16, 7000, None, false),
    (48, 50, Some((80, 2032, 4)), true),
    (48, 255, Some((78, 4056, 2)), true),
    (48, 256, Some((78, 4056, 2)), true),
    (48, 384, Some((96, 6584, 1)), true),
    (48, 512, Some((94, 8088, 1)), true),
    (48, 768, Some((65, 8104, 1)), false),
    (48, 784, Some((60, 8040, 1)), false),
    (48, 1024, Some((49, 8136, 1)), false),
    (48, 1536, None, false),
    (48, 2000, None, false),
    (100, 50, Some((165, 4072, 2)), true),
    (100, 255, Some((163, 8136, 1)), true),
    (100, 256, Some((163, 8136, 1)), true),
    (100, 384, Some((120, 8120, 1)), false),
    (100, 512, None, false),
    (100, 768, None, false),
    (100, 784, None, false),
    (100, 1024, None, false),
    (100, 1536, None, false),
    (100, 2000, None, false),
];

/// `m`, dimensions, then neighbors a list of upper levels has, levels whose lists have codes, levels that fit, bytes of an
/// upper item of level 1 and of the highest level. Found by trying all degrees, and by adding one level after the other.
#[rustfmt::skip]
const INLINE_UPPER_SIZES: [(usize, usize, usize, usize, u8, usize, usize); 15] = [
    (2, 70, 2, 0, 15, 136, 360),
    (8, 384, 8, 0, 15, 496, 1392),
    (12, 70, 12, 15, 15, 504, 5880),
    (14, 384, 14, 8, 12, 1328, 8048),
    (16, 70, 15, 15, 15, 600, 7320),
    (16, 256, 14, 11, 15, 976, 8144),
    (16, 384, 14, 8, 12, 1328, 8048),
    (16, 512, 13, 7, 9, 1600, 8048),
    (16, 768, 16, 4, 5, 2608, 8112),
    (16, 784, 15, 4, 4, 2632, 8032),
    (16, 1024, 16, 3, 4, 3376, 8112),
    (16, 1536, 16, 0, 15, 1712, 3504),
    (48, 384, 48, 2, 6, 3504, 8112),
    (48, 512, 43, 2, 4, 4000, 8128),
    (100, 256, 100, 1, 4, 5104, 7504),
];

/// Degree and codes of upper levels are part of the format: codes on as many levels as leave room for four, if upper
/// items take no more than a twentieth of the space of the nodes.
#[test]
fn inline_upper_sizes() {
    for (m, dims, degree, coded, levels, lowest, highest) in INLINE_UPPER_SIZES {
        let shape = inline(Metric::L2, dims, m);
        assert_eq!(shape.degree(1), degree, "{m} {dims}");
        let is_coded = |level: &u8| shape.has_codes(*level);
        assert_eq!((1..=15).filter(is_coded).count(), coded, "{m} {dims}");
        assert_eq!(shape.max_level(), levels, "{m} {dims}");
        assert_eq!(shape.upper_size(1), lowest, "{m} {dims}");
        assert_eq!(shape.upper_size(levels), highest, "{m} {dims}");
        let compact = Shape::compact_without_codes(Metric::L2, dims, m);
        assert!(!compact.has_any_codes() && compact.degree(1) == m);
    }
}

/// The same of compact indexes with codes on upper levels, and the bytes of a node. Found as those above.
type CompactUpperSize = (usize, usize, usize, usize, u8, usize, usize, usize);
#[rustfmt::skip]
const COMPACT_UPPER_SIZES: [CompactUpperSize; 13] = [
    (12, 128, 12, 15, 15, 560, 5936, 376),
    (12, 384, 12, 10, 10, 1200, 8112, 632),
    (16, 128, 15, 15, 15, 656, 7376, 440),
    (16, 200, 15, 10, 15, 968, 8048, 512),
    (16, 384, 14, 8, 12, 1328, 8048, 696),
    (16, 512, 13, 7, 9, 1600, 8048, 824),
    (16, 768, 16, 4, 5, 2608, 8112, 1080),
    (16, 784, 15, 4, 4, 2632, 8032, 1096),
    (24, 384, 24, 5, 5, 1968, 8112, 824),
    (24, 1024, 20, 2, 10, 3952, 8112, 1464),
    (48, 384, 48, 2, 6, 3504, 8112, 1208),
    (48, 784, 48, 1, 5, 6592, 8128, 1608),
    (100, 256, 100, 1, 4, 5104, 7504, 1912),
];

/// `m` and dimensions of compact indexes without such codes: too few dimensions, too much space, no room.
const PLAIN_COMPACT: [(usize, usize); 10] = [
    (2, 384),
    (8, 384),
    (12, 127),
    (12, 768),
    (16, 50),
    (16, 1000),
    (16, 1536),
    (24, 2000),
    (48, 1000),
    (100, 384),
];

/// Compact indexes are made with codes on upper levels from 128 dimensions on, if upper items take no more than a sixth of
/// the space of the nodes; whatever they are made with is part of the format.
#[test]
fn compact_upper_sizes() {
    for (m, dims, degree, coded, levels, lowest, highest, node) in COMPACT_UPPER_SIZES {
        for of in [IndexedType::Vector, IndexedType::Halfvec] {
            let shape = Shape::compact(Metric::L2, dims, m).of(of);
            assert_eq!(shape.degree(1), degree, "{m} {dims}");
            let is_coded = |level: &u8| shape.has_codes(*level);
            assert_eq!((1..=15).filter(is_coded).count(), coded, "{m} {dims}");
            assert_eq!(shape.max_level(), levels, "{m} {dims}");
            assert_eq!(shape.upper_size(1), lowest, "{m} {dims}");
            assert_eq!(shape.upper_size(levels), highest, "{m} {dims}");
            assert_eq!(shape.node_size(), node, "{m} {dims}");
            assert!(!shape.has_codes(0) && shape.degree(0) == 2 * m);
        }
        let l1 = Shape::compact(Metric::L1, dims, m);
        assert_eq!(l1, Shape::compact_without_codes(Metric::L1, dims, m));
        let sparse = Shape::compact(Metric::L2, dims, m).of(IndexedType::Sparsevec);
        assert!(!sparse.has_any_codes());
    }
    for (m, dims) in PLAIN_COMPACT {
        let plain = Shape::compact_without_codes(Metric::L2, dims, m);
        assert_eq!(Shape::compact(Metric::L2, dims, m), plain, "{m} {dims}");
    }
}

/// The degrees of the inline form are part of the format: an index is rebuilt with the one it had.
#[test]
fn inline_sizes() {
    for (m, dims, expected, is_auto) in INLINE_SIZES {
        for metric in [Metric::L2, Metric::InnerProduct, Metric::Cosine] {
            let shape = Shape::inline(metric, dims, m);
            let sizes =
                shape.map(|shape| (shape.base_degree, shape.node_size(), shape.nodes_per_page()));
            assert_eq!(sizes, expected, "{dims} dimensions, m {m}");
            let auto = Shape::auto(metric, dims, m);
            let compact = Shape::compact(metric, dims, m);
            let chosen = shape.filter(|_| is_auto).unwrap_or(compact);
            assert_eq!(auto, chosen, "{dims} dimensions, m {m}");
        }
        let l1 = Shape::auto(Metric::L1, dims, m);
        assert_eq!(l1, Shape::compact(Metric::L1, dims, m));
        assert_eq!(Shape::inline(Metric::L1, dims, m), None);
    }
}

/// Whatever the dimensions and `m`, an inline node fits a page, no item of another kind has its size, and its meta page
/// is read back.
#[test]
fn inline_nodes_fit_a_page() {
    let mut forms = 0;
    for m in [2, 3, 5, 8, 16, 24, 48, 64, 100] {
        for dims in 1..=Shape::max_dims(m) {
            let Some(shape) = Shape::inline(Metric::L2, dims, m) else {
                continue;
            };
            forms += 1;
            assert!((m..=2 * m).contains(&shape.base_degree), "{dims} {m}");
            assert!(shape.nodes_per_page() >= 1, "{dims} {m}");
            let size = shape.node_size();
            let used =
                56 + dims.next_multiple_of(8) + shape.base_degree * (16 + shape.sign_bytes());
            assert!(size >= used && size.is_multiple_of(8), "{dims} {m}");
            assert!(size != CHUNK_SIZE, "{dims} {m}");
            let mut uppers = (1..=shape.max_level()).map(|level| shape.upper_size(level));
            assert!(uppers.all(|upper| upper != size), "{dims} {m}");
            let meta = Meta::new(shape, 64);
            let mut bytes = [0; META_SIZE];
            meta.write(&mut bytes);
            assert_eq!(Meta::read(&bytes), Ok(meta), "{dims} {m}");
        }
    }
    assert!(forms > 5000);
}

/// The same of compact indexes.
#[test]
fn compact_nodes_fit_a_page() {
    let mut coded = 0;
    for m in [2, 3, 5, 8, 16, 24, 48, 64, 100] {
        for dims in 1..=Shape::max_dims(m) {
            let shape = Shape::compact(Metric::L2, dims, m);
            let size = shape.node_size();
            assert!((1..=MAX_ITEM_SIZE).contains(&size), "{dims} {m}");
            assert!(
                shape.upper_size(shape.max_level()) <= MAX_ITEM_SIZE,
                "{dims} {m}"
            );
            assert!(shape.max_level() >= 3, "{dims} {m}");
            if shape.has_codes(1) {
                coded += 1;
                let mut uppers = (1..=shape.max_level()).map(|level| shape.upper_size(level));
                assert!(
                    size != CHUNK_SIZE && uppers.all(|upper| upper != size),
                    "{dims} {m}"
                );
            }
            let meta = Meta::new(shape, 64);
            let mut bytes = [0; META_SIZE];
            meta.write(&mut bytes);
            assert_eq!(Meta::read(&bytes), Ok(meta), "{dims} {m}");
        }
    }
    assert!(coded > 2000);
}

/// A search that has seen a stale pointer still visits the node that has the slot now, for the largest page too.
#[test]
fn visit_keys_tell_generations_apart() {
    let keys: std::collections::HashSet<u64> = [1, 2, 2047]
        .into_iter()
        .flat_map(|offset| (0..16).map(move |generation| ptr(u32::MAX, offset, generation)))
        .map(ItemPtr::visit_key)
        .collect();
    assert_eq!(keys.len(), 3 * 16);
    assert!(keys.iter().all(|key| key >> 48 == 0));
    assert_ne!(ptr(1, 1, 0).visit_key(), ptr(2, 1, 0).visit_key());
}
