//! The dossier of a CPF, from one binary.
fn main() {}
