//! Step 6 of a deep verify, for indexes with codes of neighbors: whether what nodes and upper items keep of these is what
//! the two ends give.
//!
//! Node and code of a slot do not change while its generation lasts, so nothing that happens beside can make a
//! right edge look wrong: an edge to a slot reused meanwhile is left out.

use super::nodes::is_of_kind;
use super::{Context, Report, Severity, place};
use crate::hnsw::codes::{CodeParams, EdgeFactors, Factors};
use crate::hnsw::layout::{ItemPtr, META_BLOCK, Node, PageKind, SlotState, Upper};
use crate::pg::buffer::{Shared, Strategy};
use crate::pg::interrupt;

/// One list with codes, and what its owner says of itself.
struct CodedList {
    owner: ItemPtr,
    code: Vec<i8>,
    factors: Factors,
    neighbors: Vec<(ItemPtr, EdgeFactors)>,
    signs: Vec<u8>,
}

/// Compares every edge of the lists that have codes with its ends.
pub(super) fn check(context: &Context<'_>, params: &CodeParams, report: &mut Report) {
    let strategy = Strategy::bulk_read();
    let mut signs = vec![0; context.meta.shape.sign_bytes()];
    let mut block = META_BLOCK + 1;
    while block < context.index.block_count() {
        let (kind, lists) = lists_on(context, block, strategy);
        for list in lists {
            interrupt::check();
            let stored = list.signs.chunks_exact(signs.len());
            for ((neighbor, factors), stored) in list.neighbors.iter().zip(stored) {
                let owner = (list.code.as_slice(), &list.factors);
                let expected = encode(context, params, owner, kind, *neighbor, &mut signs);
                let Some(expected) = expected else { continue };
                // Bits: any pattern may stand on a damaged page.
                let bits = |f: &EdgeFactors| (f.offset.to_bits(), f.step.to_bits());
                if stored != signs || bits(factors) != bits(&expected) {
                    report.item(
                        Severity::Error,
                        list.owner,
                        "code of a neighbor differs from the neighbor",
                        format!("It is that of {}.", place(*neighbor)),
                    );
                }
            }
        }
        block += 1;
    }
}

/// Copies of the lists with codes on a block, whose kind is returned: none if it holds neither nodes nor upper items.
fn lists_on(context: &Context<'_>, block: u32, strategy: Strategy) -> (PageKind, Vec<CodedList>) {
    let shape = &context.meta.shape;
    let shared = Shared::read_with_strategy(context.index, block, strategy);
    let page = shared.page();
    let items = (1..=page.item_count()).filter_map(|offset| Some((offset, page.item(offset)?)));
    let mut lists = Vec::new();
    let ptr = |offset, generation| ItemPtr {
        block,
        offset,
        generation,
    };
    // What cannot be read was reported by step 1.
    if shape.has_codes(0) && is_of_kind(page, PageKind::Node) {
        for (offset, item) in items {
            let node = Node::read(item, shape).filter(|node| node.state() != SlotState::Free);
            lists.extend(node.map(|node| CodedList {
                owner: ptr(offset, node.generation()),
                code: node.code().to_vec(),
                factors: node.factors(),
                neighbors: node.neighbors().zip(node.edges().factors()).collect(),
                signs: node.edges().signs().to_vec(),
            }));
        }
        return (PageKind::Node, lists);
    }
    if is_of_kind(page, PageKind::Upper) {
        for (offset, item) in items {
            let upper = Upper::read(item, shape).filter(|upper| upper.state() != SlotState::Free);
            let Some(upper) = upper else { continue };
            for level in (1..=upper.level()).filter(|level| shape.has_codes(*level)) {
                let edges = upper.edges(level);
                lists.push(CodedList {
                    owner: ptr(offset, upper.generation()),
                    code: upper.code().to_vec(),
                    factors: upper.factors(),
                    neighbors: upper.neighbors(level).zip(edges.factors()).collect(),
                    signs: edges.signs().to_vec(),
                });
            }
        }
    }
    (PageKind::Upper, lists)
}

/// What an edge to `neighbor` has to hold; `None` if it is gone, or cannot be read, which was reported before.
fn encode(
    context: &Context<'_>,
    params: &CodeParams,
    owner: (&[i8], &Factors),
    kind: PageKind,
    neighbor: ItemPtr,
    signs: &mut [u8],
) -> Option<EdgeFactors> {
    if neighbor.block >= context.index.block_count() {
        return None;
    }
    let shape = &context.meta.shape;
    let shared = Shared::read(context.index, neighbor.block);
    let page = shared.page();
    let item = is_of_kind(page, kind).then(|| page.item(neighbor.offset))??;
    if kind == PageKind::Node {
        let node = Node::read(item, shape)?;
        let is_there = node.is_current(neighbor.generation);
        return is_there.then(|| params.encode_edge(owner, (node.code(), &node.factors()), signs));
    }
    let upper = Upper::read(item, shape)?;
    let is_there = upper.is_current(neighbor.generation);
    is_there.then(|| params.encode_edge(owner, (upper.code(), &upper.factors()), signs))
}
