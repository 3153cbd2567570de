//! The finished graph as pages are written from it: lists are merged part after part. Pure.

use super::lists::Lists;
use super::nodes::Nodes;
use super::records::list_bytes;
use super::{Host, Settings};
use crate::error::{Error, Result, SqlState};
use crate::hnsw::build::builder::Topology;
use crate::hnsw::build::source::{NodeData, NodeSource};
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
    /// Merged lists of some nodes that follow one another.
    merged_from: u32,
    merged_ids: Vec<u32>,
    merged_counts: Vec<u8>,
    /// These nodes and all their neighbors, ascending, and their codes; empty if nobody asks for codes.
    coded: Vec<u32>,
    codes: Option<CodeArena>,
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
            merged_from: 0,
            merged_ids: Vec::new(),
            merged_counts: Vec::new(),
            coded: Vec::new(),
            codes: None,
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
        self.merged_from = node;
        self.lists.merge(
            &self.host,
            &part,
            start,
            count,
            &self.lent,
            &mut self.merged_ids,
            &mut self.merged_counts,
        )?;
        if self.settings.with_codes {
            while !self.find_coded() && count > 1 {
                count = count.div_ceil(2);
                self.merged_counts.truncate(count);
            }
            self.load_codes()?;
        }
        Ok(())
    }

    /// Collects the nodes whose codes are needed for the merged lists; whether their codes fit into memory.
    fn find_coded(&mut self) -> bool {
        let (degree, from) = (self.settings.build.base_degree, self.merged_from);
        self.coded.clear();
        for (node, (list, &count)) in (from..).zip(
            self.merged_ids
                .chunks_exact(degree)
                .zip(&self.merged_counts),
        ) {
            self.coded.push(node);
            self.coded.extend(list.iter().take(usize::from(count)));
        }
        self.coded.sort_unstable();
        self.coded.dedup();
        self.coded.len() <= self.settings.members / 4
    }

    fn load_codes(&mut self) -> Result<()> {
        self.codes = None;
        let params = self.settings.params.clone();
        let mut codes = CodeArena::try_with_capacity(params, self.coded.len())?;
        self.nodes.load(self.coded.iter().copied(), &mut codes)?;
        self.codes = Some(codes);
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

    fn neighbors(&mut self, node: u32, level: u8, out: &mut Vec<u32>) -> Result<()> {
        out.clear();
        let Some(level) = level.checked_sub(1) else {
            let merged = self.merged_from..self.merged_from + self.merged_counts.len() as u32;
            if !merged.contains(&node) {
                self.merge_from(node)?;
            }
            let place = (node - self.merged_from) as usize;
            let degree = self.settings.build.base_degree;
            let list = &self.merged_ids[place * degree..][..usize::from(self.merged_counts[place])];
            out.extend_from_slice(list);
            return Ok(());
        };
        let number = self.upper_number(node).ok_or_else(|| missing(node))?;
        let neighbors = self.upper.neighbors(number, level).iter();
        out.extend(neighbors.map(|&neighbor| self.nodes.uppers[neighbor as usize]));
        Ok(())
    }

    fn code(&self, node: u32) -> Option<(&[i8], &Factors)> {
        let codes = self.codes.as_ref()?;
        let id = self.coded.binary_search(&node).ok()?;
        Some((codes.code(id as u32), codes.factors.get(id)?))
    }
}
