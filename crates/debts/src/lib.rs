//! Base A: what a person owes. The most secret of the three.
