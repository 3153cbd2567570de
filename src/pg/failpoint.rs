//! Named points for the tests of crashes and cancels. Compiled only with the feature `failpoints`; without it they are
//! nothing.
#![allow(unsafe_code)]

#[cfg(feature = "failpoints")]
use crate::guc::{CANCELPOINT, FAILPOINT};

#[cfg(feature = "failpoints")]
fn names(setting: &pgrx::guc::GucSetting<Option<std::ffi::CString>>, point: &str) -> bool {
    let named = setting.get();
    named.is_some_and(|named| named.as_c_str().to_str() == Ok(point))
}

/// Kills this process with SIGKILL if the setting `annex.failpoint` names the point `name`.
///
/// The WAL of this transaction is flushed first: what recovery then finds is the state at the point, not one that
/// is older by what the WAL buffers held.
#[cfg(feature = "failpoints")]
pub fn hit(name: &str) {
    if names(&FAILPOINT, name) {
        // SAFETY: the end of the last record this backend wrote, a plain variable; flushing up to a
        // record that exists (or to 0) is allowed whatever is locked. The signal ends this process at once.
        unsafe {
            pgrx::pg_sys::XLogFlush(pgrx::pg_sys::XactLastRecEnd);
            libc::raise(libc::SIGKILL);
        }
    }
}

/// A unit of work of the kind `name` begins: one of many that a statement consists of, each over within a millisecond.
///
/// If the setting `annex.cancelpoint` names the kind, the first one cancels the statement, as `pg_cancel_backend` does.
/// If another one begins before the cancel was served, this process is killed: work would go on after a cancel.
#[cfg(feature = "failpoints")]
pub fn begin_unit(name: &str) {
    if names(&CANCELPOINT, name) {
        // SAFETY: a flag that the handler of SIGINT sets, read on the main thread, to which the signals go.
        unsafe {
            let is_canceled = pgrx::pg_sys::QueryCancelPending != 0;
            libc::raise(if is_canceled {
                libc::SIGKILL
            } else {
                libc::SIGINT
            });
        }
    }
}

/// Does nothing.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn hit(_name: &str) {}

/// Does nothing.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn begin_unit(_name: &str) {}
