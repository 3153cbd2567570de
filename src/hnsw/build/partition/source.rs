//! The finished graph as pages are written from it: lists are merged part after part. Pure.

use super::lists::Lists;
use super::nodes::Nodes;
use super::records::list_bytes;
use super::{Host, Settings};
use crate::error::{Error, Result, SqlState};
use crate::hnsw::build::builder::Topology;
use crate::hnsw::build::source::{BaseLists, NodeData, NodeSource};
use crate::hnsw::codes::{CodeArena, Factors};
use crate::pg::relation::Tid;

/// A graph in temporary files.
pub struct SpilledGraph<'a, H: Host> {
    host: H,
    settings: Settings<'a>,
    nodes: Nodes<H::File>,
    lists: Lists<H::File>,
    upper: Topology,
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
    /// Collects the nodes whose codes are needed; whether they are at most `most`.
    fn find_coded(&mut self, most: usize) -> bool {
        self.coded.clear();
        for node in self.first..self.end() {
            self.coded.push(node);
            let place = (node - self.first) as usize;
            let list = &self.ids[place * self.degree..][..usize::from(self.counts[place])];
            self.coded.extend(list);
        }
        self.coded.sort_unstable();
        self.coded.dedup();
        self.coded.len() <= most
    }
}

impl BaseLists for Merged {
    fn end(&self) -> u32 {
        self.first + self.counts.len() as u32
    }

    fn neighbors(&self, node: u32) -> &[u32] {
        let place = (node - self.first) as usize;
        &self.ids[place * self.degree..][..usize::from(self.counts[place])]
    }

    fn code(&self, node: u32) -> Option<(&[i8], &Factors)> {
        let codes = self.codes.as_ref()?;
        let id = self.coded.binary_search(&node).ok()?;
        Some((codes.code(id as u32), codes.factors.get(id)?))
    }
}

impl<'a, H: Host> SpilledGraph<'a, H> {
    pub(super) fn new(
        host: H,
        settings: Settings<'a>,
        nodes: Nodes<H::File>,
        lists: Lists<H::File>,
        upper: Topology,
    ) -> Self {
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

    fn upper_number(&self, node: u32) -> Option<u32> {
        let found = self.nodes.uppers.binary_search(&node);
        found.ok().map(|number| number as u32)
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
        if self.settings.with_codes {
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
        if self.settings.with_codes {
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
        let entry = self.nodes.uppers.get(self.upper.entry as usize);
        entry.copied().unwrap_or_default()
    }

    fn uppers(&self) -> Box<dyn Iterator<Item = (u32, u8)> + '_> {
        let levels = self.upper.levels.iter().map(|level| level + 1);
        Box::new(self.nodes.uppers.iter().copied().zip(levels))
    }

    fn chained(&self) -> Box<dyn Iterator<Item = (u32, usize)> + '_> {
        let chained = self.nodes.chained.iter();
        Box::new(chained.map(|(node, rows)| (*node, *rows as usize)))
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

    fn upper_neighbors(&mut self, node: u32, level: u8, out: &mut Vec<u32>) -> Result<()> {
        out.clear();
        let found = self.upper_number(node).zip(level.checked_sub(1));
        let (number, level) = found.ok_or_else(|| missing(node))?;
        let neighbors = self.upper.neighbors(number, level).iter();
        out.extend(neighbors.map(|&neighbor| self.nodes.uppers[neighbor as usize]));
        Ok(())
    }

    fn base_lists(&mut self, first: u32) -> Result<&dyn BaseLists> {
        if !(self.merged.first..self.merged.end()).contains(&first) {
            self.merge_from(first)?;
        }
        Ok(&self.merged)
    }
}
