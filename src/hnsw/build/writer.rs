//! Pages of a built graph: encoded, written through shared buffers, logged as the last step.
//!
//! Order in the file: meta, params, nodes, upper items, TID chunks. Every place is known before the first page is
//! written (`plan.rs`), so each page is written once. Nothing refers to the index until the command commits, so a crash
//! leaves a file that nobody reads.

use super::plan::{CHUNKS_PER_PAGE, Plan};
use super::source::{Lists, NodeSource};
use crate::distance::prefetch;
use crate::error::{Error, Result, SqlState};
use crate::hnsw::codes::{CodeParams, EdgeFactors};
use crate::hnsw::layout::{
    CHUNK_CAPACITY, CHUNK_SIZE, INLINE_TIDS, ItemPtr, META_SIZE, Meta, NO_BLOCK, NodeContents,
    NodeMut, OPAQUE_SIZE, Opaque, PARAMS_PER_PAGE, PageKind, Shape, UpperMut, write_chunk,
};
use crate::pg::buffer::Exclusive;
use crate::pg::page::PageMut;
use crate::pg::relation::{Relation, Tid};
use crate::pg::worker_pool::ShortWork;
use crate::pg::{failpoint, interrupt, progress, wal};
use rayon::prelude::*;

/// Bytes of nodes that are encoded at once: so much that threads are worth while, so little that it is done soon.
const ENCODED_BYTES: usize = 1 << 20;

/// Makes `page` an empty page of `kind`.
pub fn init_page(page: &mut PageMut<'_>, kind: PageKind, next: u32) {
    page.init(OPAQUE_SIZE);
    Opaque {
        next,
        ..Opaque::new(kind)
    }
    .write(page.special_mut());
}

/// Writes meta into a page already initialised as the meta page.
pub fn write_meta(page: &mut PageMut<'_>, meta: &Meta) {
    if let Some(contents) = page.contents_mut(META_SIZE) {
        meta.write(contents);
    }
}

/// Writes the init fork of an unlogged index: a meta page without entry.
pub fn write_empty(index: Relation, meta: &Meta) -> Result<()> {
    let mut buffer = Exclusive::extend_init_fork(index);
    buffer.change_unlogged(|page| {
        init_page(page, PageKind::Meta, NO_BLOCK);
        write_meta(page, meta);
    });
    drop(buffer);
    wal::log_init_fork(index);
    Ok(())
}

/// Writes the whole index and logs it; the lists are encoded on `threads` threads.
/// # Errors
/// 53200 if memory or threads cannot be had, and those of `source`.
pub fn write(
    index: Relation,
    meta: &Meta,
    params: &CodeParams,
    source: &mut dyn NodeSource,
    threads: usize,
) -> Result<()> {
    let plan = Plan::new(meta, &params.mean, source)?;
    let mut pages = Pages {
        index,
        next_block: 0,
    };
    pages.add(PageKind::Meta, NO_BLOCK, |page| {
        write_meta(page, &plan.final_meta());
        Ok(())
    })?;
    write_mean(&mut pages, &params.mean)?;
    write_nodes(
        &mut pages,
        &plan,
        params,
        source,
        &ShortWork::start(threads)?,
    )?;
    write_uppers(&mut pages, &plan, params, source)?;
    write_chunks(&mut pages, &plan, source)?;
    wal::log_new_pages(index);
    Ok(())
}

/// The file being written, page after page.
struct Pages {
    index: Relation,
    next_block: u32,
}

impl Pages {
    fn add(
        &mut self,
        kind: PageKind,
        next: u32,
        fill: impl FnOnce(&mut PageMut<'_>) -> Result<()>,
    ) -> Result<()> {
        interrupt::check();
        failpoint::begin_unit("write_page");
        let mut buffer = Exclusive::extend(self.index);
        if buffer.block() != self.next_block {
            return Err(misplaced(format!(
                "block {} instead of {}",
                buffer.block(),
                self.next_block
            )));
        }
        let mut result = Ok(());
        buffer.change_unlogged(|page| {
            init_page(page, kind, next);
            result = fill(page);
        });
        self.next_block += 1;
        result
    }
}

/// XX000: pages do not come out as planned, which would be a fault of this file.
fn misplaced(detail: String) -> Error {
    Error::new(
        SqlState::InternalError,
        "hnsw index pages do not come out as planned",
    )
    .with_detail(detail)
}

fn write_mean(pages: &mut Pages, mean: &[f32]) -> Result<()> {
    let chunks = mean.chunks(PARAMS_PER_PAGE);
    let last = chunks.len().saturating_sub(1);
    for (i, part) in chunks.enumerate() {
        let next = if i == last {
            NO_BLOCK
        } else {
            pages.next_block + 1
        };
        pages.add(PageKind::Params, next, |page| {
            let contents = page
                .contents_mut(size_of_val(part))
                .ok_or_else(|| misplaced("the mean does not fit".to_owned()))?;
            for (place, element) in contents.chunks_exact_mut(4).zip(part) {
                place.copy_from_slice(&element.to_ne_bytes());
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Adds an item of `size` bytes, which must land at `offset`, and returns it.
fn add_at<'p>(page: &'p mut PageMut<'_>, size: usize, offset: u16) -> Result<&'p mut [u8]> {
    let added = page.add_item(size);
    page.item_mut(offset)
        .filter(|_| added == Some(offset))
        .ok_or_else(|| misplaced(format!("item {added:?} instead of {offset}")))
}

fn write_nodes(
    pages: &mut Pages,
    plan: &Plan<'_>,
    params: &CodeParams,
    source: &mut dyn NodeSource,
    pool: &ShortWork,
) -> Result<()> {
    let mut bytes = Vec::new();
    let mut sizes = Vec::new();
    let mut first = 0;
    while first < plan.nodes as u32 {
        sizes.clear();
        let mut end = first;
        let mut total = 0;
        // Whole pages.
        while end < plan.nodes as u32
            && (total < ENCODED_BYTES || plan.node_ptr(end).block == plan.node_ptr(end - 1).block)
        {
            let size = plan.meta.shape.node_size_for(source.code_len(end)?);
            sizes.push(size);
            total += size;
            end += 1;
        }
        bytes.clear();
        bytes.resize(total, 0);
        let mut rest = bytes.as_mut_slice();
        let mut items: Vec<&mut [u8]> = Vec::with_capacity(sizes.len());
        for size in &sizes {
            let (item, later) = rest.split_at_mut(*size);
            items.push(item);
            rest = later;
        }
        encode_nodes(&mut items, first, plan, params, source, pool)?;
        let placed: Vec<(ItemPtr, &[u8])> = (first..)
            .map(|node| plan.node_ptr(node))
            .zip(items.iter().map(|item| &**item))
            .collect();
        for on_page in placed.chunk_by(|(a, _), (b, _)| a.block == b.block) {
            pages.add(PageKind::Node, NO_BLOCK, |page| {
                for (place, item) in on_page {
                    add_at(page, item.len(), place.offset)?.copy_from_slice(item);
                }
                Ok(())
            })?;
        }
        first = end;
        progress::set_tuples_done(u64::from(end));
    }
    Ok(())
}

/// Writes the nodes from `first` on into `items`.
fn encode_nodes(
    items: &mut [&mut [u8]],
    first: u32,
    plan: &Plan<'_>,
    params: &CodeParams,
    source: &mut dyn NodeSource,
    pool: &ShortWork,
) -> Result<()> {
    let shape = &plan.meta.shape;
    for (node, item) in (first..).zip(items.iter_mut()) {
        let data = source.node(node)?;
        node_writer(item, shape)?.fill(&NodeContents {
            level: plan.level(node),
            tids: &data.tids[..data.tids.len().min(INLINE_TIDS)],
            overflow: plan.first_chunk(node),
            upper: plan.upper_ptr(node),
            hash: data.hash,
            factors: data.factors,
            code: data.code,
        });
    }
    let (mut first, mut rest) = (first, items);
    while !rest.is_empty() {
        let (lists, end) = source.base_lists(first)?;
        let count = (end - first) as usize;
        let (now, later) = rest.split_at_mut(rest.len().min(count));
        let encoded = now.len() as u32;
        pool.run(|| {
            now.par_iter_mut().zip(first..end).try_for_each_init(
                ListMemory::default,
                |memory, (item, node)| {
                    encode_list(node_writer(item, shape)?, node, plan, params, lists, memory);
                    Ok::<(), Error>(())
                },
            )
        })??;
        (first, rest) = (first + encoded, later);
    }
    Ok(())
}

fn node_writer<'a>(item: &'a mut [u8], shape: &'a Shape) -> Result<NodeMut<'a>> {
    NodeMut::new(item, shape).ok_or_else(|| misplaced("node size".to_owned()))
}

/// Memory for one list after the other.
#[derive(Default)]
struct ListMemory {
    ids: Vec<u32>,
    neighbors: Vec<ItemPtr>,
}

impl ListMemory {
    /// Reads the list of `node` on `level`; `place` says where a member is.
    fn read(&mut self, lists: &dyn Lists, node: u32, level: u8, place: impl Fn(u32) -> ItemPtr) {
        lists.neighbors(node, level, &mut self.ids);
        self.neighbors.clear();
        self.neighbors.extend(self.ids.iter().map(|id| place(*id)));
    }

    /// What writes the signs of the way from `node` to one neighbor after the other.
    fn encoder<'a>(
        &'a self,
        params: &'a CodeParams,
        lists: &'a dyn Lists,
        node: u32,
    ) -> impl FnMut(ItemPtr, &mut [u8]) -> Option<EdgeFactors> + 'a {
        let mut ids = self.ids.iter();
        move |_, signs| {
            let neighbor = lists.code(*ids.next()?)?;
            Some(params.encode_edge(lists.code(node)?, neighbor, signs))
        }
    }
}

/// Writes the list of level 0 of a node into its item. Runs on any thread.
fn encode_list(
    mut writer: NodeMut<'_>,
    node: u32,
    plan: &Plan<'_>,
    params: &CodeParams,
    lists: &dyn Lists,
    memory: &mut ListMemory,
) {
    memory.read(lists, node, 0, |id| plan.node_ptr(id));
    for (code, _) in memory.ids.iter().filter_map(|id| lists.code(*id)) {
        prefetch::range(code.as_ptr().cast(), code.len());
    }
    writer.set_neighbors(&memory.neighbors, memory.encoder(params, lists, node));
}

fn write_uppers(
    pages: &mut Pages,
    plan: &Plan<'_>,
    params: &CodeParams,
    source: &mut dyn NodeSource,
) -> Result<()> {
    let shape = &plan.meta.shape;
    let mut memory = ListMemory::default();
    let mut items: Vec<Vec<u8>> = Vec::new();
    for on_page in plan.uppers.chunk_by(|a, b| a.block == b.block) {
        items.clear();
        for place in on_page {
            let data = source.node(place.node)?;
            let mut item = vec![0; shape.upper_size_for(place.level, data.code.len())];
            let ptr = plan.node_ptr(place.node);
            upper_writer(&mut item, shape)?.fill(place.level, ptr, &data.factors, data.code);
            items.push(item);
        }
        let lists = source.upper_lists()?;
        for (place, item) in on_page.iter().zip(&mut items) {
            let mut writer = upper_writer(item, shape)?;
            for level in 1..=place.level {
                memory.read(lists, place.node, level, |id| plan.upper_ptr(id));
                let encode = memory.encoder(params, lists, place.node);
                writer.set_neighbors(level, &memory.neighbors, encode);
            }
        }
        pages.add(PageKind::Upper, NO_BLOCK, |page| {
            for (place, item) in on_page.iter().zip(&items) {
                add_at(page, item.len(), place.offset)?.copy_from_slice(item);
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn upper_writer<'a>(item: &'a mut [u8], shape: &'a Shape) -> Result<UpperMut<'a>> {
    UpperMut::new(item, shape).ok_or_else(|| misplaced("upper item size".to_owned()))
}

/// The TID chunks of all nodes with a chain, a page being written when it is full.
fn write_chunks(pages: &mut Pages, plan: &Plan<'_>, source: &mut dyn NodeSource) -> Result<()> {
    // (number of the chunk, its rows, whether it is the node's last)
    let mut parts: Vec<(u32, Vec<Tid>, bool)> = Vec::with_capacity(CHUNKS_PER_PAGE);
    for (node, first) in &plan.chunks {
        let rows = source.node(*node)?.tids.get(INLINE_TIDS..).unwrap_or(&[]);
        let rows = rows.to_vec();
        let last = rows.len().div_ceil(CHUNK_CAPACITY).saturating_sub(1);
        for (i, part) in rows.chunks(CHUNK_CAPACITY).enumerate() {
            parts.push((first + i as u32, part.to_vec(), i == last));
            if parts.len() == CHUNKS_PER_PAGE {
                write_chunk_page(pages, plan, &parts)?;
                parts.clear();
            }
        }
    }
    if parts.is_empty() {
        return Ok(());
    }
    write_chunk_page(pages, plan, &parts)
}

fn write_chunk_page(
    pages: &mut Pages,
    plan: &Plan<'_>,
    parts: &[(u32, Vec<Tid>, bool)],
) -> Result<()> {
    pages.add(PageKind::Overflow, NO_BLOCK, |page| {
        for (chunk, tids, is_last) in parts {
            let next = (!is_last).then(|| plan.chunk_place(chunk + 1));
            let item = add_at(page, CHUNK_SIZE, plan.chunk_place(*chunk).1)?;
            write_chunk(item, tids, next);
        }
        Ok(())
    })
}
