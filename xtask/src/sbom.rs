//! What is in the binary, as CycloneDX: every crate that is linked into it, with its licence and checksum.
//!
//! cargo itself says which crates these are: the tree of what `ficha` is built from on this machine, without what only
//! builds or expands code. The binary confirms it: panics name the crate's folder, and each has to be on the list.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{cargo, tree};

/// A crate: its name and its version.
type Id = (String, String);

/// What cargo's tree says of a crate.
#[derive(Default)]
struct Crate {
    licence: String,
    needs: BTreeSet<Id>,
}

/// Writes the bill of materials of this binary.
pub(crate) fn write(binary: &Path, to: &Path) -> Result<()> {
    let crates = crates(&tree_of_ficha()?)?;
    let bytes = fs::read(binary).with_context(|| format!("reading {}", binary.display()))?;
    let unlisted: Vec<Id> = named_in(&bytes).into_iter().filter(|id| !crates.contains_key(id)).collect();
    ensure!(unlisted.is_empty(), "the binary names crates that cargo's tree does not: {unlisted:?}");
    let lock = fs::read_to_string(tree::root().join("Cargo.lock")).context("reading Cargo.lock")?;
    let bill = bill(&crates, &checksums(&lock)?)?;
    fs::write(to, serde_json::to_vec_pretty(&bill)?).with_context(|| format!("writing {}", to.display()))
}

fn tree_of_ficha() -> Result<String> {
    let mut tree = cargo::cargo();
    tree.args(["tree", "--locked", "--package", "ficha", "--edges", "normal,no-proc-macro"]);
    tree.args(["--charset", "ascii", "--prefix", "depth", "--format", "{p}|{l}"]);
    let output = tree.output().context("cargo did not start")?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr).trim());
    String::from_utf8(output.stdout).context("cargo's tree is not UTF-8")
}

/// Reads lines such as `2bytes v1.12.1|MIT`: the depth in front says whose need it is. A crate with needs is written
/// out where it comes first.
fn crates(tree: &str) -> Result<BTreeMap<Id, Crate>> {
    let mut crates: BTreeMap<Id, Crate> = BTreeMap::new();
    let mut way: Vec<Id> = Vec::new();
    for line in tree.lines() {
        let unread = || format!("cargo's tree has a line of another kind: {line}");
        let start = line.find(|at: char| !at.is_ascii_digit()).with_context(unread)?;
        let (package, licence) = line[start..].split_once('|').with_context(unread)?;
        let mut words = package.split(' ');
        let (name, version) = (words.next(), words.next().and_then(|word| word.strip_prefix('v')));
        let (name, version) = name.zip(version).with_context(unread)?;
        let id = (name.to_owned(), version.to_owned());
        way.truncate(line[..start].parse().with_context(unread)?);
        if let Some(needing) = way.last() {
            crates.entry(needing.clone()).or_default().needs.insert(id.clone());
        }
        crates.entry(id.clone()).or_default().licence = licence.trim_end_matches(" (*)").replace('/', " OR ");
        way.push(id);
    }
    Ok(crates)
}

/// The SHA-256 of each crate that came from elsewhere.
fn checksums(lock: &str) -> Result<BTreeMap<Id, String>> {
    let lock: toml::Table = lock.parse().context("Cargo.lock is not TOML")?;
    let packages = lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock names none")?;
    let text = |package: &toml::Value, key: &str| Some(package.get(key)?.as_str()?.to_owned());
    let found = packages.iter().filter_map(|package| {
        let id = (text(package, "name")?, text(package, "version")?);
        Some((id, text(package, "checksum")?))
    });
    Ok(found.collect())
}

fn bill(crates: &BTreeMap<Id, Crate>, checksums: &BTreeMap<Id, String>) -> Result<Value> {
    let (ours, others): (Vec<_>, Vec<_>) = crates.iter().partition(|(id, _)| id.0 == "ficha");
    let [(id, ficha)] = ours[..] else { anyhow::bail!("cargo's tree has no single ficha") };
    let library = |(id, it): &(&Id, &Crate)| component("library", id, it, checksums.get(*id));
    let needs = |(id, it): (&Id, &Crate)| json!({ "ref": reference(id), "dependsOn": it.needs.iter().map(reference).collect::<Vec<_>>() });
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": component("application", id, ficha, None) },
        "components": others.iter().map(library).collect::<Vec<_>>(),
        "dependencies": crates.iter().map(needs).collect::<Vec<_>>(),
    }))
}

/// One of ours has no package URL: it is published nowhere.
fn component(kind: &str, id: &Id, it: &Crate, checksum: Option<&String>) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": reference(id),
        "name": id.0,
        "version": id.1,
        "licenses": [{ "expression": it.licence }],
    });
    if let Some(checksum) = checksum {
        component["purl"] = format!("pkg:cargo/{}@{}", id.0, id.1.replace('+', "%2B")).into();
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

fn reference((name, version): &Id) -> String {
    format!("{name}@{version}")
}

/// The crates whose folders the binary names: `…/registry/src/REGISTRY/NAME-VERSION`, and whatever comes next.
fn named_in(binary: &[u8]) -> BTreeSet<Id> {
    const BEFORE: &[u8] = b"/registry/src/";
    let starts = binary.windows(BEFORE.len()).enumerate().filter(|(_, window)| *window == BEFORE);
    let folder = |(at, _): (usize, &[u8])| {
        let mut parts = binary[at + BEFORE.len()..].splitn(3, |byte| *byte == b'/');
        let folder =
            parts.nth(1)?.split(|byte| !byte.is_ascii_alphanumeric() && !b"_-.+".contains(byte)).next()?;
        named(std::str::from_utf8(folder).ok()?)
    };
    starts.filter_map(folder).collect()
}

/// `md-5-0.11.0`: the version begins after the first dash that a number and a dot follow.
fn named(folder: &str) -> Option<Id> {
    let begins = |(at, _): &(usize, &str)| {
        let rest = &folder[at + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && rest[digits..].starts_with('.')
    };
    let (at, _) = folder.match_indices('-').find(begins)?;
    Some((folder[..at].to_owned(), folder[at + 1..].to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str, version: &str) -> Id {
        (name.to_owned(), version.to_owned())
    }

    const TREE: &str = "0ficha v0.1.0 (/here/crates/ficha)|Apache-2.0\n1axum v0.8.9|MIT\n2bytes v1.12.1|MIT\n\
                        1ficha-http v0.1.0 (/here/crates/http)|Apache-2.0\n2axum v0.8.9|MIT (*)\n2hex v0.4.3|MIT/Apache-2.0\n";

    #[test]
    fn the_tree_is_read_with_who_needs_whom() {
        let crates = crates(TREE).unwrap();
        assert_eq!(crates.len(), 5);
        let ficha = &crates[&id("ficha", "0.1.0")];
        assert_eq!(ficha.needs, [id("axum", "0.8.9"), id("ficha-http", "0.1.0")].into());
        assert_eq!(
            crates[&id("ficha-http", "0.1.0")].needs,
            [id("axum", "0.8.9"), id("hex", "0.4.3")].into()
        );
        assert_eq!(crates[&id("hex", "0.4.3")].licence, "MIT OR Apache-2.0");
        assert!(super::crates("axum").is_err());
    }

    #[test]
    fn the_binary_names_its_crates() {
        let binary =
            b"x/registry/src/index-1/aws-lc-rs-1.19.0/src/a.rs\0/registry/src/i/md-5-0.11.0\0\x01/lib.rs\
            /registry/src/i/toml-1.2.1+spec-1.1.0/";
        let expected = [id("aws-lc-rs", "1.19.0"), id("md-5", "0.11.0"), id("toml", "1.2.1+spec-1.1.0")];
        assert_eq!(named_in(binary), expected.into());
    }

    /// What runs in tests and what only builds is not in the binary.
    #[test]
    fn of_this_project_it_lists_what_is_linked() {
        let crates = crates(&tree_of_ficha().unwrap()).unwrap();
        let has = |name: &str| crates.keys().any(|(known, _)| known == name);
        assert!(has("tokio") && has("ficha-seal") && has("libsqlite3-sys"));
        assert!(!has("ficha-testkit") && !has("proptest") && !has("cc") && !has("serde_derive"));
        let lock = fs::read_to_string(tree::root().join("Cargo.lock")).unwrap();
        let checksums = checksums(&lock).unwrap();
        let foreign = crates.keys().filter(|(name, _)| name != "ficha" && !name.starts_with("ficha-"));
        assert!(foreign.clone().count() > 100);
        for id in foreign {
            assert!(checksums.contains_key(id), "{id:?} has no checksum in Cargo.lock");
        }
        let bill = bill(&crates, &checksums).unwrap();
        assert_eq!(bill["components"].as_array().unwrap().len(), crates.len() - 1);
        assert_eq!(bill["metadata"]["component"]["type"], "application");
    }
}
