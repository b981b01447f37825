//! The spool: what is durable before an answer leaves.
//!
//! - [`disk`]: the seam to the machine. - [`frame`], [`segment`]: what the bytes are. - [`log`]: the segment that is
//!   written. - [`recovery`]: what a start finds. - [`writer`]: the thread that groups.

pub(crate) mod disk;
pub(crate) mod frame;
pub(crate) mod log;
pub(crate) mod recovery;
pub(crate) mod segment;
pub(crate) mod writer;
