//! A Redis for tests. Who keeps what under keys of his own shares it with all others.

use ficha_engines::{Running, redis};
use std::sync::OnceLock;

/// The server's URL.
#[must_use]
pub fn url() -> String {
    std::env::var(redis::URL).unwrap_or_else(|_| own().url().to_owned())
}

/// A server of this process's own, where `cargo xtask test` did not start one for all. It ends with the process.
fn own() -> &'static Running {
    static OWN: OnceLock<Running> = OnceLock::new();
    OWN.get_or_init(|| {
        let installed = redis::obtain().expect("a Redis is found or installed");
        installed.start().expect("Redis starts")
    })
}
