//! Base C: what happened lately. The fastest of the three.
