//! PostgreSQL's temporary files and our threads as the host of a partitioned build.

use super::builder::BuildControl;
use super::partition::{Host, SpillFile};
use crate::error::Result;
use crate::pg::temp_file::TempFile;
use crate::pg::worker_pool::{self, ShortWork};
use crate::pg::{interrupt, progress};
use std::sync::atomic::Ordering;

/// The backend that builds.
pub struct Backend {
    threads: usize,
    short_work: ShortWork,
}

impl Backend {
    /// A backend with `threads` threads for the build.
    /// # Errors
    /// 53200 if they cannot be had.
    pub fn start(threads: usize) -> Result<Self> {
        let short_work = ShortWork::start(threads)?;
        Ok(Self {
            threads,
            short_work,
        })
    }
}

impl SpillFile for TempFile {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        TempFile::append(self, bytes)
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        TempFile::read_at(self, offset, bytes)
    }
}

impl Host for Backend {
    type File = TempFile;

    fn new_file(&self) -> Result<TempFile> {
        Ok(TempFile::create())
    }

    fn announce(&self, nodes: u64) {
        progress::set_tuples_total(nodes);
    }

    fn run<T: Send>(&self, control: &BuildControl, work: impl FnOnce() -> T + Send) -> Result<T> {
        interrupt::check();
        let report = || progress::set_tuples_done(control.inserted.load(Ordering::Relaxed));
        let result = worker_pool::run(self.threads, &control.cancel, report, work)?;
        // A cancelled build ends here, with PostgreSQL's own message.
        interrupt::check();
        // The pool sets the flag when it ends, whatever the reason.
        control.cancel.store(false, Ordering::Relaxed);
        Ok(result)
    }

    fn run_short<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        interrupt::check();
        self.short_work.run(work)
    }
}
