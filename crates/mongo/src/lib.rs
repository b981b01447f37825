//! MongoDB as ficha uses it (begun).
