//! Where new items go: for each kind of item one page that is being filled, and a list of pages with free slots.
//!
//! Lock order: meta, then a page; or one node page, then one upper or overflow page. Nothing here waits for meta
//! while it holds a page. Each change of meta and a page is one WAL record, so a crash leaves at most an empty
//! page that the next insert fills.

use super::build::init_empty_page;
use super::disk_graph::{
    corrupt_item, corrupt_page, decode_meta, expect_block, expect_kind, read_meta,
};
use super::layout::{META_BLOCK, META_SIZE, Meta, NO_BLOCK, Opaque, PageKind, SlotState};
use crate::error::Result;
use crate::pg::buffer::Exclusive;
use crate::pg::page::PageMut;
use crate::pg::relation::Relation;
use crate::pg::wal::Change;

/// The page that new items of `kind` go to now; makes one if there is none yet. No lock is held on return.
pub fn insert_page(index: Relation, kind: PageKind) -> Result<u32> {
    loop {
        let block = read_meta(index)?.insert_page[kind.slot()];
        if block != NO_BLOCK {
            expect_block(index, block)?;
            return Ok(block);
        }
        advance(index, kind, block)?;
    }
}

/// Moves on to another page because `full` has no room: one with free slots, or a new one. Does nothing if
/// another backend has already moved on.
pub fn advance(index: Relation, kind: PageKind, full: u32) -> Result<()> {
    let meta_buffer = Exclusive::read(index, META_BLOCK);
    let mut meta = decode_meta(index, meta_buffer.page())?;
    let slot = kind.slot();
    if meta.insert_page[slot] != full {
        return Ok(());
    }
    let reused = meta.free_list[slot];
    let page_buffer = if reused != NO_BLOCK {
        expect_block(index, reused)?;
        let buffer = Exclusive::read(index, reused);
        let opaque = expect_kind(index, reused, buffer.page(), kind)?;
        if !opaque.in_free_list || opaque.next == META_BLOCK {
            // A list that runs in a circle comes back to a page that was taken out.
            return Err(corrupt_page(index, reused, kind));
        }
        meta.free_list[slot] = opaque.next;
        buffer
    } else {
        Exclusive::extend(index)
    };
    meta.insert_page[slot] = page_buffer.block();
    let change = Change::begin(index);
    write_meta_in(&change, &meta_buffer, &meta);
    if reused != NO_BLOCK {
        Opaque::new(kind).write(change.register(&page_buffer).special_mut());
    } else {
        init_empty_page(&mut change.register_new(&page_buffer), kind);
    }
    change.commit();
    Ok(())
}

/// Writes `meta` as part of `change`.
pub fn write_meta_in(change: &Change, buffer: &Exclusive, meta: &Meta) {
    if let Some(contents) = change.register(buffer).contents_mut(META_SIZE) {
        meta.write(contents);
    }
}

/// Puts `page` at the head of its kind's list of pages with free slots, unless it is in it already.
pub fn offer_free_slots(index: Relation, kind: PageKind, block: u32) -> Result<()> {
    let meta_buffer = Exclusive::read(index, META_BLOCK);
    let mut meta = decode_meta(index, meta_buffer.page())?;
    let slot = kind.slot();
    let page_buffer = Exclusive::read(index, block);
    let opaque = expect_kind(index, block, page_buffer.page(), kind)?;
    if opaque.in_free_list || meta.insert_page[slot] == block {
        return Ok(());
    }
    let listed = Opaque {
        next: meta.free_list[slot],
        kind,
        in_free_list: true,
    };
    meta.free_list[slot] = block;
    let change = Change::begin(index);
    write_meta_in(&change, &meta_buffer, &meta);
    listed.write(change.register(&page_buffer).special_mut());
    change.commit();
    Ok(())
}

/// A slot for an item of `size` bytes on `page`: a free one whose length `may_reuse` takes, else a new one at its end;
/// `None` if neither fits. The item's generation is that of its next user; everything else in it is to be overwritten.
pub fn take_slot(
    index: Relation,
    block: u32,
    page: &mut PageMut<'_>,
    size: usize,
    may_reuse: impl Fn(usize) -> bool,
) -> Result<Option<u16>> {
    for offset in 1..=page.as_page().item_count() {
        let item = page
            .as_page()
            .item(offset)
            .ok_or_else(|| corrupt_item(index, block, offset, "line pointer"))?;
        if may_reuse(item.len()) && SlotState::of(item) == Some(SlotState::Free) {
            return Ok(Some(offset));
        }
    }
    Ok(page.add_item(size))
}
