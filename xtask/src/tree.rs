//! Where the project lies and which files belong to it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The folder of the workspace. Cargo names ours when it runs us; a binary started by hand remembers the one
/// it was built in.
pub(crate) fn root() -> PathBuf {
    let built_in = || PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let ours = env::var_os("CARGO_MANIFEST_DIR").map_or_else(built_in, PathBuf::from);
    ours.parent().map_or_else(|| ours.clone(), Path::to_path_buf)
}

/// Every file that git tracks or would, relative to `root`, with `/` between the parts. New files count: a rule
/// that only sees them after `git add` is met one commit too late.
pub(crate) fn files(root: &Path) -> Result<Vec<String>> {
    let listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").current_dir(root).args(listing).output().context("git did not start")?;
    ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
    let names = String::from_utf8(output.stdout).context("a file's name is not UTF-8")?;
    let mut files: Vec<String> = names.split_terminator('\0').map(str::to_owned).collect();
    files.sort();
    files.dedup();
    files.retain(|name| root.join(name).is_file());
    Ok(files)
}

/// The files of `root` that are text, with their text.
pub(crate) fn texts(root: &Path) -> Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    for name in files(root)? {
        let bytes = std::fs::read(root.join(&name)).with_context(|| format!("reading {name}"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            texts.push((name, text));
        }
    }
    Ok(texts)
}
