//! Folders that do not outlive the process that made them; what a killed one left is swept by the next.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::user;

/// Others may pass, to what is theirs further down, and not look around.
const PASSABLE: u32 = 0o711;

/// A new folder in `base`, gone with its value. First the folders of processes that are no more are removed.
pub(crate) fn make(base: &Path) -> Result<TempDir> {
    fs::create_dir_all(base).with_context(|| format!("making {}", base.display()))?;
    let owner = fs::symlink_metadata(base)?;
    ensure!(owner.is_dir() && owner.uid() == user::id()?, "{} is somebody else's", base.display());
    passable(base)?;
    sweep(base)?;
    let prefix = format!("{}-", process::id());
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(base).context("making a folder")?;
    passable(folder.path())?;
    Ok(folder)
}

/// Where servers run: one place for each user.
pub(crate) fn of_runs() -> Result<PathBuf> {
    Ok(std::env::temp_dir().join(format!("ficha-engines-{}", user::id()?)))
}

fn passable(path: &Path) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(PASSABLE))
        .with_context(|| format!("letting others pass {}", path.display()))
}

/// Another process may sweep at the same time: what is gone already is as good.
fn sweep(base: &Path) -> Result<()> {
    for entry in fs::read_dir(base).with_context(|| format!("reading {}", base.display()))?.flatten() {
        if owner_of(&entry.file_name().to_string_lossy()).is_some_and(|owner| !is_alive(owner)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

fn owner_of(name: &str) -> Option<u32> {
    name.split_once('-')?.0.parse().ok()
}

/// Asked by the shell, which is everywhere (the program `kill` is not). Where it cannot be asked, everybody lives.
fn is_alive(process: u32) -> bool {
    let mut ask = Command::new("sh");
    ask.args(["-c", &format!("kill -0 {process}")]).stderr(Stdio::null());
    ask.status().map_or(true, |status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_takes_the_folders_of_the_dead_only() {
        let base = tempfile::tempdir().unwrap();
        let mut dead = Command::new("true").spawn().unwrap();
        let left = base.path().join(format!("{}-left", dead.id()));
        dead.wait().unwrap();
        let strange = base.path().join("not-ours");
        fs::create_dir(&left).unwrap();
        fs::create_dir(&strange).unwrap();

        let alive = make(base.path()).unwrap();
        let second = make(base.path()).unwrap();
        assert!(!left.exists());
        assert!(strange.exists() && alive.path().exists() && second.path().exists());
    }

    #[test]
    fn a_base_of_somebody_else_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let link = base.path().join("link");
        std::os::unix::fs::symlink(base.path(), &link).unwrap();
        assert!(make(&link).unwrap_err().to_string().ends_with("is somebody else's"));
    }
}
