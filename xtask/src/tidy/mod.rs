//! `cargo xtask tidy`: the project's habits, executed. The same checks are a test, so `cargo test` runs them.
//!
//! # To add a rule
//! One module with `check(&Project) -> Vec<Finding>`, one line in [`RULES`], and a unit test with a bad sample that
//! it must catch. A finding says where, what, and how to mend it.

mod layers;
mod leftovers;
mod manifests;
mod panics;
mod project;
mod ratchet;
mod routes;
mod sizes;
mod source;
mod texts;

use std::fmt;
use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::tree;
use project::Project;

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    line: usize,
    rule: &'static str,
    what: String,
    fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, rule, what, fix } = self;
        write!(f, "{file}:{line}: [{rule}] {what}; {fix}")
    }
}

const RULES: [fn(&Project) -> Vec<Finding>; 7] = [
    layers::check,
    manifests::check,
    sizes::check,
    panics::check,
    routes::check,
    leftovers::check,
    texts::check,
];

pub(crate) fn run() -> Result<ExitCode> {
    check()?;
    println!("tidy");
    Ok(ExitCode::SUCCESS)
}

/// Prints every finding of the project's files; any finding is an error.
pub(crate) fn check() -> Result<()> {
    let findings = findings(&Project::of(tree::texts(&tree::root())?)?);
    for finding in &findings {
        eprintln!("{finding}");
    }
    ensure!(findings.is_empty(), "tidy has {} findings", findings.len());
    Ok(())
}

fn findings(project: &Project) -> Vec<Finding> {
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(project)).collect();
    findings.extend(project.unreadable());
    findings.sort();
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_tidy() {
        let checked = check().map_err(|error| error.to_string());
        assert_eq!(checked, Ok(()), "see above for each finding's place and mending");
    }

    #[test]
    fn a_finding_reads_as_place_rule_and_mending() {
        let finding = Finding {
            file: "crates/debts/src/lib.rs".to_owned(),
            line: 7,
            rule: "panics",
            what: "`.unwrap()`".to_owned(),
            fix: "return an error".to_owned(),
        };
        assert_eq!(finding.to_string(), "crates/debts/src/lib.rs:7: [panics] `.unwrap()`; return an error");
    }

    #[test]
    fn rust_that_cannot_be_read_is_a_finding_not_a_pass() {
        let project = Project::sample(&[("crates/debts/src/lib.rs", "fn a( {")]);
        assert_eq!(findings(&project).iter().map(|finding| finding.rule).collect::<Vec<_>>(), ["rust"]);
    }
}
