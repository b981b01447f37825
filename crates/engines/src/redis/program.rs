//! Which Redis is taken: one on this machine that is new enough, or the pinned one, installed once.

use std::env;
use std::fmt;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::maven::Jar;
use crate::{cache, is_ci, must, user};

/// What ficha works with from here on.
const OLDEST: [u32; 2] = [6, 2];
/// An artifact that carries programs for several machines, and the SHA-256 of the jar.
const JAR: (&str, &str) = (
    "com.github.codemonstur:embedded-redis:1.4.3",
    "ffbc63265c60d25dee453d6f656b527d98200d98657c6a0ab4dec4ea2c3a5cd6",
);

/// A release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version([u32; 3]);

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(out, "{major}.{minor}.{patch}")
    }
}

impl Version {
    /// As in `Redis server v=6.2.11 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64`.
    fn said(text: &str) -> Option<Self> {
        let number = text.split_once("Redis server v=")?.1.split_whitespace().next()?;
        let parts: Result<Vec<u32>, _> = number.split('.').map(str::parse).collect();
        Some(Self(parts.ok()?.try_into().ok()?))
    }

    fn fits(self) -> bool {
        self.0[..2] >= OLDEST[..]
    }
}

/// `redis-server`, and what it says it is.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) version: Version,
}

pub(super) fn obtain() -> Result<Program> {
    let here = if is_ci() { None } else { on_path() };
    here.map_or_else(installed, Ok)
}

fn on_path() -> Option<Program> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).filter(|place| place.is_absolute());
    let programs = places.map(|place| place.join("redis-server")).filter(|program| program.exists());
    programs.filter_map(|program| look(&program).ok()).find(|program| program.version.fits())
}

/// Asks the program itself, as the user that will run it.
fn look(path: &Path) -> Result<Program> {
    let said = must(user::command(path)?.arg("--version"))?.stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    let version = Version::said(&said).with_context(|| format!("no version in `{}`", said.trim()))?;
    Ok(Program { path: path.to_owned(), version })
}

/// What the jar calls the program for this machine.
fn name_in_jar(system: &str, machine: &str) -> Option<&'static str> {
    match (system, machine) {
        ("linux", "x86_64") => Some("redis-server-6.2.6-v5-linux-amd64"),
        ("linux", "aarch64") => Some("redis-server-6.2.7-linux-arm64"),
        _ => None,
    }
}

/// From the cache, or fetched, checked and said so.
fn installed() -> Result<Program> {
    let (system, machine) = (env::consts::OS, env::consts::ARCH);
    let name = name_in_jar(system, machine)
        .with_context(|| format!("no Redis is pinned for {system} on {machine}: install one"))?;
    let folder = cache::folder("redis-6.2", |folder| {
        let jar = Jar { coordinates: JAR.0.to_owned(), sha256: JAR.1 };
        eprintln!("Redis 6.2 is not here: fetching {} by Maven (12 MB), once", jar.coordinates);
        let program = folder.join("redis-server");
        jar.take(name, &program)?;
        fs::set_permissions(&program, Permissions::from_mode(0o755)).context("making it executable")
    })?;
    look(&folder.join("redis-server"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_what_the_program_says() {
        let version = |text| Version::said(text).map(|version| (version.to_string(), version.fits()));
        let said = "Redis server v=6.2.11 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64 build=abc\n";
        assert_eq!(version(said), Some(("6.2.11".to_owned(), true)));
        assert_eq!(version("Redis server v=7.0.15 sha="), Some(("7.0.15".to_owned(), true)));
        assert_eq!(version("Redis server v=6.0.16 sha="), Some(("6.0.16".to_owned(), false)));
        assert_eq!(version("Valkey server v=8.0.1"), None);
    }

    #[test]
    fn only_machines_that_it_is_published_for_have_a_name() {
        assert!(name_in_jar("linux", "aarch64").is_some_and(|name| name.ends_with("arm64")));
        assert!(name_in_jar("linux", "riscv64").is_none() && name_in_jar("macos", "aarch64").is_none());
    }
}
