//! The load generators, which are Debian's.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::cargo::must;

/// The program is there, or Debian's package that holds it is installed where we may.
pub(super) fn need(program: &str, package: &str) -> Result<()> {
    if starts(program) {
        return Ok(());
    }
    if !starts("apt-get") || !is_root() {
        bail!("`{program}` is missing; install it (Debian: `apt-get install {package}`)");
    }
    eprintln!("{program} is missing: installing Debian's {package}");
    if install(package).is_err() {
        must(Command::new("apt-get").args(["update", "--quiet"]))?;
        install(package)?;
    }
    Ok(())
}

fn install(package: &str) -> Result<()> {
    must(Command::new("apt-get").args(["install", "--yes", "--quiet", package]))
}

fn starts(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
