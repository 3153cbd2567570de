//! The page with the curve of recall: read by scans that have a target, written by `annex.calibrate`.
//!
//! Lock order: meta, then the curve's page. Both are one WAL record, so the meta page never leads to a page without a
//! curve; a crash before the record leaves an empty page that nothing leads to, and the curve that was there.

use super::build::init_empty_page;
use super::disk_graph::{decode_meta, expect_block, expect_kind};
use super::layout::{Curve, META_BLOCK, Meta, NO_BLOCK, PageKind};
use super::placement::write_meta_in;
use crate::error::{Error, Result};
use crate::pg::buffer::{Exclusive, Shared};
use crate::pg::failpoint;
use crate::pg::relation::Relation;
use crate::pg::wal::{self, Change};

/// The curve of an index, `None` if it was never calibrated.
/// # Errors
/// XX002 if the page cannot be that of a curve.
pub fn read_curve(index: Relation, meta: &Meta) -> Result<Option<Curve>> {
    let block = meta.curve;
    if block == NO_BLOCK {
        return Ok(None);
    }
    expect_block(index, block)?;
    let shared = Shared::read(index, block);
    expect_kind(index, block, shared.page(), PageKind::Curve)?;
    let curve = Curve::read(shared.page().contents());
    curve.map(Some).ok_or_else(|| {
        Error::corrupt_index(
            format!("index \"{}\" has an invalid recall curve", index.name()),
            format!("Block {block}."),
        )
        .with_hint("Call annex.calibrate again, or REINDEX the index.")
    })
}

/// Puts a curve in the place of the one before. Not undone by ROLLBACK: like any entry of the index it describes what is
/// there, not what a transaction did.
/// # Errors
/// XX002 if the place of the curve before is on a page of another kind.
pub fn store_curve(index: Relation, curve: &Curve) -> Result<()> {
    wal::flush_at_commit();
    let meta_buffer = Exclusive::read(index, META_BLOCK);
    let meta = decode_meta(index, meta_buffer.page())?;
    if meta.curve != NO_BLOCK {
        expect_block(index, meta.curve)?;
        let buffer = Exclusive::read(index, meta.curve);
        expect_kind(index, meta.curve, buffer.page(), PageKind::Curve)?;
        let change = Change::begin(index);
        write_in(&change, &buffer, curve);
        change.commit();
        return Ok(());
    }
    let buffer = Exclusive::extend(index);
    failpoint::hit("calibrate_extended");
    let change = Change::begin(index);
    let meta = Meta {
        curve: buffer.block(),
        ..meta
    };
    write_meta_in(&change, &meta_buffer, &meta);
    write_in(&change, &buffer, curve);
    change.commit();
    Ok(())
}

/// Writes the whole page: nothing of what was there before is kept.
fn write_in(change: &Change, buffer: &Exclusive, curve: &Curve) {
    let mut page = change.register_new(buffer);
    init_empty_page(&mut page, PageKind::Curve);
    if let Some(contents) = page.contents_mut(curve.size()) {
        curve.write(contents);
    }
}
