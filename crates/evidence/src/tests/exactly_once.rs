//! The promise over a bad way to the store: connections are cut at any byte, so also between a commit and its answer,
//! and yet every answered consultation is in the store, none twice.

mod postgres;
