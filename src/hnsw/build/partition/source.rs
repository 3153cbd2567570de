//! The finished graph as pages are written from it: lists are merged part after part. Pure.

use super::lists::PartLists;
use super::nodes::Nodes;
use super::records::list_bytes;
use super::{Host, Settings};
use crate::error::{Error, Result, SqlState};
use crate::hnsw::build::builder::Topology;
use crate::hnsw::build::source::{Lists, NodeData, NodeSource};
use crate::hnsw::codes::{CodeArena, Factors};
use crate::pg::relation::Tid;

/// A graph in temporary files.
pub struct SpilledGraph<'a, H: Host> {
    host: H,
    settings: Settings<'a>,
    nodes: Nodes<H::File>,
    lists: PartLists<H::File>,
    upper: UpperLists,
    tids: Vec<Tid>,
    /// Number of the part whose lent lists are in memory, and these.
    part: usize,
    lent: Vec<u8>,
    merged: Merged,
}

/// Merged lists of level 0 of some nodes that follow one another.
#[derive(Debug, Default)]
struct Merged {
    first: u32,
    /// Places for neighbors of each node.
    degree: usize,
    ids: Vec<u32>,
    counts: Vec<u8>,
    /// These nodes and all their neighbors, ascending, and their codes; empty if nobody asks for codes.
    coded: Vec<u32>,
    codes: Option<CodeArena>,
}

impl Merged {
    /// One more than the last node whose list is here.
    fn end(&self) -> u32 {
        self.first + self.counts.len() as u32
    }

    fn list(&self, place: usize) -> &[u32] {
        &self.ids[place * self.degree..][..usize::from(self.counts[place])]
    }

    /// Collects the nodes whose codes are needed; whether they are at most `most`.
    fn find_coded(&mut self, most: usize) -> bool {
        self.coded.clear();
        self.coded.extend(self.first..self.end());
        for (list, &count) in self.ids.chunks_exact(self.degree).zip(&self.counts) {
            self.coded.extend(&list[..usize::from(count)]);
        }
        self.coded.sort_unstable();
        self.coded.dedup();
        self.coded.len() <= most
    }
}

impl Lists for Merged {
    fn neighbors(&self, node: u32, level: u8, out: &mut Vec<u32>) {
        out.clear();
        if level == 0 && (self.first..self.end()).contains(&node) {
            out.extend_from_slice(self.list((node - self.first) as usize));
        }
    }

    fn code(&self, node: u32) -> Option<(&[i8], &Factors)> {
        let codes = self.codes.as_ref()?;
        let id = self.coded.binary_search(&node).ok()?;
        Some((codes.code(id as u32), codes.factors.get(id)?))
    }
}

/// The lists of upper levels: a graph over the nodes that have some.
#[derive(Debug)]
struct UpperLists {
    /// These nodes, ascending.
    nodes: Vec<u32>,
    /// Its level 0 is level 1.
    topology: Topology,
    /// Codes of `nodes`, once the lists are asked for; empty if nobody asks for codes.
    codes: Option<CodeArena>,
}

impl UpperLists {
    fn number(&self, node: u32) -> Option<usize> {
        self.nodes.binary_search(&node).ok()
    }
}

impl Lists for UpperLists {
    fn neighbors(&self, node: u32, level: u8, out: &mut Vec<u32>) {
        out.clear();
        if let (Some(number), Some(level)) = (self.number(node), level.checked_sub(1)) {
            let neighbors = self.topology.neighbors(number as u32, level).iter();
            out.extend(neighbors.map(|&neighbor| self.nodes[neighbor as usize]));
        }
    }

    fn code(&self, node: u32) -> Option<(&[i8], &Factors)> {
        let (codes, number) = (self.codes.as_ref()?, self.number(node)?);
        Some((codes.code(number as u32), codes.factors.get(number)?))
    }
}

impl<'a, H: Host> SpilledGraph<'a, H> {
    pub(super) fn new(
        host: H,
        settings: Settings<'a>,
        nodes: Nodes<H::File>,
        lists: PartLists<H::File>,
        upper: Topology,
    ) -> Self {
        let mut nodes = nodes;
        let upper = UpperLists {
            nodes: std::mem::take(&mut nodes.uppers),
            topology: upper,
            codes: None,
        };
        Self {
            host,
            settings,
            nodes,
            lists,
            upper,
            tids: Vec::new(),
            part: usize::MAX,
            lent: Vec::new(),
            merged: Merged::default(),
        }
    }

    /// Number of parts.
    pub fn part_count(&self) -> usize {
        self.nodes.parts.len()
    }

    /// Merges lists from that of `node` on.
    fn merge_from(&mut self, node: u32) -> Result<()> {
        let after = self.nodes.parts.partition_point(|part| part.first <= node);
        let number = after.wrapping_sub(1);
        let Some(part) = self.nodes.parts.get(number).copied() else {
            return Err(missing(node));
        };
        if number != self.part {
            self.lent = Vec::new();
            self.lent = self.lists.lent_lists(&part)?;
            self.part = number;
        }
        let start = node - part.first;
        let mut batch = self
            .settings
            .records_each(list_bytes(self.settings.build.base_degree));
        if self.settings.with_base_codes {
            // Near nodes share neighbors: the more lists at once, the fewer codes are read for each.
            batch = self.settings.members / 8;
        }
        let mut count = batch.min((part.count - start) as usize);
        self.merged.first = node;
        self.merged.degree = self.settings.build.base_degree;
        self.lists.merge(
            &self.host,
            &part,
            start,
            count,
            &self.lent,
            &mut self.merged.ids,
            &mut self.merged.counts,
        )?;
        if self.settings.with_base_codes {
            while !self.merged.find_coded(self.settings.members / 4) && count > 1 {
                count = count.div_ceil(2);
                self.merged.counts.truncate(count);
            }
            self.load_codes()?;
        }
        Ok(())
    }

    fn load_codes(&mut self) -> Result<()> {
        let (merged, params) = (&mut self.merged, self.settings.params.clone());
        merged.codes = None;
        let mut codes = CodeArena::try_with_capacity(params, merged.coded.len())?;
        self.nodes.load(merged.coded.iter().copied(), &mut codes)?;
        merged.codes = Some(codes);
        Ok(())
    }
}

fn missing(node: u32) -> Error {
    Error::new(SqlState::InternalError, "could not build the graph")
        .with_detail(format!("There is no node {node}, or not on that level."))
}

impl<H: Host> NodeSource for SpilledGraph<'_, H> {
    fn node_count(&self) -> usize {
        self.nodes.count as usize
    }

    fn tid_count(&self) -> u64 {
        self.nodes.tid_count
    }

    fn entry(&self) -> u32 {
        let upper = &self.upper;
        let entry = upper.nodes.get(upper.topology.entry as usize);
        entry.copied().unwrap_or_default()
    }

    fn uppers(&self) -> Box<dyn Iterator<Item = (u32, u8)> + '_> {
        let levels = self.upper.topology.levels.iter().map(|level| level + 1);
        Box::new(self.upper.nodes.iter().copied().zip(levels))
    }

    fn chained(&self) -> Box<dyn Iterator<Item = (u32, usize)> + '_> {
        let chained = self.nodes.chained.iter();
        Box::new(chained.map(|(node, rows)| (*node, *rows as usize)))
    }

    fn code_len(&mut self, _node: u32) -> Result<usize> {
        Ok(self.settings.code_len)
    }

    fn node(&mut self, node: u32) -> Result<NodeData<'_>> {
        let record = self.nodes.read_with_tids(node, &mut self.tids)?;
        Ok(NodeData {
            hash: record.hash,
            factors: record.factors,
            code: record.code,
            tids: &self.tids,
        })
    }

    fn base_lists(&mut self, first: u32) -> Result<(&dyn Lists, u32)> {
        if !(self.merged.first..self.merged.end()).contains(&first) {
            self.merge_from(first)?;
        }
        Ok((&self.merged, self.merged.end()))
    }

    fn upper_lists(&mut self) -> Result<&dyn Lists> {
        if self.settings.with_upper_codes && self.upper.codes.is_none() {
            // Lists of level 0 are done with: their codes make room.
            self.merged = Merged::default();
            let (upper, params) = (&mut self.upper, self.settings.params.clone());
            let mut codes = CodeArena::try_with_capacity(params, upper.nodes.len())?;
            self.nodes.load(upper.nodes.iter().copied(), &mut codes)?;
            upper.codes = Some(codes);
        }
        Ok(&self.upper)
    }
}
