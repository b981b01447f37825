//! The shell every role is served in.
