//! The real binary, from outside: what clients, operators and attackers see.

mod bad_input;
mod coverage;
mod dossier;
mod operator;
mod sealed;
mod server;
