//! Servers that refuse to run as root run as nobody when we are root, and as ourselves otherwise.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// `nobody` and its group have this number on every Linux, whatever the group is called.
const NOBODY: u32 = 65534;

/// Whose files the ones that we make are.
pub(crate) fn id() -> Result<u32> {
    let made = tempfile::tempfile().and_then(|file| file.metadata());
    Ok(made.context("a file in the folder for temporary ones")?.uid())
}

/// A command that runs as the servers' user, and nowhere in particular: nobody may not stand where root does.
pub(crate) fn command(program: &Path) -> Result<Command> {
    let mut command = Command::new(program);
    if id()? == 0 {
        command = Command::new("setpriv");
        command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")]);
        command.arg("--clear-groups").arg("--").arg(program);
    }
    command.current_dir("/");
    Ok(command)
}

/// Makes the servers' user the owner.
pub(crate) fn hand_over(path: &Path) -> Result<()> {
    if id()? == 0 {
        chown(path, Some(NOBODY), Some(NOBODY))
            .with_context(|| format!("handing over {}", path.display()))?;
    }
    Ok(())
}
