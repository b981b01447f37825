//! Programs that are published as jars: fetched by the ordinary client, as this machine has it configured.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{archive, must};

/// A jar of which only these bytes are taken.
pub(crate) struct Jar {
    /// `group:artifact:version`.
    pub coordinates: String,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: &'static str,
}

impl Jar {
    /// Unpacks what the jar holds under this ending, a compressed archive itself, into `into`.
    pub(crate) fn unpack(&self, packed: &str, into: &Path) -> Result<()> {
        let fetched = tempfile::tempdir_in(into).context("a folder to fetch into")?;
        let inner = fetched.path().join("inner");
        self.take(packed, &inner)?;
        let mut tar = Command::new("tar");
        tar.args(["-x", "-J", "--no-same-owner", "-f"]).arg(&inner).arg("-C").arg(into);
        must(&mut tar).context("unpacking needs `tar` and `xz`")?;
        Ok(())
    }

    /// Takes the one file with this ending out of the jar.
    pub(crate) fn take(&self, ending: &str, to: &Path) -> Result<()> {
        let fetched = tempfile::tempdir_in(to.parent().unwrap_or(to)).context("a folder to fetch into")?;
        let jar = self.fetch(fetched.path())?;
        archive::check(&jar, &self.coordinates, self.sha256)?;
        archive::extract(&jar, ending, to).with_context(|| format!("unpacking {}", self.coordinates))
    }

    fn fetch(&self, into: &Path) -> Result<PathBuf> {
        let artifact = format!("-Dartifact={}", self.coordinates);
        let output = format!("-DoutputDirectory={}", into.display());
        run(into, &["dependency:copy", &artifact, &output])?;
        let name = self.coordinates.split(':').skip(1).collect::<Vec<_>>().join("-");
        Ok(into.join(name).with_added_extension("jar"))
    }
}

/// Fetches what the `pom.xml` in this folder names, to where it says.
pub(crate) fn copy_dependencies(folder: &Path) -> Result<()> {
    run(folder, &["dependency:copy-dependencies"])
}

fn run(folder: &Path, goal: &[&str]) -> Result<()> {
    let maven = || {
        let mut maven = Command::new("mvn");
        // Without `-U` Maven remembers for a day that something was not there.
        maven.args(["--batch-mode", "--quiet", "-U"]).args(goal).current_dir(folder);
        maven
    };
    let done = must(&mut maven()).or_else(|error| {
        // Java's home is that of the system's list of users, which is no folder for users like nobody.
        if !error.to_string().contains("create local repository") {
            return Err(error);
        }
        must(maven().arg(format!("-Dmaven.repo.local={}", folder.join("repository").display())))
    });
    done.map(drop).context("Maven is needed (Debian: `apt-get install maven`)")
}
