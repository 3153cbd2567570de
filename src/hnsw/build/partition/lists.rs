//! The graphs: one for each part, whose lists go to files, and one over the nodes of upper levels. Pure.

use super::nodes::{Nodes, Part};
use super::records::{PartLink, list_bytes, read_list, write_list};
use super::span::Tree;
use super::{Host, Settings, SpillFile, merge_lists};
use crate::error::Result;
use crate::hnsw::build::builder::{BaseKeys, BuildControl, BuildParams, GraphBuilder, Topology};
use crate::hnsw::build::flat::FlatBuilder;
use crate::hnsw::build::refine::refine;
use crate::hnsw::codes::CodeArena;
use rayon::prelude::*;

/// Bytes of a node number before the list of a node that was lent.
const NODE_BYTES: usize = size_of::<u32>();

/// The lists that each part gave to the nodes lent to it: node number and list, ascending.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Record to be read next.
    next: u64,
    end: u64,
}

/// Lists of level 0 of all parts, not yet merged.
pub(super) struct PartLists<F> {
    /// A list a node, in the order of the nodes.
    owned: F,
    lent: F,
    runs: Vec<Run>,
    degree: usize,
}

/// The graph of one part, over nodes counted from 0: its own ones first.
struct PartGraph {
    topology: Topology,
    keys: BaseKeys,
    tree: Tree,
    /// Number of each node in the whole graph.
    ids: Vec<u32>,
}

impl PartGraph {
    /// Writes the list of `node` into `record`.
    fn write_list(
        &self,
        node: u32,
        arena: &CodeArena,
        record: &mut [u8],
        links: &mut Vec<PartLink>,
    ) {
        let degree = self.topology.base_degree;
        let first_place = node as usize * degree;
        let neighbors = self.topology.neighbors(node, 0).iter();
        links.clear();
        links.extend(neighbors.zip(first_place..).map(|(&id, place)| PartLink {
            id,
            key: self.keys.keys[place],
            is_diverse: !self.keys.is_covered(place),
            is_needed: self.tree.holds(node, id),
        }));
        for id in self.tree.added(node) {
            if links.len() == degree
                && let Some(place) = links.iter().rposition(|link| !link.is_needed)
            {
                links.remove(place);
            }
            links.push(PartLink {
                id,
                key: arena.key(node, id),
                is_diverse: true,
                is_needed: true,
            });
        }
        let ids = |link: &PartLink| PartLink {
            id: self.ids[link.id as usize],
            ..*link
        };
        write_list(record, links.iter().map(ids));
    }
}

/// Builds the graph of each part and keeps its lists.
pub(super) fn build_parts<H: Host>(
    host: &H,
    settings: &Settings<'_>,
    nodes: &mut Nodes<H::File>,
    control: &BuildControl,
) -> Result<PartLists<H::File>> {
    let mut lists = PartLists {
        owned: host.new_file()?,
        lent: host.new_file()?,
        runs: Vec::new(),
        degree: settings.build.base_degree,
    };
    let mut lent_records = 0;
    for number in 0..nodes.parts.len() {
        let part = nodes.parts[number];
        let mut ids: Vec<u32> = Vec::with_capacity(settings.members);
        ids.extend(part.first..part.first + part.count);
        nodes.lent(number, settings.members.max(ids.len()), settings, &mut ids)?;
        let mut arena = CodeArena::try_with_capacity(settings.params.clone(), ids.len())?;
        nodes.load(ids.iter().copied(), &mut arena)?;
        let graph = host.run(control, || {
            build_part(settings, &arena, &part, ids, control)
        })??;
        lists.append(host, settings, &graph, &arena, part.count)?;
        let next = lent_records;
        lent_records += graph.ids.len() as u64 - u64::from(part.count);
        lists.runs.push(Run {
            next,
            end: lent_records,
        });
    }
    Ok(lists)
}

fn build_part(
    settings: &Settings<'_>,
    arena: &CodeArena,
    part: &Part,
    ids: Vec<u32>,
    control: &BuildControl,
) -> Result<PartGraph> {
    let (topology, keys) = settings
        .builder
        .build_with_keys(arena, &settings.build, control)?;
    let (owned, root) = (part.count as usize, part.root - part.first);
    let tree = Tree::try_new(&topology, arena, owned, root, control)?;
    Ok(PartGraph {
        topology,
        keys,
        tree,
        ids,
    })
}

impl<F: SpillFile> PartLists<F> {
    /// Writes all lists of a part that owns the first `owned` nodes of its graph.
    fn append<H: Host<File = F>>(
        &mut self,
        host: &H,
        settings: &Settings<'_>,
        graph: &PartGraph,
        arena: &CodeArena,
        owned: u32,
    ) -> Result<()> {
        let len = graph.ids.len() as u32;
        for (nodes, head, file) in [
            (0..owned, 0, &mut self.owned),
            (owned..len, NODE_BYTES, &mut self.lent),
        ] {
            let record = head + list_bytes(self.degree);
            let batch = settings.records_each(record);
            let mut bytes = Vec::new();
            for first in nodes.clone().step_by(batch) {
                bytes.resize(record * batch.min((nodes.end - first) as usize), 0);
                host.run_short(|| {
                    bytes
                        .par_chunks_exact_mut(record)
                        .zip(first..nodes.end)
                        .for_each_init(Vec::new, |links, (bytes, node)| {
                            let (number, list) = bytes.split_at_mut(head);
                            number.copy_from_slice(&graph.ids[node as usize].to_ne_bytes()[..head]);
                            graph.write_list(node, arena, list, links);
                        });
                })?;
                file.append(&bytes)?;
            }
        }
        Ok(())
    }

    /// The lists that other parts gave to the nodes of `part`; to be called for one part after the other.
    pub(super) fn lent_lists(&mut self, part: &Part) -> Result<Vec<u8>> {
        let list = list_bytes(self.degree);
        let mut found = vec![0; part.count as usize * list];
        let mut record = vec![0; NODE_BYTES + list];
        for run in &mut self.runs {
            while run.next < run.end {
                self.lent
                    .read_at(run.next * record.len() as u64, &mut record)?;
                let (node, lists) = record.split_at(NODE_BYTES);
                let node = node.try_into().map_or(u32::MAX, u32::from_ne_bytes);
                if node >= part.first + part.count {
                    break;
                }
                let start = (node - part.first) as usize * list;
                found[start..start + list].copy_from_slice(lists);
                run.next += 1;
            }
        }
        Ok(found)
    }

    /// Merges the lists of `count` nodes of `part` from its node `start` on: `degree` ids a node into `ids`, and how
    /// many of these are neighbors into `counts`. `lent` is [`Self::lent_lists`] of the part.
    #[expect(clippy::too_many_arguments)]
    pub(super) fn merge<H: Host<File = F>>(
        &mut self,
        host: &H,
        part: &Part,
        start: u32,
        count: usize,
        lent: &[u8],
        ids: &mut Vec<u32>,
        counts: &mut Vec<u8>,
    ) -> Result<()> {
        let (list, degree) = (list_bytes(self.degree), self.degree);
        let mut owned = vec![0; count * list];
        self.owned
            .read_at(u64::from(part.first + start) * list as u64, &mut owned)?;
        let lent = &lent[start as usize * list..];
        ids.clear();
        ids.resize(count * degree, 0);
        counts.clear();
        counts.resize(count, 0);
        host.run_short(|| {
            (
                owned.par_chunks_exact(list),
                lent.par_chunks_exact(list).take(count),
                ids.par_chunks_exact_mut(degree),
                counts.par_iter_mut(),
            )
                .into_par_iter()
                .for_each_init(
                    || (Vec::new(), Vec::new()),
                    |(links, merged), (owned, lent, ids, count)| {
                        links.clear();
                        read_list(owned, links);
                        read_list(lent, links);
                        merge_lists(links, degree, merged);
                        ids[..merged.len()].copy_from_slice(merged);
                        *count = merged.len() as u8;
                    },
                );
        })
    }
}

/// The graph over the nodes of upper levels. Its level 0 is level 1 of the index.
pub(super) fn build_upper<H: Host>(
    host: &H,
    settings: &Settings<'_>,
    nodes: &mut Nodes<H::File>,
    control: &BuildControl,
) -> Result<Topology> {
    let uppers = std::mem::take(&mut nodes.uppers);
    let mut arena = CodeArena::try_with_capacity(settings.params.clone(), uppers.len())?;
    let loaded = nodes.load(uppers.iter().copied(), &mut arena);
    nodes.uppers = uppers;
    loaded?;
    let params = BuildParams {
        base_degree: settings.build.upper_degree,
        max_level: settings.build.max_level.saturating_sub(1),
        ..settings.build
    };
    host.run(control, || {
        let mut topology = FlatBuilder.build(&arena, &params, control)?;
        refine(&mut topology, &arena, control)?;
        Ok(topology)
    })?
}
