//! The bytes of a page: header, line pointers, items and special space, bounds-checked.
//!
//! Follows PostgreSQL's `bufpage.h`. A page read here may hold any bytes: every offset is checked against the
//! page before use, and what does not fit is `None`, which callers report as a corrupted index.

/// Bytes of a page (`BLCKSZ`).
pub const PAGE_SIZE: usize = pgrx::pg_sys::BLCKSZ as usize;
/// Bytes of the page header before the first line pointer.
pub const HEADER_SIZE: usize = 24;
/// Bytes of a line pointer.
pub const LINE_POINTER_SIZE: usize = 4;

const PD_LOWER: usize = 12;
const PD_UPPER: usize = 14;
const PD_SPECIAL: usize = 16;
const LP_NORMAL: u32 = 1;
const LP_REDIRECT: u32 = 2;

fn u16_at(bytes: &[u8; PAGE_SIZE], at: usize) -> usize {
    usize::from(u16::from_ne_bytes([bytes[at], bytes[at + 1]]))
}

/// `lp_off`, `lp_flags` and `lp_len` of a line pointer.
#[inline]
fn line_pointer_fields(raw: u32) -> (usize, u32, usize) {
    (
        (raw & 0x7fff) as usize,
        (raw >> 15) & 3,
        (raw >> 17) as usize,
    )
}

/// Where on a page line pointer `offset` (from 1) lies, in bytes; `None` if no page has so many.
#[inline]
pub fn line_pointer_start(offset: u16) -> Option<usize> {
    let start = HEADER_SIZE + usize::from(offset.checked_sub(1)?) * LINE_POINTER_SIZE;
    (start + LINE_POINTER_SIZE <= PAGE_SIZE).then_some(start)
}

/// What a line pointer seems to lead to that may change while it is read: for hints only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbableItem {
    /// Bytes within a page.
    Bytes(std::ops::Range<usize>),
    /// Another line pointer.
    Redirect(u16),
    /// Nothing.
    None,
}

/// Reads a line pointer of a page that is neither pinned nor locked.
#[inline]
pub fn probable_item(raw: u32) -> ProbableItem {
    let (start, flags, len) = line_pointer_fields(raw);
    match flags {
        LP_NORMAL if start + len <= PAGE_SIZE => ProbableItem::Bytes(start..start + len),
        LP_REDIRECT => ProbableItem::Redirect(start as u16),
        _ => ProbableItem::None,
    }
}

/// Where the item of line pointer `offset` (from 1) lies, or `None` if it is unused or out of bounds.
#[inline]
fn item_range(bytes: &[u8; PAGE_SIZE], offset: u16) -> Option<std::ops::Range<usize>> {
    let line_pointer_end = HEADER_SIZE + usize::from(offset) * LINE_POINTER_SIZE;
    if offset == 0 || line_pointer_end > u16_at(bytes, PD_LOWER) || line_pointer_end > PAGE_SIZE {
        return None;
    }
    let at = line_pointer_end - LINE_POINTER_SIZE;
    let raw = u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let (start, flags, len) = line_pointer_fields(raw);
    let in_bounds =
        start >= line_pointer_end && start + len <= u16_at(bytes, PD_SPECIAL).min(PAGE_SIZE);
    (flags == LP_NORMAL && in_bounds).then_some(start..start + len)
}

/// A page that may be read.
#[derive(Clone, Copy)]
pub struct Page<'a>(&'a [u8; PAGE_SIZE]);

impl<'a> Page<'a> {
    /// A page over its bytes.
    pub fn new(bytes: &'a [u8; PAGE_SIZE]) -> Self {
        Self(bytes)
    }

    /// Whether the page was never initialised (all of a new page's header is zero).
    pub fn is_new(self) -> bool {
        u16_at(self.0, PD_UPPER) == 0
    }

    /// Bytes of the special space; empty if the header does not describe one.
    pub fn special(self) -> &'a [u8] {
        self.0
            .get(u16_at(self.0, PD_SPECIAL)..)
            .filter(|_| !self.is_new())
            .unwrap_or(&[])
    }

    /// The item of line pointer `offset`, or `None` if unused or out of bounds.
    #[inline]
    pub fn item(self, offset: u16) -> Option<&'a [u8]> {
        item_range(self.0, offset).map(|range| &self.0[range])
    }

    /// Where on the page the item of line pointer `offset` lies, or `None` if unused or out of bounds.
    pub fn item_range(self, offset: u16) -> Option<std::ops::Range<usize>> {
        item_range(self.0, offset)
    }

    /// Number of line pointers.
    pub fn item_count(self) -> u16 {
        let lower = u16_at(self.0, PD_LOWER).min(PAGE_SIZE);
        (lower.saturating_sub(HEADER_SIZE) / LINE_POINTER_SIZE) as u16
    }

    /// Bytes after the header up to `pd_lower`: where a page without items keeps its contents.
    pub fn contents(self) -> &'a [u8] {
        let lower = u16_at(self.0, PD_LOWER).min(PAGE_SIZE);
        self.0.get(HEADER_SIZE..lower).unwrap_or(&[])
    }

    /// Bytes between line pointers and items.
    pub fn free_bytes(self) -> usize {
        u16_at(self.0, PD_UPPER).saturating_sub(u16_at(self.0, PD_LOWER))
    }
}

/// A page that may be changed: a private copy inside a WAL change, or a new page of a build.
pub struct PageMut<'a>(&'a mut [u8; PAGE_SIZE]);

impl<'a> PageMut<'a> {
    /// A page over its bytes.
    pub fn new(bytes: &'a mut [u8; PAGE_SIZE]) -> Self {
        Self(bytes)
    }

    /// The same page, to read.
    pub fn as_page(&self) -> Page<'_> {
        Page(self.0)
    }

    /// Makes the page an empty one with `special` bytes of special space (a multiple of 8), like `PageInit`.
    pub fn init(&mut self, special: usize) {
        debug_assert!(special.is_multiple_of(8));
        self.0.fill(0);
        let upper = PAGE_SIZE - special;
        self.put_u16(PD_LOWER, HEADER_SIZE);
        self.put_u16(PD_UPPER, upper);
        self.put_u16(PD_SPECIAL, upper);
        // PG_PAGE_LAYOUT_VERSION in the low byte, the size in the rest.
        self.put_u16(18, PAGE_SIZE | 4);
    }

    /// The item of line pointer `offset`, or `None` if unused or out of bounds.
    pub fn item_mut(&mut self, offset: u16) -> Option<&mut [u8]> {
        item_range(self.0, offset).map(|range| &mut self.0[range])
    }

    /// Bytes of the special space.
    pub fn special_mut(&mut self) -> &mut [u8] {
        let at = u16_at(self.0, PD_SPECIAL);
        self.0.get_mut(at..).unwrap_or(&mut [])
    }

    /// Appends an item of `len` zero bytes (8-byte aligned) and returns its offset; `None` if it does not fit.
    pub fn add_item(&mut self, len: usize) -> Option<u16> {
        let (lower, upper) = (u16_at(self.0, PD_LOWER), u16_at(self.0, PD_UPPER));
        let start = upper.checked_sub(len.next_multiple_of(8))?;
        let new_lower = lower + LINE_POINTER_SIZE;
        if new_lower > start || lower < HEADER_SIZE || upper > PAGE_SIZE {
            return None;
        }
        let raw = start as u32 | (LP_NORMAL << 15) | ((len as u32) << 17);
        self.0[lower..new_lower].copy_from_slice(&raw.to_ne_bytes());
        self.0[start..upper].fill(0);
        self.put_u16(PD_LOWER, new_lower);
        self.put_u16(PD_UPPER, start);
        Some(((new_lower - HEADER_SIZE) / LINE_POINTER_SIZE) as u16)
    }

    /// The first `len` bytes after the header, and `pd_lower` set behind them so that a full-page image keeps
    /// them; `None` if they do not fit before the special space.
    pub fn contents_mut(&mut self, len: usize) -> Option<&mut [u8]> {
        let end = HEADER_SIZE + len;
        if end > u16_at(self.0, PD_UPPER) {
            return None;
        }
        self.put_u16(PD_LOWER, end);
        self.0.get_mut(HEADER_SIZE..end)
    }

    fn put_u16(&mut self, at: usize, value: usize) {
        self.0[at..at + 2].copy_from_slice(&(value as u16).to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_round_trip_until_the_page_is_full() {
        let mut bytes = [0u8; PAGE_SIZE];
        let mut page = PageMut::new(&mut bytes);
        page.init(16);
        let mut count = 0;
        while let Some(offset) = page.add_item(700) {
            count += 1;
            assert_eq!(offset, count);
            page.item_mut(offset)
                .map(|item| item.fill(count as u8))
                .unwrap_or_default();
        }
        assert_eq!(count, 11);
        for offset in 1..=count {
            assert_eq!(
                page.as_page().item(offset).map(<[u8]>::to_vec),
                Some(vec![offset as u8; 700])
            );
        }
        assert_eq!(page.as_page().item(count + 1), None);
        assert_eq!(page.as_page().item(0), None);
    }

    /// Proves: whatever a line pointer says, no byte outside its page is asked for.
    #[test]
    fn hints_never_leave_the_page() {
        let mut bytes = [0u8; PAGE_SIZE];
        let mut page = PageMut::new(&mut bytes);
        page.init(16);
        page.add_item(100);
        let at = line_pointer_start(1).unwrap_or_default();
        let raw = u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let lies_at = Page::new(&bytes).item_range(1);
        assert_eq!(Some(probable_item(raw)), lies_at.map(ProbableItem::Bytes));
        for raw in (0..=u32::MAX).step_by(997).chain([u32::MAX]) {
            if let ProbableItem::Bytes(range) = probable_item(raw) {
                assert!(range.end <= PAGE_SIZE);
            }
        }
        assert_eq!(probable_item(0), ProbableItem::None);
        assert_eq!(
            probable_item(LP_REDIRECT << 15 | 7),
            ProbableItem::Redirect(7)
        );
        assert_eq!(line_pointer_start(0), None);
        for offset in 1..=u16::MAX {
            let start = line_pointer_start(offset);
            assert!(
                start.is_none_or(|start| start + LINE_POINTER_SIZE <= PAGE_SIZE && start % 4 == 0)
            );
        }
    }

    #[test]
    fn damaged_line_pointers_never_reach_outside_the_page() {
        let mut bytes = [0u8; PAGE_SIZE];
        let mut page = PageMut::new(&mut bytes);
        page.init(16);
        page.add_item(100);
        for at in 0..HEADER_SIZE + LINE_POINTER_SIZE {
            for value in 0..=255u8 {
                let mut damaged = bytes;
                damaged[at] = value;
                let page = Page::new(&damaged);
                for offset in [0, 1, 2, 3, 2000, u16::MAX] {
                    if let Some(item) = page.item(offset) {
                        assert!(item.len() <= PAGE_SIZE);
                    }
                }
                let _ = (
                    page.special(),
                    page.contents(),
                    page.item_count(),
                    page.free_bytes(),
                );
            }
        }
    }
}
