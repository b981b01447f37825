//! `cargo xtask openapi`: the contract with the outside, written from the code and kept in git.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::cargo::{self, Profile};
use crate::tree;

/// What follows `openapi`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Writes nothing; fails when a committed document is not what the code says.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let done = if args.check { check() } else { write(&tree::root().join("openapi")) };
    done.map(|()| ExitCode::SUCCESS)
}

/// Compares the committed documents with fresh ones.
pub(crate) fn check() -> Result<()> {
    let fresh = tree::root().join("target/openapi-check");
    if fresh.exists() {
        fs::remove_dir_all(&fresh).context("emptying target/openapi-check")?;
    }
    write(&fresh)?;
    let fresh = documents(&fresh)?;
    ensure!(!fresh.is_empty(), "`ficha openapi` wrote no document");
    let differences = differences(&documents(&tree::root().join("openapi"))?, &fresh);
    ensure!(
        differences.is_empty(),
        "openapi/ is not what the code says: {}; run `cargo xtask openapi` and commit what it writes",
        differences.join(", ")
    );
    Ok(())
}

/// The debug build: the tests need it anyway.
fn write(folder: &Path) -> Result<()> {
    let ficha = cargo::build("ficha", Profile::Debug)?;
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    cargo::must(Command::new(ficha).args(["openapi", "--out"]).arg(folder))
}

/// The JSON documents of a folder, by name.
fn documents(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut documents = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
        if name.ends_with(".json") {
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            documents.insert(name, text);
        }
    }
    Ok(documents)
}

fn differences(committed: &BTreeMap<String, String>, fresh: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = committed.keys().chain(fresh.keys()).collect();
    let told = |name: &String| match (committed.get(name), fresh.get(name)) {
        (Some(old), Some(new)) if old == new => None,
        (Some(_), Some(_)) => Some(format!("{name} (stale)")),
        (None, _) => Some(format!("{name} (missing)")),
        (_, None) => Some(format!("{name} (of no role)")),
    };
    names.into_iter().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(documents: &[(&str, &str)]) -> BTreeMap<String, String> {
        documents.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn stale_missing_and_foreign_documents_are_named() {
        let committed = folder(&[("debts.json", "{}"), ("old.json", "{}"), ("score.json", "{}")]);
        let fresh = folder(&[("debts.json", "{}"), ("events.json", "{}"), ("score.json", "{ }")]);
        let expected = ["events.json (missing)", "old.json (of no role)", "score.json (stale)"];
        assert_eq!(differences(&committed, &fresh), expected);
        assert!(differences(&fresh, &fresh).is_empty());
    }
}
