//! What a partitioned build needs of its surroundings: temporary files, threads, and a word with whoever waits. Pure.

use crate::error::Result;
use crate::hnsw::build::builder::BuildControl;

/// A file that is appended to and read anywhere.
pub trait SpillFile {
    /// Writes `bytes` behind the last.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;

    /// Fills `bytes` with what stands from `offset` on; an error if there is less.
    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> Result<()>;
}

/// Files and threads. All methods are called on one thread, and `work` never calls them.
pub trait Host {
    /// Temporary files.
    type File: SpillFile;

    /// An empty file.
    fn new_file(&self) -> Result<Self::File>;

    /// Says how many nodes `BuildControl::inserted` will come to.
    fn announce(&self, nodes: u64);

    /// Runs `work`, which looks at `control.cancel`, on a thread pool.
    fn run<T: Send>(&self, control: &BuildControl, work: impl FnOnce() -> T + Send) -> Result<T>;

    /// Runs `work` of at most some 10 ms on a thread pool; serves interrupts before.
    fn run_short<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T>;
}
