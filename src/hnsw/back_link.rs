//! Changes of neighbor lists on pages: back-links of an insert, and the lists that vacuum repairs.
//!
//! A new list is computed without a lock and written under the owner's exclusive lock only if the list has not
//! changed meanwhile (generation and list version); the last try decides under the lock, so that an update is
//! never lost. One content lock at a time.

use super::code_cache::{CachedCode, CodeCache};
use super::codes::CodeParams;
use super::disk_graph::{DiskGraph, corrupt_item, expect_kind};
use super::eviction::make_room;
use super::layout::{ItemPtr, Node, NodeMut, PageKind, Shape, SlotState, Upper, UpperMut};
use super::select::{Standing, select_neighbors};
use crate::error::{Error, Result};
use crate::pg::buffer::Exclusive;
use crate::pg::relation::Relation;
use crate::pg::wal::Change;

/// Tries before a list is decided under its lock.
const TRIES: usize = 3;

/// A list as it was read.
struct OwnerList {
    version: u16,
    neighbors: Vec<ItemPtr>,
}

/// Reads the list of `owner` on `level` and puts the owner's code into `cache`; `None` if it is gone or a tombstone.
fn read_list(
    graph: &mut DiskGraph<'_>,
    cache: &mut CodeCache,
    owner: ItemPtr,
    level: u8,
) -> Result<Option<OwnerList>> {
    if level == 0 {
        let read = graph.with_node(owner, |node| {
            (node.state() == SlotState::Live).then(|| {
                cache.add(owner, node.code(), node.factors());
                OwnerList {
                    version: node.list_version(),
                    neighbors: node.neighbors().collect(),
                }
            })
        })?;
        Ok(read.flatten())
    } else {
        graph.with_upper(owner, |upper| {
            cache.add(owner, upper.code(), upper.factors());
            OwnerList {
                version: upper.list_version(),
                neighbors: upper.neighbors(level).collect(),
            }
        })
    }
}

/// Where the codes come from that an inline list keeps of its members.
#[derive(Clone, Copy)]
pub struct Codes<'a> {
    /// Parameters of the index.
    pub params: &'a CodeParams,
    /// Codes read before.
    pub cache: &'a CodeCache,
}

/// What to do with a list once its page is locked, given the list as it is now and its version.
type Decide<'a> = dyn FnMut(u16, &[ItemPtr]) -> Option<Vec<ItemPtr>> + 'a;

/// Locks the owner's page and replaces its list on `level` by what `decide` returns; `None` leaves it alone.
/// Returns whether the list was replaced; `false` too if the owner is gone or a tombstone. `codes` has those of the
/// owner and of new neighbors.
fn replace_list(
    index: Relation,
    shape: &Shape,
    codes: Codes<'_>,
    owner: ItemPtr,
    level: u8,
    decide: &mut Decide<'_>,
) -> Result<bool> {
    let kind = if level == 0 {
        PageKind::Node
    } else {
        PageKind::Upper
    };
    let buffer = Exclusive::read(index, owner.block);
    expect_kind(index, owner.block, buffer.page(), kind)?;
    let corrupt = || corrupt_item(index, owner.block, owner.offset, "item");
    let item = buffer.page().item(owner.offset).ok_or_else(corrupt)?;
    let list = if level == 0 {
        let node = Node::read(item, shape).ok_or_else(corrupt)?;
        if !node.is_current(owner.generation) || node.state() != SlotState::Live {
            return Ok(false);
        }
        decide(node.list_version(), &node.neighbors().collect::<Vec<_>>())
    } else {
        let upper = Upper::read(item, shape).ok_or_else(corrupt)?;
        if !upper.is_current(owner.generation) || level > upper.level() {
            return Ok(false);
        }
        decide(
            upper.list_version(),
            &upper.neighbors(level).collect::<Vec<_>>(),
        )
    };
    let Some(list) = list else { return Ok(false) };
    let change = Change::begin(index);
    {
        let mut page = change.register(&buffer);
        let item = page.item_mut(owner.offset).ok_or_else(corrupt)?;
        let Codes { params, cache } = codes;
        let encode = |neighbor, signs: &mut [u8]| {
            cache.encode_edge(params, cache.code_of(owner)?, neighbor, signs)
        };
        if level == 0 {
            NodeMut::new(item, shape)
                .ok_or_else(corrupt)?
                .set_neighbors(&list, encode);
        } else {
            UpperMut::new(item, shape)
                .ok_or_else(corrupt)?
                .set_neighbors(level, &list, encode);
        }
    }
    change.commit();
    Ok(true)
}

/// Replaces the whole list of a node on level 0.
pub fn set_own_list(
    index: Relation,
    shape: &Shape,
    codes: Codes<'_>,
    node: ItemPtr,
    list: &[ItemPtr],
) -> Result<()> {
    replace_list(index, shape, codes, node, 0, &mut |_, _| {
        Some(list.to_vec())
    })
    .map(|_| ())
}

/// Replaces a list if its version is still `version`; returns whether it did.
pub fn replace_if_unchanged(
    index: Relation,
    shape: &Shape,
    codes: Codes<'_>,
    owner: ItemPtr,
    level: u8,
    version: u16,
    list: &[ItemPtr],
) -> Result<bool> {
    replace_list(index, shape, codes, owner, level, &mut |now, _| {
        (now == version).then(|| list.to_vec())
    })
}

/// Puts `orphan` into the list of `new`, in place of `owner` if it is full. No way is lost: every way to `new` leads
/// over `owner`, because a link is forced only when `new` has no other.
fn adopt(
    index: Relation,
    shape: &Shape,
    codes: Codes<'_>,
    new: ItemPtr,
    owner: ItemPtr,
    orphan: ItemPtr,
) -> Result<()> {
    let degree = shape.degree(0);
    replace_list(index, shape, codes, new, 0, &mut |_, now| {
        if now.contains(&orphan) {
            return None;
        }
        let mut list = now.to_vec();
        if list.len() >= degree {
            let place = list.iter().position(|neighbor| *neighbor == owner);
            list.remove(place.unwrap_or(list.len() - 1));
        }
        list.push(orphan);
        Some(list)
    })?;
    Ok(())
}

/// Adds `new` to the list of `owner` on `level`: into a free place, or if the heuristic prefers it to one of the
/// present neighbors that can leave (`eviction.rs`), or in any case if `is_forced`, which is for level 0. Returns
/// whether `new` is in the list now; `false` also if the owner is gone.
#[allow(clippy::too_many_arguments)] // index, shape and params travel together through all of insert
pub fn add_back_link(
    index: Relation,
    shape: &Shape,
    params: &CodeParams,
    graph: &mut DiskGraph<'_>,
    cache: &mut CodeCache,
    owner: ItemPtr,
    new: ItemPtr,
    level: u8,
    is_forced: bool,
) -> Result<bool> {
    let degree = shape.degree(level);
    for _ in 0..TRIES {
        let Some(read) = read_list(graph, cache, owner, level)? else {
            return Ok(false);
        };
        if read.neighbors.contains(&new) {
            return Ok(true);
        }
        let mut list = read.neighbors;
        list.push(new);
        if shape.has_codes(level) {
            cache.load(graph, level, [new])?;
        }
        if list.len() > degree {
            let best = choose(params, graph, cache, owner, level, list.clone(), degree)?;
            let room = make_room(
                params, graph, cache, level, &list, best, new, degree, is_forced,
            )?;
            let Some(room) = room else { return Ok(false) };
            if let Some(orphan) = room.orphan {
                let codes = Codes { params, cache };
                adopt(index, shape, codes, new, owner, orphan)?;
            }
            list = room.list;
        }
        let codes = Codes { params, cache };
        if replace_if_unchanged(index, shape, codes, owner, level, read.version, &list)? {
            return Ok(true);
        }
    }
    // The list changes faster than it can be computed: decide under the lock, without other pages.
    let mut orphan = None;
    let mut is_present = false;
    let codes = Codes { params, cache };
    let is_replaced = replace_list(index, shape, codes, owner, level, &mut |_, now| {
        is_present = now.contains(&new);
        if is_present || (now.len() >= degree && !is_forced) {
            return None;
        }
        let mut list = now.to_vec();
        orphan = (list.len() >= degree).then(|| list.pop()).flatten();
        list.push(new);
        Some(list)
    })?;
    if let Some(orphan) = orphan {
        adopt(index, shape, codes, new, owner, orphan)?;
    }
    Ok(is_replaced || is_present)
}

/// The best `degree` of `neighbors` for `owner` by the heuristic, nearest first; those that are gone are left out.
/// Reads the codes it lacks.
pub fn choose(
    params: &CodeParams,
    graph: &mut DiskGraph<'_>,
    cache: &mut CodeCache,
    owner: ItemPtr,
    level: u8,
    neighbors: Vec<ItemPtr>,
    degree: usize,
) -> Result<Vec<ItemPtr>> {
    cache.load(graph, level, neighbors.iter().copied())?;
    let Some(own) = cache.find(owner) else {
        return Ok(neighbors.into_iter().take(degree).collect());
    };
    let mut sorted: Vec<(f32, CachedCode)> = neighbors
        .into_iter()
        .filter_map(|neighbor| cache.find(neighbor))
        .map(|neighbor| (cache.key(params, own, neighbor), neighbor))
        .collect();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut chosen = Vec::new();
    select_neighbors(
        sorted,
        degree,
        |a, b| Ok::<f32, Error>(cache.key(params, a, b)),
        |_| Standing::Ordinary,
        &mut chosen,
    )?;
    Ok(chosen.iter().map(|link| cache.node(link.id)).collect())
}
