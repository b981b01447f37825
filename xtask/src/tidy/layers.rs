//! Which room may know which. `ARCHITECTURE.md` draws the same picture; this one fails.

use toml::Table;

use super::Finding;
use super::project::{Manifest, Project, room};

/// What a room's `[dependencies]` may name of ours. `ficha`, the binary, wires everything and is not listed.
const ARROWS: [(&str, &[&str]); 23] = [
    ("domain", &[]),
    ("contract", &["domain"]),
    ("seal", &["domain"]),
    ("sqlite", &[]),
    ("postgres", &[]),
    ("mongo", &[]),
    ("cache", &["domain", "seal"]),
    ("search", &[]),
    ("people", &["cache", "contract", "domain", "mongo", "postgres", "seal", "sqlite"]),
    ("http", &["contract", "domain"]),
    ("debts", &["contract", "domain", "http", "people"]),
    ("score", &["contract", "domain", "http", "people"]),
    ("events", &["cache", "contract", "domain", "http", "mongo", "search", "sqlite"]),
    ("evidence", &["contract", "domain", "postgres", "seal", "sqlite"]),
    ("identity", &["contract", "domain", "http", "postgres", "seal", "sqlite"]),
    ("dossier", &["contract", "domain", "http", "postgres", "seal", "sqlite"]),
    ("remote", &["contract", "domain", "http"]),
    ("intake", &["contract", "domain"]),
    ("population", &["domain"]),
    ("testkit", &["contract", "domain", "engines", "http"]),
    ("engines", &[]),
    ("xtask", &["engines"]),
    ("bench", &[]),
];

/// What can run in a process of its own; these know each other through the contract only, in tests too.
const SERVICES: [&str; 5] = ["debts", "score", "events", "identity", "dossier"];

/// The binary: it may know every room, no room may know it.
const BINARY: &str = "ficha";

pub(super) fn check(project: &Project) -> Vec<Finding> {
    project.manifests.iter().flat_map(of_manifest).collect()
}

fn of_manifest(manifest: &Manifest) -> Vec<Finding> {
    let from = manifest.room();
    if from != BINARY && allowed(from).is_none() {
        let what = format!("the room {from} is not on the map");
        return vec![finding(
            manifest,
            "name",
            what,
            "give it a line in ARROWS, in xtask/src/tidy/layers.rs",
        )];
    }
    let tables = manifest.dependencies().into_iter();
    tables.flat_map(|(kind, table)| of_dependencies(manifest, kind, table)).collect()
}

fn of_dependencies(manifest: &Manifest, kind: &str, table: &Table) -> Vec<Finding> {
    let from = manifest.room();
    let ours = table.keys().filter(|name| room(name) != name.as_str() || *name == BINARY);
    let wrong = ours.filter_map(|name| Some((name, refusal(from, room(name), kind == "dev-dependencies")?)));
    let told = |(name, reason): (&String, String)| {
        let what = format!("{from} must not depend on {name}: {reason}");
        finding(manifest, name, what, "go through a trait of ficha-contract, or move the shared part down")
    };
    wrong.map(told).collect()
}

/// Why an arrow is wrong; nothing when it is right.
fn refusal(from: &str, to: &str, only_tests: bool) -> Option<String> {
    if to == BINARY {
        return Some("nobody depends on the binary".to_owned());
    }
    if SERVICES.contains(&from) && SERVICES.contains(&to) {
        return Some("a service never depends on another".to_owned());
    }
    let allowed = allowed(from)?;
    let wrong = !only_tests && !allowed.contains(&to);
    wrong.then(|| {
        format!(
            "it may know {}",
            if allowed.is_empty() { "none of ours".to_owned() } else { allowed.join(", ") }
        )
    })
}

fn allowed(from: &str) -> Option<&'static [&'static str]> {
    ARROWS.iter().find(|(room, _)| *room == from).map(|(_, allowed)| *allowed)
}

fn finding(manifest: &Manifest, key: &str, what: String, fix: &str) -> Finding {
    let line = manifest.line_of(key);
    Finding { file: manifest.path.clone(), line, rule: "layers", what, fix: fix.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(package: &str, kind: &str, dependency: &str) -> Vec<String> {
        let text = format!("[package]\nname = \"{package}\"\n[{kind}]\n{dependency}.workspace = true\n");
        let project = Project::sample(&[("crates/x/Cargo.toml", &text)]);
        check(&project).iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
    }

    #[test]
    fn an_arrow_the_wrong_way_is_caught() {
        let expected = ["4: domain must not depend on ficha-contract: it may know none of ours"];
        assert_eq!(told("ficha-domain", "dependencies", "ficha-contract"), expected);
        assert_eq!(told("ficha-bench", "build-dependencies", "ficha-domain").len(), 1);
    }

    #[test]
    fn a_service_on_another_is_caught_in_tests_too() {
        let expected = ["4: dossier must not depend on ficha-debts: a service never depends on another"];
        assert_eq!(told("ficha-dossier", "dependencies", "ficha-debts"), expected);
        assert_eq!(told("ficha-dossier", "dev-dependencies", "ficha-debts"), expected);
    }

    #[test]
    fn nobody_depends_on_the_binary() {
        assert_eq!(told("ficha-testkit", "dev-dependencies", "ficha").len(), 1);
    }

    #[test]
    fn a_room_off_the_map_is_caught() {
        assert_eq!(told("ficha-attic", "dependencies", "serde"), ["2: the room attic is not on the map"]);
    }

    #[test]
    fn right_arrows_the_binary_and_test_helpers_pass() {
        assert!(told("ficha-debts", "dependencies", "ficha-people").is_empty());
        assert!(told("ficha", "dependencies", "ficha-dossier").is_empty());
        assert!(told("ficha-debts", "dev-dependencies", "ficha-testkit").is_empty());
        assert!(told("ficha-debts", "dependencies", "serde").is_empty());
    }
}
