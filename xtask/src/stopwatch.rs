//! The real clock. The product takes time as an argument; its developer's commands measure the wall's.

use std::time::Instant;

/// The moment a measurement begins.
#[expect(clippy::disallowed_methods, reason = "what these commands measure is the real clock")]
pub(crate) fn start() -> Instant {
    Instant::now()
}
