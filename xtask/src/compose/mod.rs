//! `cargo xtask compose`: what `deploy/compose*.yaml` say is held against the compose specification, against the
//! project's own rules, and against a real ficha, so that these files cannot rot.
//!
//! The specification's own library reads them (`tests/deploy`). Then `deploy/prepare` is run, and the processes that the
//! files name are started on this machine, with the variables, commands and secrets that they name: only addresses are
//! put in the place of the containers' names, and servers of the tests in the place of those of the images.

mod project;
mod rules;
mod running;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::cargo::{self, Profile};
use crate::checks::{Others, emptied};
use crate::tree;
use project::Project;

const WHOLE: &str = "compose.yaml";
const MINIMAL: &str = "compose.minimal.yaml";

pub(crate) fn run() -> Result<ExitCode> {
    check(&Others::obtain()?.context("Go is missing: version 1.25 or later is needed")?)?;
    Ok(ExitCode::SUCCESS)
}

/// The share of a change's checks.
pub(crate) fn ci() -> Result<()> {
    match Others::obtain()? {
        Some(others) => check(&others),
        None => {
            println!("ci: compose NOT RUN: Go is missing");
            Ok(())
        }
    }
}

fn check(others: &Others) -> Result<()> {
    let ficha = cargo::build("ficha", Profile::Debug)?;
    let folder = prepared(&ficha)?;
    refuses_what_is_broken(others, &folder)?;
    let read = |name: &str| Project::parse(&others.check("compose", &folder.join(name))?);
    let (whole, minimal) = (read(WHOLE)?, read(MINIMAL)?);
    for (name, project) in [(WHOLE, &whole), (MINIMAL, &minimal)] {
        let broken = rules::broken(project);
        ensure!(broken.is_empty(), "deploy/{name}: {}", broken.join("; "));
    }
    running::minimal(&minimal, &ficha)?;
    running::whole(&whole, &ficha)?;
    println!(
        "compose: both files are as specified, and what they say starts, is healthy and answers a dossier"
    );
    Ok(())
}

/// A copy of `deploy/`, prepared as an operator does it: twice, which changes nothing.
fn prepared(ficha: &Path) -> Result<std::path::PathBuf> {
    let folder = emptied("deploy/tried")?;
    for name in [WHOLE, MINIMAL, "prepare", "replica-set.js"] {
        let from = tree::root().join("deploy").join(name);
        fs::copy(&from, folder.join(name)).with_context(|| format!("copying {}", from.display()))?;
    }
    let mut settings = Vec::new();
    for _ in 0..2 {
        cargo::must(Command::new(folder.join("prepare")).env("FICHA", ficha))?;
        settings.push(fs::read_to_string(folder.join(".env")).context("the settings that `prepare` makes")?);
    }
    ensure!(settings[0] == settings[1], "`prepare` made other settings the second time");
    Ok(folder)
}

/// The checks can fail: a word that no service has, a number that is none, and a bill of materials that says nothing.
fn refuses_what_is_broken(others: &Others, folder: &Path) -> Result<()> {
    let good = fs::read_to_string(folder.join(MINIMAL)).context("reading it")?;
    for (right, wrong) in [("read_only:", "readonly:"), ("  ficha:\n", "  ficha:\n    scale: many\n")] {
        let file = folder.join("compose.broken.yaml");
        let broken = good.replace(right, wrong);
        ensure!(broken != good, "{MINIMAL} has no {right}");
        fs::write(&file, broken).context("writing it")?;
        ensure!(others.check("compose", &file).is_err(), "a file with `{wrong}` is taken");
    }
    let nothing = folder.join("nothing.json");
    fs::write(&nothing, "{}").context("writing it")?;
    ensure!(others.check("sbom", &nothing).is_err(), "an empty bill of materials is taken");
    Ok(())
}
