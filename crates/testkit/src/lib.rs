//! What tests of every room need: a clock that is moved, callers by their words, a record in memory, a client.
//!
//! ```
//! # use ficha_testkit::TestShell;
//! # fn main() { tokio_runtime(async {
//! let test = TestShell::new();
//! let client = test.client(axum::Router::new()); // a role's routes, made with `test.shell`
//! let answer = client.get("/divida/52998224725").token("shop debts:read purpose=credit_granting").send().await;
//! answer.problem(404, "unknown_route");
//! # }) }
//! # fn tokio_runtime(test: impl Future<Output = ()>) {
//! #     tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
//! # }
//! ```
//!
//! # To add a helper
//! When a second room needs it; it panics where the test's own code is wrong, never where the tested code may be.
#![expect(clippy::expect_used, reason = "a panic here is a failing test")]

mod address;
mod ask;
pub mod authority;
mod client;
mod evidence;
pub mod mongo;
pub mod opensearch;
pub mod postgres;
pub mod proxy;
pub mod redis;
mod shell;
mod tokens;
mod world;

pub use address::kept_address;
pub use ask::ask;
pub use authority::Authority;
pub use client::{Answer, Call, Client};
pub use evidence::MemoryEvidence;
pub use shell::TestShell;
pub use tokens::ScopeTokens;
pub use world::TestWorld;
