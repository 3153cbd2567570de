//! Inserts one row: algorithm 1 of the HNSW paper on pages, in steps that are each safe to crash after.
//!
//! a. search and b. choose neighbors (share locks, one page at a time), c. write the complete node (node page, then
//! upper page), d. add back-links (one page at a time, `back_link.rs`), e. raise the entry point (meta). The node
//! is complete before any back-link exists: a crash in between leaves it unreachable, never wrong. A row whose
//! vector is in the index already joins that node instead (`duplicate.rs`).

use super::back_link::{Codes, add_back_link, set_own_list};
use super::code_cache::CodeCache;
use super::codes::{CodeParams, Query};
use super::disk_graph::{DiskGraph, decode_meta, read_mean, read_meta};
use super::duplicate::join_equal_node;
use super::graph::{Candidate, GraphStore};
use super::kept::{keep_hints, take_hints};
use super::layout::{ItemPtr, META_BLOCK, Meta, Shape};
use super::new_node::{NewNode, NewVector};
use super::options::Options;
use super::placement::write_meta_in;
use super::search::{Bounds, LayerSearch, descend};
use super::select::{Standing, select_neighbors};
use super::vector_hash::value_hash;
use crate::error::{Error, Result, SqlState};
use crate::pg::buffer::{BufferHints, Exclusive};
use crate::pg::failpoint;
use crate::pg::interrupt;
use crate::pg::relation::{Relation, Tid};
use crate::pg::wal::Change;
use crate::types::indexed::IndexedValue;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A value that belongs into an index: of its type and dimensions, and not of norm zero where that cannot be indexed.
#[derive(Debug, Clone, Copy)]
pub struct IndexedVector<'a> {
    value: IndexedValue<'a>,
}

impl<'a> IndexedVector<'a> {
    /// Checks a value of the shape's type; `None` if it is not indexed (norm zero in a cosine index).
    /// # Errors
    /// 22000 if it has other dimensions than the index, 54000 if it has more elements than fit.
    pub fn new(shape: &Shape, value: IndexedValue<'a>) -> Result<Option<Self>> {
        if value.dims() != shape.dims {
            return Err(shape.of.different_dimensions(shape.dims, value.dims()));
        }
        if let IndexedValue::Sparse(vector) = value {
            let (given, most) = (vector.values().len(), Shape::max_non_zeros(shape.m));
            if given > most {
                return Err(too_many_non_zeros(given, most, shape.m));
            }
        }
        Ok(value.is_indexed_by(shape.metric).then_some(Self { value }))
    }

    /// The value.
    pub fn value(&self) -> IndexedValue<'a> {
        self.value
    }

    /// Hash of the value.
    pub fn hash(&self) -> u64 {
        value_hash(self.value)
    }
}

/// 54000: a node of so many elements would not fit a page.
fn too_many_non_zeros(given: usize, most: usize, m: usize) -> Error {
    Error::new(
        SqlState::ProgramLimitExceeded,
        format!("sparsevec cannot have more than {most} non-zero elements for hnsw index"),
    )
    .with_detail(format!("The value has {given} of them, m is {m}."))
    .with_hint("Leave out the smallest elements, or make the index partial, without such rows.")
}

/// Inserts rows into one index; what it keeps makes the second row of a statement cheaper than the first.
pub struct Inserter {
    index: Relation,
    shape: Shape,
    params: CodeParams,
    ef_construction: usize,
    hints: Option<BufferHints>,
    search: LayerSearch<ItemPtr>,
    random: u64,
}

/// Expansions, in units of `ef_construction`, after which the search for a new node's neighbors ends in an inline index:
/// twice what it takes at 384 dimensions.
const EXPANSIONS: usize = 3;

/// Neighbors chosen for each level of a new node, from level 0 up.
type Lists = Vec<Vec<ItemPtr>>;

/// Where the estimates of few dimensions leave nearly every node in question, a search for neighbors ends anyway.
fn search_bounds(shape: &Shape, level: u8, ef_construction: usize) -> Bounds {
    if !shape.has_codes(level) {
        return Bounds::NONE;
    }
    Bounds {
        max_visited: EXPANSIONS * ef_construction,
        ..Bounds::NONE
    }
}

impl Inserter {
    /// Prepares inserts into an index.
    /// # Errors
    /// XX002 for a damaged index.
    pub fn open(index: Relation) -> Result<Self> {
        let meta = read_meta(index)?;
        let mean = read_mean(index, &meta)?;
        Ok(Self {
            index,
            shape: meta.shape,
            params: meta.shape.code_params(mean),
            ef_construction: Options::of(index).ef_construction,
            hints: Some(take_hints(index)),
            search: LayerSearch::default(),
            random: RandomState::new().build_hasher().finish(),
        })
    }

    /// Shape of the index.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Inserts a row.
    /// # Errors
    /// XX002 for a damaged index.
    pub fn insert(&mut self, tid: Tid, vector: &IndexedVector<'_>) -> Result<()> {
        let mut code = Vec::new();
        let factors = self.params.encode_value(vector.value(), &mut code);
        let new = NewVector {
            hash: vector.hash(),
            factors,
            code,
        };
        let query = Query::from_code(&self.params, &new.code, &new.factors);
        let level = self.draw_level();
        loop {
            interrupt::check();
            let meta = read_meta(self.index)?;
            if !meta.entry.is_some() {
                let lists = vec![Vec::new(); usize::from(level) + 1];
                let node = NewNode {
                    tid,
                    vector: &new,
                    lists: &lists,
                    codes: Codes {
                        params: &self.params,
                        cache: &CodeCache::default(),
                    },
                };
                if node.write_as_entry(self.index, &self.shape)? {
                    return Ok(());
                }
                continue;
            }
            let mut cache = CodeCache::default();
            let lists = self.choose_neighbors(&meta, &query, level, &mut cache)?;
            failpoint::hit("insert_search");
            if self.join_equal(tid, &new, &cache)? {
                return Ok(());
            }
            let (node, upper) = NewNode {
                tid,
                vector: &new,
                lists: &lists,
                codes: Codes {
                    params: &self.params,
                    cache: &cache,
                },
            }
            .write(self.index, &self.shape)?;
            failpoint::hit("insert_node");
            self.link(&meta, &query, node, upper, level, lists, cache)?;
            return Ok(());
        }
    }

    /// Level of a new node: exponentially distributed with mean 1 / ln(m), as in the paper.
    fn draw_level(&mut self) -> u8 {
        // splitmix64
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.random;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let uniform = ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64;
        let level = -(1.0 - uniform).ln() / (self.shape.m as f64).ln();
        (level as u8).min(self.shape.max_level())
    }

    /// Steps a and b: the neighbors for each level of a new node. Levels above the entry's have none.
    fn choose_neighbors(
        &mut self,
        meta: &Meta,
        query: &Query,
        level: u8,
        cache: &mut CodeCache,
    ) -> Result<Lists> {
        let mut lists = vec![Vec::new(); usize::from(level) + 1];
        let Some(hints) = self.hints.as_mut() else {
            return Ok(lists);
        };
        let mut graph = DiskGraph::new(self.index, &self.shape, query, hints);
        let top = level.min(meta.entry_level);
        let Some(mut entry) = descend(
            &mut graph,
            &mut self.search,
            meta.entry,
            meta.entry_level,
            top,
        )?
        else {
            return Ok(lists);
        };
        let mut found: Vec<Candidate<ItemPtr>> = Vec::new();
        'levels: for at in (0..=top).rev() {
            self.search.reset(false);
            self.search.seed(&mut graph, at, &[entry])?;
            let bounds = search_bounds(&self.shape, at, self.ef_construction);
            self.search
                .run(&mut graph, at, self.ef_construction, bounds)?;
            found.clear();
            self.search.take_best(&mut found);
            found.sort_unstable_by(|a, b| a.key.total_cmp(&b.key));
            cache.load(&mut graph, at, found.iter().map(|candidate| candidate.node))?;
            let mut chosen = Vec::new();
            let params = &self.params;
            select_neighbors(
                found
                    .iter()
                    .filter_map(|c| Some((c.key, cache.find(c.node)?))),
                self.shape.degree(at),
                |a, b| Ok::<f32, Error>(cache.key(params, a, b)),
                |_| Standing::Ordinary,
                &mut chosen,
            )?;
            lists[usize::from(at)] = chosen.iter().map(|link| cache.node(link.id)).collect();
            for nearest in &found {
                let next = if at == 1 {
                    graph.ground(nearest.node)?
                } else {
                    Some(nearest.node)
                };
                if let Some(next) = next {
                    entry = next;
                    continue 'levels;
                }
            }
            return Ok(lists);
        }
        Ok(lists)
    }

    /// Adds the row to a node with an equal vector among those found, if there is one.
    fn join_equal(&mut self, tid: Tid, new: &NewVector, cache: &CodeCache) -> Result<bool> {
        for node in cache.with_hash(new.hash) {
            if join_equal_node(self.index, &self.shape, node, tid, new)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Steps d and e: back-links on every level, until the node has at least one on level 0, then the entry point.
    #[allow(clippy::too_many_arguments)] // what steps a to c have found and made
    fn link(
        &mut self,
        meta: &Meta,
        query: &Query,
        node: ItemPtr,
        upper: ItemPtr,
        level: u8,
        mut lists: Lists,
        mut cache: CodeCache,
    ) -> Result<()> {
        loop {
            interrupt::check();
            let Some(hints) = self.hints.as_mut() else {
                return Ok(());
            };
            let mut graph = DiskGraph::new(self.index, &self.shape, query, hints);
            let mut has_in_edge = false;
            for at in 0..=level {
                let own = if at == 0 { node } else { upper };
                let list = &lists[usize::from(at)];
                for (i, owner) in list.iter().enumerate() {
                    interrupt::check();
                    // The last chance for an in-edge is forced: a committed row always has one.
                    let is_forced = at == 0 && !has_in_edge && i + 1 == list.len();
                    let linked = add_back_link(
                        self.index,
                        &self.shape,
                        &self.params,
                        &mut graph,
                        &mut cache,
                        *owner,
                        own,
                        at,
                        is_forced,
                    )?;
                    has_in_edge |= linked && at == 0;
                    failpoint::hit("insert_back_link");
                }
            }
            if has_in_edge {
                break;
            }
            // Every neighbor was removed by vacuum meanwhile: search again, or become the entry of an empty index.
            let meta = read_meta(self.index)?;
            if meta.entry == node || meta.entry == upper {
                return Ok(());
            }
            if !meta.entry.is_some() {
                // Of several inserts that saw no entry one becomes it; the others link to it.
                if self.raise_entry(node, upper, level)? {
                    return Ok(());
                }
                continue;
            }
            cache.clear();
            lists = self.choose_neighbors(&meta, query, level, &mut cache)?;
            for (at, list) in lists.iter_mut().enumerate() {
                let own = if at == 0 { node } else { upper };
                list.retain(|neighbor| *neighbor != own);
            }
            if lists[0].is_empty() {
                lists[0] = self.find_any(&meta, query, node)?;
                if lists[0].is_empty() && self.replace_dead_entry(&meta, node, upper, level)? {
                    return Ok(());
                }
            }
            self.set_own_list(node, &lists[0], &mut cache)?;
        }
        failpoint::hit("insert_linked");
        if level > meta.entry_level {
            self.raise_entry(node, upper, level)?;
            failpoint::hit("insert_entry");
        }
        Ok(())
    }

    /// Some live node beside `node`, found from the entry point, or by reading page after page: a part of the graph that
    /// holds nothing but tombstones leads nowhere. None if there is no other live node.
    fn find_any(&mut self, meta: &Meta, query: &Query, node: ItemPtr) -> Result<Vec<ItemPtr>> {
        let Some(hints) = self.hints.as_mut() else {
            return Ok(Vec::new());
        };
        let mut graph = DiskGraph::new(self.index, &self.shape, query, hints);
        let ground = if meta.entry_level > 0 {
            graph.ground(meta.entry)?
        } else {
            Some(meta.entry)
        };
        self.search.reset(false);
        if let Some(ground) = ground {
            self.search.seed(&mut graph, 0, &[ground])?;
            self.search
                .run(&mut graph, 0, self.ef_construction, Bounds::NONE)?;
        }
        let mut found = Vec::new();
        self.search.take_best(&mut found);
        found.retain(|candidate| candidate.node != node);
        if let Some(nearest) = found.iter().min_by(|a, b| a.key.total_cmp(&b.key)) {
            return Ok(vec![nearest.node]);
        }
        for block in META_BLOCK + 1..graph.block_count() {
            interrupt::check();
            let mut live = graph.nodes_on(block)?.into_iter();
            if let Some(other) = live.find(|other| *other != node) {
                return Ok(vec![other]);
            }
        }
        Ok(Vec::new())
    }

    /// Replaces the list of the new node on level 0; `cache` gets the codes that this needs.
    fn set_own_list(
        &mut self,
        node: ItemPtr,
        list: &[ItemPtr],
        cache: &mut CodeCache,
    ) -> Result<()> {
        let Some(hints) = self.hints.as_mut() else {
            return Ok(());
        };
        let query = Query::placeholder(&self.params);
        let mut graph = DiskGraph::new(self.index, &self.shape, &query, hints);
        cache.load(&mut graph, 0, list.iter().copied().chain([node]))?;
        let codes = Codes {
            params: &self.params,
            cache,
        };
        set_own_list(self.index, &self.shape, codes, node, list)
    }

    /// Makes the node the entry point in place of one from which nothing but tombstones was found: all rows were
    /// deleted, and vacuum has not finished. `false` if the entry is another one by now: search again.
    fn replace_dead_entry(
        &mut self,
        seen: &Meta,
        node: ItemPtr,
        upper: ItemPtr,
        level: u8,
    ) -> Result<bool> {
        // Vacuum walks on from here to what else it has to link again.
        let ground = match self.hints.as_mut() {
            Some(hints) if seen.entry_level > 0 => {
                let query = Query::placeholder(&self.params);
                DiskGraph::new(self.index, &self.shape, &query, hints).ground(seen.entry)?
            }
            _ => Some(seen.entry),
        };
        let way: Vec<ItemPtr> = ground
            .into_iter()
            .filter(|ground| *ground != node)
            .collect();
        self.set_own_list(node, &way, &mut CodeCache::default())?;
        let buffer = Exclusive::read(self.index, META_BLOCK);
        let mut meta = decode_meta(self.index, buffer.page())?;
        if meta.entry != seen.entry {
            return Ok(false);
        }
        meta.entry = if level > 0 { upper } else { node };
        meta.entry_level = level;
        let change = Change::begin(self.index);
        write_meta_in(&change, &buffer, &meta);
        change.commit();
        Ok(true)
    }

    /// Step e: makes the node the entry point if it is still higher than the present one, or there is none. Returns
    /// whether it did.
    fn raise_entry(&self, node: ItemPtr, upper: ItemPtr, level: u8) -> Result<bool> {
        let buffer = Exclusive::read(self.index, META_BLOCK);
        let mut meta = decode_meta(self.index, buffer.page())?;
        if meta.entry.is_some() && meta.entry_level >= level {
            return Ok(false);
        }
        meta.entry = if level > 0 { upper } else { node };
        meta.entry_level = level;
        let change = Change::begin(self.index);
        write_meta_in(&change, &buffer, &meta);
        change.commit();
        Ok(true)
    }
}

impl Drop for Inserter {
    fn drop(&mut self) {
        if let Some(hints) = self.hints.take() {
            keep_hints(hints);
        }
    }
}
