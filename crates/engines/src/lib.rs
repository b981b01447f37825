//! Real database servers for tests and benches: found or installed, started, and ended with whoever started them.
//!
//! ```no_run
//! use ficha_engines::{Durability, postgres};
//! let server = postgres::obtain()?.start(Durability::Unsynced)?;
//! println!("{} answers at {}", server.name(), server.url());
//! # anyhow::Ok(())
//! ```
//!
//! A server lives as long as its [`Running`]: dropped, or its process gone by whatever signal, the server is ended
//! and its data removed. It listens on the loopback only, but asks nobody there for a password.
//!
//! # To add an engine
//! One module beside [`postgres`], [`mongo`], [`redis`] and [`opensearch`], with `URL` (the variable in which tests find
//! its address), `obtain`
//! and `start`: a folder to run in, a command, and what tells that it is ready. Finding and installing differ from
//! engine to engine, so there is no trait; what they share are `archive`, `cache`, `user`, `folder` and `leash`. Then one
//! line in `ENGINES`, in `xtask/src/engines/mod.rs`. Tests that need it are in modules of the engine's name, by which
//! they are left out where it cannot be had.
#![expect(clippy::print_stderr, reason = "who waits for an installation is told of it on the terminal")]

mod archive;
mod cache;
mod folder;
mod leash;
mod maven;
pub mod mongo;
pub mod opensearch;
pub mod postgres;
mod program;
pub mod redis;
#[cfg(test)]
mod testing;
mod user;

use std::env;
use std::io;
use std::net::TcpListener;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

pub use leash::Running;

/// Whether what a server acknowledged survives the machine. It decides what a test may claim, so there is no default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// As in production: for benches and for tests that kill.
    Synced,
    /// Nothing is synced: fast, and right for tests whose data nobody looks for afterwards.
    Unsynced,
}

/// Whether this is a run whose verdict others rely on: there an engine that cannot be had is an error.
pub fn is_ci() -> bool {
    env::var("CI").is_ok_and(|value| !["", "0", "false"].contains(&value.as_str()))
}

/// Nobody listened here a moment ago. Who finds it taken takes another.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Runs a program to its end in silence; a failure is an error that holds what it said.
fn must(command: &mut Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("`{name}` did not start"))?;
    let said =
        || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "`{name}` failed ({}): {}", output.status, said().trim());
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_holds_what_was_said() {
        let error = must(Command::new("sh").args(["-c", "echo one; echo two >&2; exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh` failed (exit status: 3): one\ntwo");
    }
}
