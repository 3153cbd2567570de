//! The neighbor heuristic, shared by the bulk build and the insert into pages. Pure.
//!
//! Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
//! Small World graphs", algorithm 4 with keepPrunedConnections: a candidate nearer to an accepted neighbor
//! than to the owner of the list is *covered* by that neighbor, one that is not covered is *diverse*. Diverse
//! candidates come first; free places are then filled with the nearest covered ones.
//!
//! Ours differs in ties. A copy of the owner is as far from every candidate as the owner itself; the paper
//! calls all of them covered, and a group of equal vectors then links to nothing but itself. Here a tie covers
//! only when owner, neighbor and candidate are all equally far apart, which is true of three copies.
//!
//! And in what covered neighbors count for, where a builder knows how many lists lead to each node. Some nodes can be
//! near to all others, as short vectors are by Euclidean distance: they cover nearly everything and fill every list,
//! and then few nodes can be found. A covered neighbor that is in very many lists leaves its place to others, and one
//! that is in hardly any other list stays.

/// A neighbor of a list's owner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link<Id> {
    /// Ordering key between owner and neighbor: smaller is nearer, may be negative.
    pub key: f32,
    /// The neighbor.
    pub id: Id,
    /// Whether no nearer diverse neighbor covers it.
    pub is_diverse: bool,
}

/// How many lists lead to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// So few that each counts.
    Rare,
    /// Neither, or nothing is known.
    Ordinary,
    /// So many that one does not count.
    Crowded,
}

/// Whether `nearer` covers a candidate, given `between`, the key of the two.
fn is_covered<Id>(candidate_key: f32, nearer: &Link<Id>, between: f32) -> bool {
    between < candidate_key || (between == candidate_key && nearer.key == candidate_key)
}

/// Chooses at most `max` neighbors from `candidates`, which are sorted nearest first, into `chosen`, sorted
/// nearest first. Looks no further once `max` diverse ones are found.
/// `key_between` is the ordering key of two candidates; of the covered ones those that are crowded by `standing` come last.
/// # Errors
/// The first error of `key_between`; `chosen` is then incomplete.
pub fn select_neighbors<Id: Copy, E>(
    candidates: impl IntoIterator<Item = (f32, Id)>,
    max: usize,
    mut key_between: impl FnMut(Id, Id) -> Result<f32, E>,
    standing: impl Fn(Id) -> Standing,
    chosen: &mut Vec<Link<Id>>,
) -> Result<(), E> {
    chosen.clear();
    let mut diverse = 0;
    for (key, id) in candidates {
        if diverse == max {
            break;
        }
        let mut is_diverse = true;
        for nearer in chosen.iter().filter(|link| link.is_diverse) {
            if is_covered(key, nearer, key_between(id, nearer.id)?) {
                is_diverse = false;
                break;
            }
        }
        diverse += usize::from(is_diverse);
        chosen.push(Link {
            key,
            id,
            is_diverse,
        });
    }
    fill_places(max - diverse, chosen, standing);
    Ok(())
}

/// Keeps `places` covered neighbors: the nearest, but crowded ones only if others do not suffice.
fn fill_places<Id: Copy>(
    places: usize,
    chosen: &mut Vec<Link<Id>>,
    standing: impl Fn(Id) -> Standing,
) {
    let covered = chosen.iter().filter(|link| !link.is_diverse).count();
    if covered <= places {
        return;
    }
    let is_crowded = |link: &Link<Id>| standing(link.id) == Standing::Crowded;
    let crowded = chosen
        .iter()
        .filter(|link| !link.is_diverse && is_crowded(link))
        .count();
    let mut crowded_places = places.saturating_sub(covered - crowded);
    let mut other_places = places - crowded_places;
    chosen.retain(|link| {
        if link.is_diverse {
            return true;
        }
        let left = if is_crowded(link) {
            &mut crowded_places
        } else {
            &mut other_places
        };
        let is_kept = *left > 0;
        *left -= usize::from(is_kept);
        is_kept
    });
}

/// Adds one neighbor to a list chosen by [`select_neighbors`] or by this function, keeping at most `max`:
/// the heuristic's step for a back-link, at the price of one key per diverse neighbor instead of one per pair.
/// Neighbors that the new one covers stop being diverse; those which only they covered stay covered.
/// When the list is full the farthest crowded one of the covered neighbors goes, or the farthest covered one that is not
/// rare, or the farthest of all: it may be the new one.
/// `key_to_new` is the ordering key of a neighbor and the new one, `standing` counts the new one in. Returns who went.
/// # Errors
/// The first error of `key_to_new`; `list` is then unchanged in its members and order.
pub fn add_neighbor<Id: Copy, E>(
    list: &mut Vec<Link<Id>>,
    (key, id): (f32, Id),
    max: usize,
    mut key_to_new: impl FnMut(Id) -> Result<f32, E>,
    standing: impl Fn(Id) -> Standing,
) -> Result<Option<Id>, E> {
    let position = list.partition_point(|link| link.key <= key);
    let mut new = Link {
        key,
        id,
        is_diverse: true,
    };
    for nearer in list[..position].iter().filter(|link| link.is_diverse) {
        if is_covered(key, nearer, key_to_new(nearer.id)?) {
            new.is_diverse = false;
            break;
        }
    }
    if new.is_diverse {
        for farther in list[position..].iter_mut().filter(|link| link.is_diverse) {
            farther.is_diverse = !is_covered(farther.key, &new, key_to_new(farther.id)?);
        }
    }
    list.insert(position, new);
    if list.len() <= max {
        return Ok(None);
    }
    Ok(Some(list.remove(leaving(list, standing)).id))
}

/// Place of the neighbor that leaves a list that is too long.
fn leaving<Id: Copy>(list: &[Link<Id>], standing: impl Fn(Id) -> Standing) -> usize {
    let mut farthest = None;
    for (place, link) in list
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, link)| !link.is_diverse)
    {
        match standing(link.id) {
            Standing::Crowded => return place,
            Standing::Ordinary => farthest = farthest.or(Some(place)),
            Standing::Rare => {}
        }
    }
    let covered = || list.iter().rposition(|link| !link.is_diverse);
    farthest.or_else(covered).unwrap_or(list.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    /// Points on a line, the owner at 0: keys are plain distances.
    fn select(points: &[f32], max: usize) -> Vec<Link<f32>> {
        let mut candidates: Vec<(f32, f32)> = points.iter().map(|&x| (x.abs(), x)).collect();
        candidates.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut chosen = Vec::new();
        let Ok(()) = select_neighbors(candidates, max, between, ordinary, &mut chosen);
        chosen
    }

    fn between(a: f32, b: f32) -> Result<f32, Infallible> {
        Ok((a - b).abs())
    }

    fn ordinary(_: f32) -> Standing {
        Standing::Ordinary
    }

    /// Who went.
    fn add(list: &mut Vec<Link<f32>>, x: f32, max: usize) -> Option<f32> {
        let Ok(gone) = add_neighbor(list, (x.abs(), x), max, |y| between(x, y), ordinary);
        gone
    }

    fn ids(links: &[Link<f32>]) -> Vec<f32> {
        links.iter().map(|link| link.id).collect()
    }

    fn diverse(links: &[Link<f32>]) -> Vec<f32> {
        let diverse = links.iter().filter(|link| link.is_diverse);
        diverse.map(|link| link.id).collect()
    }

    /// Proves: one neighbor on each side is diverse, what lies behind it is covered.
    #[test]
    fn keeps_one_neighbor_a_direction() {
        let chosen = select(&[1.0, 2.0, 3.0, -1.5, -4.0], 5);
        assert_eq!(diverse(&chosen), [1.0, -1.5]);
        assert_eq!(ids(&chosen), [1.0, -1.5, 2.0, 3.0, -4.0]);
    }

    /// Proves: a far diverse candidate wins over near covered ones; the nearest covered ones fill the rest.
    #[test]
    fn fills_free_places_with_the_nearest_covered() {
        let chosen = select(&[1.0, 2.0, 3.0, 4.0, -9.0], 3);
        assert_eq!(ids(&chosen), [1.0, 2.0, -9.0]);
    }

    /// Proves: copies of the owner do not crowd out all others, although every candidate ties with them.
    #[test]
    fn copies_of_the_owner_leave_room_for_others() {
        let chosen = select(&[0.0, 0.0, 0.0, 0.0, 5.0, -6.0], 4);
        assert_eq!(ids(&chosen), [0.0, 0.0, 5.0, -6.0]);
        assert_eq!(diverse(&chosen), [0.0, 5.0, -6.0]);
    }

    /// Proves: adding one by one, in any order, keeps the diverse neighbors that a choice among all finds.
    #[test]
    fn adding_one_by_one_keeps_the_diverse() {
        let orders = [
            [1.0, 2.0, 3.0, -1.5, -4.0],
            [-4.0, 3.0, -1.5, 2.0, 1.0],
            [3.0, -4.0, 1.0, -1.5, 2.0],
        ];
        for order in orders {
            let mut list = Vec::new();
            for x in order {
                add(&mut list, x, 3);
            }
            assert_eq!(diverse(&list), [1.0, -1.5], "{order:?}");
            assert_eq!(list.len(), 3, "{order:?}");
            assert!(list.is_sorted_by_key(|link| link.key), "{order:?}");
        }
    }

    /// Proves: a full list of diverse neighbors refuses a farther one and says that nothing has changed.
    #[test]
    fn a_full_list_refuses_the_farthest() {
        let mut list = select(&[1.0, -2.0], 2);
        assert_eq!(add(&mut list, 3.0, 2), Some(3.0));
        assert_eq!(ids(&list), [1.0, -2.0]);
        assert_eq!(add(&mut list, 0.5, 2), Some(1.0));
        assert_eq!(ids(&list), [0.5, -2.0]);
    }

    /// Proves: of the covered candidates crowded ones are chosen last, and a diverse one whatever its standing.
    #[test]
    fn crowded_candidates_come_last() {
        let candidates = [1.0f32, 2.0, 3.0, 4.0, -9.0].map(|x| (x.abs(), x));
        let standing = |x: f32| match x {
            2.0 | -9.0 => Standing::Crowded,
            _ => Standing::Ordinary,
        };
        let mut chosen = Vec::new();
        for (max, expected) in [(4, vec![1.0, 3.0, 4.0, -9.0]), (3, vec![1.0, 3.0, -9.0])] {
            let Ok(()) = select_neighbors(candidates, max, between, standing, &mut chosen);
            assert_eq!(ids(&chosen), expected);
        }
    }

    /// Proves: a full list lets a crowded covered neighbor go before others, a rare one after them.
    #[test]
    fn standing_decides_who_goes() {
        let full = select(&[1.0, 2.0, 3.0, 4.0], 4);
        let gone = |crowded: f32, rare: f32| {
            let standing = |x: f32| match x {
                x if x == crowded => Standing::Crowded,
                x if x == rare => Standing::Rare,
                _ => Standing::Ordinary,
            };
            let mut list = full.clone();
            let Ok(gone) = add_neighbor(&mut list, (2.5, 2.5), 4, |y| between(2.5, y), standing);
            gone
        };
        assert_eq!(gone(2.0, 4.0), Some(2.0));
        assert_eq!(gone(1.0, 4.0), Some(3.0), "1 is diverse");
        assert_eq!(gone(9.0, 9.0), Some(4.0));
    }

    /// Proves: an error of the key function ends the choice.
    #[test]
    fn errors_pass_through() {
        let mut chosen = Vec::new();
        let candidates = [(1.0, 1), (2.0, 2)];
        let standing = |_| Standing::Ordinary;
        let result = select_neighbors(
            candidates,
            2,
            |_, _| Err("page gone"),
            standing,
            &mut chosen,
        );
        assert_eq!(result, Err("page gone"));
    }
}
