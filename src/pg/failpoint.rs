//! Named points where a recovery test ends the backend as a crash would. Compiled only with the feature
//! `failpoints`; without it [`hit`] is nothing.

/// Kills this process with SIGKILL if the setting `annex.failpoint` names the point `name`.
///
/// The WAL of this transaction is flushed first: what recovery then finds is the state at the point, not one that
/// is older by what the WAL buffers held.
#[cfg(feature = "failpoints")]
pub fn hit(name: &str) {
    #![allow(unsafe_code)]
    let is_wanted = crate::guc::FAILPOINT
        .get()
        .is_some_and(|wanted| wanted.as_c_str().to_str() == Ok(name));
    if is_wanted {
        // SAFETY: the end of the last record this backend wrote, a plain variable; no content lock is held here, and
        // flushing up to a record that exists (or to 0) is always allowed. The signal ends this process at once.
        unsafe {
            pgrx::pg_sys::XLogFlush(pgrx::pg_sys::XactLastRecEnd);
            libc::raise(libc::SIGKILL);
        }
    }
}

/// Does nothing.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn hit(_name: &str) {}
