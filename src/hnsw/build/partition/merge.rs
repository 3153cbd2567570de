//! One neighbor list of the lists that a node has in its two parts. Pure.
//!
//! The heuristic of `select` over the union would need the codes of both parts at once. What the parts know already
//! does as well: a neighbor that is diverse in its part comes first, free places are filled with the nearest others.

use super::records::PartLink;

/// Merges the lists of one node: `links` holds both, in any order, and is used up. At most `max` ids come out,
/// nearest first, each once; needed links are among them, which are at most `max`.
pub fn merge_lists(links: &mut Vec<PartLink>, max: usize, out: &mut Vec<u32>) {
    links.sort_unstable_by_key(|link| link.id);
    // A neighbor in both parts has the same key in both.
    links.dedup_by(|next, kept| {
        let is_same = next.id == kept.id;
        if is_same {
            kept.is_diverse |= next.is_diverse;
            kept.is_needed |= next.is_needed;
        }
        is_same
    });
    let rank = |link: &PartLink| (!link.is_needed, !link.is_diverse);
    links.sort_unstable_by(|a, b| {
        let by_key = || a.key.total_cmp(&b.key).then(a.id.cmp(&b.id));
        rank(a).cmp(&rank(b)).then_with(by_key)
    });
    links.truncate(max);
    links.sort_unstable_by(|a, b| a.key.total_cmp(&b.key).then(a.id.cmp(&b.id)));
    out.clear();
    out.extend(links.drain(..).map(|link| link.id));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(id: u32, key: f32, is_diverse: bool, is_needed: bool) -> PartLink {
        PartLink {
            id,
            key,
            is_diverse,
            is_needed,
        }
    }

    /// Proves: needed links stay, then diverse ones, then the nearest; each neighbor once, nearest first.
    #[test]
    fn keeps_what_is_needed_then_what_is_diverse() {
        let both = [
            link(1, 1.0, true, false),
            link(2, 2.0, false, false),
            link(3, 3.0, true, false),
            link(9, 9.0, false, true),
            link(3, 3.0, false, false),
            link(4, 1.5, false, false),
            link(5, 5.0, true, false),
        ];
        let mut out = Vec::new();
        merge_lists(&mut both.to_vec(), 5, &mut out);
        assert_eq!(out, [1, 4, 3, 5, 9]);
        merge_lists(&mut both.to_vec(), 3, &mut out);
        assert_eq!(out, [1, 3, 9]);
        merge_lists(&mut both.to_vec(), 100, &mut out);
        assert_eq!(out, [1, 4, 2, 3, 5, 9]);
    }
}
