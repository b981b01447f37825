//! What was meant for the moment of writing: unfinished code, silenced lints without a reason, tests that do not run.

use super::Finding;
use super::project::Project;
use super::source::{self, Source, Token};

/// Macros that say "later".
const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];

pub(super) fn check(project: &Project) -> Vec<Finding> {
    project.sources.iter().flat_map(of_file).collect()
}

fn of_file(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in MACROS {
        let calls = source.find(&[name, "!"]).into_iter();
        findings
            .extend(calls.map(|line| finding(source, line, "leftovers", format!("`{name}!`"), "finish it")));
    }
    findings.extend(source.attributes().filter_map(|attribute| of_attribute(source, attribute)));
    findings
}

fn of_attribute(source: &Source, attribute: &[Token]) -> Option<Finding> {
    let line = attribute.first()?.line;
    if silences(attribute) && !contains(attribute, &["reason", "="]) {
        let fix = "add `reason = \"…\"`, or mend what it complains of";
        return Some(finding(source, line, "reasons", "a silenced lint without a reason".to_owned(), fix));
    }
    if ignores(attribute) {
        let fix = "make it run, or delete it";
        return Some(finding(source, line, "ignored-tests", "a test that does not run".to_owned(), fix));
    }
    None
}

fn is_conditional(attribute: &[Token]) -> bool {
    attribute.first().is_some_and(|token| token.text == "cfg_attr")
}

fn silences(attribute: &[Token]) -> bool {
    let silencer = |tokens: &[Token]| contains(tokens, &["allow", "("]) || contains(tokens, &["expect", "("]);
    if is_conditional(attribute) { silencer(attribute) } else { attribute.get(..2).is_some_and(silencer) }
}

fn ignores(attribute: &[Token]) -> bool {
    let ignore = |token: &Token| token.text == "ignore";
    attribute.first().is_some_and(ignore) || is_conditional(attribute) && attribute.iter().any(ignore)
}

fn contains(tokens: &[Token], wanted: &[&str]) -> bool {
    !source::find(tokens, wanted).is_empty()
}

fn finding(source: &Source, line: usize, rule: &'static str, what: String, fix: &str) -> Finding {
    Finding { file: source.path.clone(), line, rule, what, fix: fix.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<&'static str> {
        check(&Project::sample(&[("crates/debts/src/lib.rs", text)]))
            .iter()
            .map(|finding| finding.rule)
            .collect()
    }

    #[test]
    fn unfinished_code_is_caught() {
        assert_eq!(rules("fn a() { todo!() }"), ["leftovers"]);
        assert_eq!(rules("fn a() { unimplemented!() }"), ["leftovers"]);
        assert_eq!(rules("fn a() { dbg!(1); }"), ["leftovers"]);
        assert!(rules("fn a() { let todo = 1; b(\"todo!\"); }").is_empty());
    }

    #[test]
    fn a_silenced_lint_needs_its_reason() {
        assert_eq!(rules("#![allow(missing_docs)]"), ["reasons"]);
        assert_eq!(rules("#[expect(dead_code)] fn a() {}"), ["reasons"]);
        assert_eq!(rules("#[cfg_attr(test, allow(dead_code))] fn a() {}"), ["reasons"]);
        assert!(rules("#[expect(dead_code, reason = \"b\")] fn a() {}").is_empty());
        assert!(rules("#[derive(Debug)] #[error(\"x\")] struct A;").is_empty());
    }

    #[test]
    fn a_test_that_does_not_run_is_caught() {
        assert_eq!(rules("#[test] #[ignore] fn a() {}"), ["ignored-tests"]);
        assert_eq!(rules("#[test] #[ignore = \"slow\"] fn a() {}"), ["ignored-tests"]);
        assert_eq!(rules("#[cfg_attr(unix, ignore)] fn a() {}"), ["ignored-tests"]);
        assert_eq!(rules("mod tests { proptest! { #[test] #[ignore] fn a() {} } }"), ["ignored-tests"]);
    }
}
