//! Threads inside a backend: a pool of our own, which the main thread waits for while it serves the server.
//!
//! The threads block every signal, so that no handler of PostgreSQL runs on them, and never call PostgreSQL. The
//! main thread does not raise while they run: it passes a cancel on and waits until all of them have ended.
#![allow(unsafe_code)]

use crate::error::{Error, Result, SqlState};
use pgrx::pg_sys;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

/// How often the waiting thread looks around, in milliseconds.
const WAIT_MS: i64 = 50;

/// Threads a build or a measurement may use: the leader's share and one for each parallel maintenance worker, at most the cores.
pub fn build_threads() -> usize {
    // SAFETY: a plain variable of the server, read on the main thread.
    let workers = unsafe { pg_sys::max_parallel_maintenance_workers }.max(0) as usize;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (workers + 1).min(cores)
}

/// Sets the flag when it goes out of scope, also while an ERROR unwinds.
struct CancelOnDrop<'a>(&'a AtomicBool);

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `work` on a pool of `threads` and returns its result when all of them have ended.
///
/// Meanwhile the calling thread, which must be the backend's main thread, calls `report` about every 50 ms. When
/// the query is cancelled or the backend told to end, it sets `cancel`, which `work` has to look at.
/// # Errors
/// 53200 if the threads cannot be had, XX000 if `work` panicked.
pub fn run<T: Send>(
    threads: usize,
    cancel: &AtomicBool,
    mut report: impl FnMut(),
    work: impl FnOnce() -> T + Send,
) -> Result<T> {
    let pool = start(threads)?;
    let done = AtomicBool::new(false);
    let mut result = None;
    pool.in_place_scope(|scope| {
        let _cancel = CancelOnDrop(cancel);
        let (slot, done) = (&mut result, &done);
        scope.spawn(move |_| {
            *slot = Some(std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)));
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            let is_orphan = wait_a_moment();
            if is_orphan || should_cancel() {
                cancel.store(true, Ordering::Relaxed);
            }
            report();
        }
    });
    match result {
        Some(Ok(value)) => Ok(value),
        _ => Err(thread_failed()),
    }
}

/// Threads for many pieces of work, each so short (some 10 ms) that no interrupt needs to be served before its end.
pub struct ShortWork(rayon::ThreadPool);

impl ShortWork {
    /// Starts the threads.
    /// # Errors
    /// 53200 if they cannot be had.
    pub fn start(threads: usize) -> Result<Self> {
        start(threads).map(Self)
    }

    /// Runs `work` on the pool and returns its result when it has ended; does not look at interrupts.
    /// # Errors
    /// XX000 if `work` panicked.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let work = std::panic::AssertUnwindSafe(work);
        self.0
            .install(|| std::panic::catch_unwind(work))
            .map_err(|_| thread_failed())
    }
}

/// Threads that do pieces of work, each so short (some milliseconds) that no interrupt needs to be served before its
/// end, while the main thread goes on.
pub struct Helpers(rayon::ThreadPool);

impl Helpers {
    /// Starts the threads.
    /// # Errors
    /// 53200 if they cannot be had.
    pub fn start(threads: usize) -> Result<Self> {
        start(threads).map(Self)
    }

    /// Lets a thread do `work`.
    pub fn begin<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Piece<T> {
        let (sender, result) = sync_channel(1);
        self.0.spawn(move || {
            // A panic drops the sender without a word. The receiver waits for one or the other.
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            if let Ok(done) = done {
                let _ = sender.send(done);
            }
        });
        Piece(result)
    }
}

/// A piece of work under way. Dropping it waits for its end, so that no thread works for a statement that is over.
pub struct Piece<T>(Receiver<T>);

impl<T> Piece<T> {
    /// A piece that is done.
    pub fn done(result: T) -> Self {
        let (sender, receiver) = sync_channel(1);
        let _ = sender.send(result);
        Self(receiver)
    }

    /// Its result, if it has ended.
    /// # Errors
    /// XX000 if it panicked.
    pub fn poll(&self) -> Result<Option<T>> {
        match self.0.try_recv() {
            Ok(result) => Ok(Some(result)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(thread_failed()),
        }
    }

    /// Its result, when it has ended.
    /// # Errors
    /// XX000 if it panicked.
    pub fn wait(&self) -> Result<T> {
        self.0.recv().map_err(|_| thread_failed())
    }
}

impl<T> Drop for Piece<T> {
    fn drop(&mut self) {
        let _ = self.0.recv();
    }
}

fn start(threads: usize) -> Result<rayon::ThreadPool> {
    with_signals_blocked(|| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("annex worker {i}"))
            .build()
    })
    .map_err(|error| {
        Error::new(SqlState::OutOfMemory, "could not start worker threads")
            .with_detail(format!("{threads} threads were asked for: {error}."))
            .with_hint("Lower max_parallel_maintenance_workers.")
    })
}

fn thread_failed() -> Error {
    Error::new(SqlState::InternalError, "a worker thread failed")
        .with_hint("The server's log has the message of the thread.")
}

/// Waits for a signal or a short time; returns whether the server's postmaster is gone.
fn wait_a_moment() -> bool {
    // SAFETY: MyLatch is this backend's latch; called on the main thread. WL_POSTMASTER_DEATH, not
    // WL_EXIT_ON_PM_DEATH: exiting here would leave the threads running in a dying process.
    unsafe {
        let events = pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_POSTMASTER_DEATH;
        let fired = pg_sys::WaitLatch(
            pg_sys::MyLatch,
            events as i32,
            WAIT_MS as _,
            pg_sys::PG_WAIT_EXTENSION,
        );
        if fired & pg_sys::WL_LATCH_SET as i32 != 0 {
            pg_sys::ResetLatch(pg_sys::MyLatch);
        }
        if pg_sys::ProcSignalBarrierPending != 0 {
            // Another backend (DROP DATABASE, for one) waits until every backend has done this.
            pg_sys::ProcessProcSignalBarrier();
        }
        fired & pg_sys::WL_POSTMASTER_DEATH as i32 != 0
    }
}

fn should_cancel() -> bool {
    // SAFETY: flags that signal handlers of this process set; read on the main thread.
    unsafe { pg_sys::QueryCancelPending != 0 || pg_sys::ProcDiePending != 0 }
}

/// Calls `start` with all signals blocked: threads that it starts inherit the mask.
fn with_signals_blocked<T>(start: impl FnOnce() -> T) -> T {
    // SAFETY: sigset_t is plain data that sigfillset initialises; the old mask is put back unchanged. `start` does
    // not call PostgreSQL, so nothing can jump past the second call.
    unsafe {
        let (mut all, mut old) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut old);
        let started = start();
        libc::pthread_sigmask(libc::SIG_SETMASK, &old, std::ptr::null_mut());
        started
    }
}
