//! Step 6 of a deep verify, for inline indexes: whether the codes that nodes keep of their neighbors are what their
//! two ends give.
//!
//! Node and code of a slot do not change while its generation lasts, so nothing that happens beside can make a
//! right edge look wrong: an edge to a slot reused meanwhile is left out.

use super::nodes::is_of_kind;
use super::{Context, Report, Severity, place};
use crate::hnsw::codes::{CodeParams, EdgeFactors, Factors};
use crate::hnsw::layout::{ItemPtr, META_BLOCK, Node, PageKind, SlotState};
use crate::pg::buffer::{Shared, Strategy};
use crate::pg::interrupt;

/// What a node says of itself and its neighbors.
struct Owner {
    ptr: ItemPtr,
    code: Vec<i8>,
    factors: Factors,
    neighbors: Vec<(ItemPtr, EdgeFactors)>,
    signs: Vec<u8>,
}

impl Owner {
    fn copy(ptr: ItemPtr, node: Node<'_>) -> Self {
        let edges = node.edges();
        Self {
            ptr,
            code: node.code().to_vec(),
            factors: node.factors(),
            neighbors: node.neighbors().zip(edges.factors()).collect(),
            signs: edges.signs().to_vec(),
        }
    }
}

/// Compares every edge of level 0 with its ends.
pub(super) fn check(context: &Context<'_>, params: &CodeParams, report: &mut Report) {
    let strategy = Strategy::bulk_read();
    let mut signs = vec![0; context.meta.shape.sign_bytes()];
    let mut block = META_BLOCK + 1;
    while block < context.index.block_count() {
        for owner in owners_on(context, block, strategy) {
            interrupt::check();
            let stored = owner.signs.chunks_exact(signs.len());
            for ((neighbor, factors), stored) in owner.neighbors.iter().zip(stored) {
                let ends = (owner.code.as_slice(), &owner.factors);
                let Some(expected) = encode(context, params, ends, *neighbor, &mut signs) else {
                    continue;
                };
                // Bits: any pattern may stand on a damaged page.
                let bits = |f: &EdgeFactors| (f.offset.to_bits(), f.step.to_bits());
                if stored != signs || bits(factors) != bits(&expected) {
                    report.item(
                        Severity::Error,
                        owner.ptr,
                        "code of a neighbor differs from the neighbor",
                        format!("It is that of {}.", place(*neighbor)),
                    );
                }
            }
        }
        block += 1;
    }
}

/// Copies of the nodes in use on a block; none if it is no node page.
fn owners_on(context: &Context<'_>, block: u32, strategy: Strategy) -> Vec<Owner> {
    let shared = Shared::read_with_strategy(context.index, block, strategy);
    let page = shared.page();
    let mut owners = Vec::new();
    if is_of_kind(page, PageKind::Node) {
        for offset in 1..=page.item_count() {
            let item = page.item(offset);
            let Some(node) = item.and_then(|item| Node::read(item, &context.meta.shape)) else {
                continue; // reported by step 1
            };
            if node.state() != SlotState::Free {
                let generation = node.generation();
                let ptr = ItemPtr {
                    block,
                    offset,
                    generation,
                };
                owners.push(Owner::copy(ptr, node));
            }
        }
    }
    owners
}

/// What an edge to `neighbor` has to hold; `None` if it is gone, or cannot be read, which was reported before.
fn encode(
    context: &Context<'_>,
    params: &CodeParams,
    owner: (&[i8], &Factors),
    neighbor: ItemPtr,
    signs: &mut [u8],
) -> Option<EdgeFactors> {
    if neighbor.block >= context.index.block_count() {
        return None;
    }
    let shared = Shared::read(context.index, neighbor.block);
    let page = shared.page();
    let item = is_of_kind(page, PageKind::Node).then(|| page.item(neighbor.offset))??;
    let node = Node::read(item, &context.meta.shape)?;
    let is_there = node.is_current(neighbor.generation);
    is_there.then(|| params.encode_edge(owner, (node.code(), &node.factors()), signs))
}
