//! The trait that every graph builder fulfils, its parameters and its result. Pure.

use crate::error::{Error, SqlState};
use crate::hnsw::codes::{CodeArena, CodeParams};
use crate::hnsw::select::{Standing, select_neighbors};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// Parameters of a build, validated by the caller: `2 <= m <= 100`, `2 * m <= ef_construction <= 1000`.
#[derive(Debug, Clone, Copy)]
pub struct BuildParams {
    /// Links of a node, the option `m`: levels are drawn by it.
    pub m: usize,
    /// Links per node above level 0, at most `m`.
    pub upper_degree: usize,
    /// Links per node on level 0, at most `2 * m`.
    pub base_degree: usize,
    /// Size of the candidate list of an insertion.
    pub ef_construction: usize,
    /// Highest level a node may get; bounded by what an upper item can hold on a page.
    pub max_level: u8,
    /// Seed of the level choice.
    pub seed: u64,
    /// Threads of the pool that the build will run in: each takes memory of its own.
    pub threads: usize,
}

/// Shared between the builder's threads and the thread that waits for them.
#[derive(Debug, Default)]
pub struct BuildControl {
    /// Set by the waiting thread: builders stop at the next insertion (at most 1 ms later).
    pub cancel: AtomicBool,
    /// Nodes inserted so far, for progress reports.
    pub inserted: AtomicU64,
}

/// Why a builder returned no graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildFailure {
    /// `BuildControl::cancel` was set.
    Canceled,
    /// Memory could not be had; the number of bytes asked for.
    OutOfMemory(usize),
    /// A builder's own fault, in words.
    Internal(String),
}

impl From<BuildFailure> for Error {
    fn from(failure: BuildFailure) -> Self {
        match failure {
            BuildFailure::Canceled => Error::new(SqlState::QueryCanceled, "canceling index build"),
            BuildFailure::OutOfMemory(bytes) => Error::new(SqlState::OutOfMemory, "out of memory")
                .with_detail(format!("The build of the graph asked for {bytes} bytes."))
                .with_hint("Lower maintenance_work_mem, or free memory on the server."),
            BuildFailure::Internal(what) => {
                Error::new(SqlState::InternalError, "could not build the graph").with_detail(what)
            }
        }
    }
}

/// Adjacency of one built graph over node ids `0..len`.
///
/// Level 0 of node `i` is `base[i * base_degree ..][.. base_counts[i]]`, nearest first.
/// Levels `1..=levels[i]` are in `upper`, see [`Topology::neighbors`].
#[derive(Debug, Clone, Default)]
pub struct Topology {
    /// Level of each node.
    pub levels: Vec<u8>,
    /// Most neighbors a node has on level 0.
    pub base_degree: usize,
    /// Most neighbors a node has on each upper level.
    pub upper_degree: usize,
    /// Level-0 lists, `base_degree` slots a node.
    pub base: Vec<u32>,
    /// Used slots of each level-0 list.
    pub base_counts: Vec<u8>,
    /// For each node with a level above 0: its first list in `upper`; `u32::MAX` otherwise.
    pub upper_start: Vec<u32>,
    /// Upper lists, `upper_degree` slots each; list `upper_start[i] + level - 1` is that of node `i`.
    pub upper: Vec<u32>,
    /// Used slots of each upper list.
    pub upper_counts: Vec<u8>,
    /// Node where a search starts: one of the highest level. Meaningless when the graph is empty.
    pub entry: u32,
}

impl Topology {
    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.levels.len()
    }

    /// Whether the graph has no node.
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// Neighbors of `node` on `level`, which must be at most `levels[node]`.
    pub fn neighbors(&self, node: u32, level: u8) -> &[u32] {
        let node = node as usize;
        if level == 0 {
            let start = node * self.base_degree;
            &self.base[start..start + usize::from(self.base_counts[node])]
        } else {
            let list = self.upper_start[node] as usize + usize::from(level) - 1;
            let start = list * self.upper_degree;
            &self.upper[start..start + usize::from(self.upper_counts[list])]
        }
    }

    /// Most neighbors a node has on `level`.
    pub fn degree(&self, level: u8) -> usize {
        if level == 0 {
            self.base_degree
        } else {
            self.upper_degree
        }
    }

    /// All slots of the list of `node` on `level`, and how many of them are used: for the passes after a
    /// build. The used ones come first, nearest first, without `node` itself and without repetition.
    pub fn list_mut(&mut self, node: u32, level: u8) -> (&mut [u32], &mut u8) {
        let node = node as usize;
        if level == 0 {
            let start = node * self.base_degree;
            (
                &mut self.base[start..start + self.base_degree],
                &mut self.base_counts[node],
            )
        } else {
            let list = self.upper_start[node] as usize + usize::from(level) - 1;
            let start = list * self.upper_degree;
            (
                &mut self.upper[start..start + self.upper_degree],
                &mut self.upper_counts[list],
            )
        }
    }
}

/// Builds a graph over the codes of an arena.
///
/// Called inside the rayon pool that it may use. Never calls PostgreSQL, checks `control.cancel` at least
/// each millisecond, returns failures as values.
pub trait GraphBuilder {
    /// Bytes that building `rows` nodes will take beside the arena of their codes itself. Called outside any pool, and must not
    /// ask rayon for anything there: that would start its global threads in the backend.
    fn memory_bytes(&self, rows: usize, params: &BuildParams, codes: &CodeParams) -> usize;

    /// Builds the graph over all nodes of `arena`.
    fn build(
        &self,
        arena: &CodeArena,
        params: &BuildParams,
        control: &BuildControl,
    ) -> Result<Topology, BuildFailure>;

    /// The same, with the keys of its links on level 0.
    fn build_with_keys(
        &self,
        arena: &CodeArena,
        params: &BuildParams,
        control: &BuildControl,
    ) -> Result<(Topology, BaseKeys), BuildFailure> {
        let topology = self.build(arena, params, control)?;
        let keys = BaseKeys::of(&topology, arena)?;
        Ok((topology, keys))
    }
}

/// What is known of the links of level 0 beside their targets, by their place in [`Topology::base`].
#[derive(Debug, Default)]
pub struct BaseKeys {
    /// Ordering key between owner and neighbor.
    pub keys: Vec<f32>,
    /// A bit a place: see `select`.
    covered: Vec<u64>,
}

impl BaseKeys {
    /// No keys yet; none of `places` is covered.
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn try_new(places: usize) -> Result<Self, BuildFailure> {
        Ok(Self {
            keys: Vec::new(),
            covered: try_filled(places.div_ceil(64), || 0)?,
        })
    }

    /// Whether a nearer neighbor of the same list covers the one in `place`.
    pub fn is_covered(&self, place: usize) -> bool {
        self.covered[place / 64] >> (place % 64) & 1 != 0
    }

    pub(super) fn set_covered(&mut self, place: usize) {
        self.covered[place / 64] |= 1 << (place % 64);
    }

    pub(super) fn clear_covered(&mut self, place: usize) {
        self.covered[place / 64] &= !(1 << (place % 64));
    }

    /// Computes them for a finished graph.
    fn of(topology: &Topology, arena: &CodeArena) -> Result<Self, BuildFailure> {
        let mut found = Self::try_new(topology.base.len())?;
        found.keys = try_filled(topology.base.len(), || 0.0)?;
        let mut chosen = Vec::new();
        for owner in 0..topology.len() as u32 {
            let start = owner as usize * topology.base_degree;
            let neighbors = topology.neighbors(owner, 0);
            let candidates = neighbors.iter().map(|&id| (arena.key(owner, id), id));
            let key_between = |a, b| Ok::<_, Infallible>(arena.key(a, b));
            let standing = |_| Standing::Ordinary;
            let degree = topology.base_degree;
            let Ok(()) = select_neighbors(candidates, degree, key_between, standing, &mut chosen);
            for (place, link) in (start..).zip(&chosen) {
                found.keys[place] = link.key;
                if !link.is_diverse {
                    found.set_covered(place);
                }
            }
        }
        Ok(found)
    }
}

/// A vector of `len` elements without room for more.
/// # Errors
/// `OutOfMemory` with the bytes asked for.
pub(super) fn try_filled<T>(
    len: usize,
    element: impl FnMut() -> T,
) -> Result<Vec<T>, BuildFailure> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(len)
        .map_err(|_| BuildFailure::OutOfMemory(len.saturating_mul(size_of::<T>())))?;
    vec.resize_with(len, element);
    Ok(vec)
}
