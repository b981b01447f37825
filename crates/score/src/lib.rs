//! Base B: what a person owns and earns, and the score computed from it.
