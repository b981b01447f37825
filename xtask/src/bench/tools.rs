//! The load generator, which is Debian's.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::cargo::must;

/// wrk is there, or is installed where we may.
pub(super) fn need_wrk() -> Result<()> {
    if starts("wrk") {
        return Ok(());
    }
    if !starts("apt-get") || !is_root() {
        bail!("`wrk` is missing; install it (Debian: `apt-get install wrk`, macOS: `brew install wrk`)");
    }
    eprintln!("wrk is missing: installing Debian's");
    if install().is_err() {
        must(Command::new("apt-get").args(["update", "--quiet"]))?;
        install()?;
    }
    Ok(())
}

fn install() -> Result<()> {
    must(Command::new("apt-get").args(["install", "--yes", "--quiet", "wrk"]))
}

fn starts(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
