//! Synthetic people, each a pure function of (seed, number).
