//! The real binary, from outside: what clients, operators and attackers see.

#![expect(clippy::unwrap_used, reason = "a panic here is a failing test")]

mod bad_input;
mod chaos;
mod coverage;
mod doctor;
mod dossier;
mod external;
mod import;
mod kill;
mod migrate;
mod mongo;
mod operator;
mod postgres;
mod redis;
mod sealed;
mod seed_formats;
mod server;
mod spool;
mod tls;
mod topology;
