//! Named points where a recovery test ends the backend as a crash would. Compiled only with the feature
//! `failpoints`; without it [`hit`] is nothing.

/// Kills this process with SIGKILL if the setting `annex.failpoint` names the point `name`.
#[cfg(feature = "failpoints")]
pub fn hit(name: &str) {
    #![allow(unsafe_code)]
    let is_wanted = crate::guc::FAILPOINT
        .get()
        .is_some_and(|wanted| wanted.as_c_str().to_str() == Ok(name));
    if is_wanted {
        // SAFETY: ends this process at once, as kill -9 would; no memory is touched.
        unsafe { libc::raise(libc::SIGKILL) };
    }
}

/// Does nothing.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn hit(_name: &str) {}
