//! One place for versions, editions and lints: the workspace.

use toml::{Table, Value};

use super::Finding;
use super::project::{Manifest, Project};

pub(super) fn check(project: &Project) -> Vec<Finding> {
    project.manifests.iter().flat_map(of_manifest).collect()
}

fn of_manifest(manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !manifest.table.get("lints").is_some_and(is_inherited) {
        let what = "the workspace's lints are not inherited".to_owned();
        findings.push(finding(manifest, "[lints", what, "add [lints] workspace = true"));
    }
    let package = manifest.table.get("package").and_then(Value::as_table);
    for key in ["version", "edition"] {
        if !package.and_then(|package| package.get(key)).is_some_and(is_inherited) {
            let what = format!("the {key} is not the workspace's");
            findings.push(finding(manifest, key, what, &format!("write {key}.workspace = true")));
        }
    }
    let tables = manifest.dependencies();
    findings.extend(tables.into_iter().flat_map(|(_, table)| of_dependencies(manifest, table)));
    findings
}

fn of_dependencies(manifest: &Manifest, table: &Table) -> Vec<Finding> {
    let own = table.iter().filter(|(_, value)| !is_inherited(value));
    let told = own.map(|(name, _)| {
        let what = format!("the dependency {name} is not the workspace's");
        finding(
            manifest,
            name,
            what,
            &format!("name it in the root's [workspace.dependencies], here {name}.workspace = true"),
        )
    });
    told.collect()
}

fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

fn finding(manifest: &Manifest, key: &str, what: String, fix: &str) -> Finding {
    let line = manifest.line_of(key);
    Finding { file: manifest.path.clone(), line, rule: "manifests", what, fix: fix.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
[package]
name = \"ficha-debts\"
version.workspace = true
edition.workspace = true
[lints]
workspace = true
[dependencies]
axum.workspace = true
serde = { workspace = true, features = [\"rc\"] }
";

    fn told(text: &str) -> Vec<String> {
        let project = Project::sample(&[("crates/debts/Cargo.toml", text)]);
        check(&project).iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
    }

    #[test]
    fn a_crate_that_inherits_everything_is_well() {
        assert!(told(GOOD).is_empty());
    }

    #[test]
    fn own_lints_version_and_edition_are_caught() {
        assert_eq!(
            told(&GOOD.replace("workspace = true\n[dep", "rust = {}\n[dep")),
            ["5: the workspace's lints are not inherited"]
        );
        assert_eq!(
            told(&GOOD.replace("version.workspace = true", "version = \"1.0.0\"")),
            ["3: the version is not the workspace's"]
        );
        assert_eq!(
            told(&GOOD.replace("edition.workspace = true\n", "")),
            ["1: the edition is not the workspace's"]
        );
    }

    #[test]
    fn own_dependencies_are_caught_in_every_table() {
        let expected = ["8: the dependency axum is not the workspace's"];
        assert_eq!(told(&GOOD.replace("axum.workspace = true", "axum = \"0.8\"")), expected);
        let platform = format!("{GOOD}[target.'cfg(unix)'.dev-dependencies]\nnix = \"1\"\n");
        assert_eq!(told(&platform), ["11: the dependency nix is not the workspace's"]);
    }
}
