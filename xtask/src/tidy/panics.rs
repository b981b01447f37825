//! No `unwrap` and no `expect` outside tests: a service answers with an error, it does not die. Clippy says the same
//! but can be silenced in place; the ratchet's `[panics]` lists the few of start-up in one file, with their number.

use std::collections::BTreeMap;

use super::Finding;
use super::project::Project;
use super::ratchet::{Limit, Measured};
use super::source::Source;

/// The room that exists for tests; a panic there is a failing test.
const FOR_TESTS: &str = "crates/testkit/";

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let limit = Limit {
        rule: "panics",
        most: 0,
        unit: "unwrap/expect",
        fix: "return an error (`?` with a context), or match",
        tolerated: &project.ratchet.panics,
    };
    let shipped = project.sources.iter().filter(|source| !source.path.starts_with(FOR_TESTS));
    project.ratchet.compare(&limit, &shipped.flat_map(of_file).collect::<Vec<_>>())
}

fn of_file(source: &Source) -> Vec<Measured> {
    let mut by_place: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let unwraps = source.find(&[".", "unwrap", "(", ")"]).into_iter();
    let calls = unwraps.chain(source.find(&[".", "expect", "("]));
    for line in calls.filter(|line| !source.is_test(*line)) {
        by_place.entry(source.place(line)).or_default().push(line);
    }
    let measured = |(place, lines): (&str, Vec<usize>)| Measured {
        name: place.to_owned(),
        line: lines.iter().copied().min().unwrap_or(1),
        size: lines.len(),
    };
    by_place.into_iter().map(measured).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, ratchet: &str) -> Vec<String> {
        let files = [("crates/debts/src/lib.rs", text), (super::super::ratchet::PATH, ratchet)];
        check(&Project::sample(&files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn unwrap_and_expect_are_caught_with_their_function() {
        let findings = told("struct A;\nimpl A {\nfn a() {\n b.unwrap();\n c.expect(\"d\");\n}}", "");
        let expected = "crates/debts/src/lib.rs:4: [panics] A::a: 2 unwrap/expect, at most 0; \
                        return an error (`?` with a context), or match";
        assert_eq!(findings, [expected]);
    }

    #[test]
    fn words_in_comments_strings_and_tests_are_not() {
        let text =
            "/// a.unwrap()\nfn a() { b(\".unwrap()\"); } #[cfg(test)] mod t { fn c() { d.unwrap(); } }";
        assert!(told(text, "").is_empty());
        assert!(told("fn a() { b.unwrap_or_default(); }", "").is_empty());
    }

    #[test]
    fn start_up_may_be_listed() {
        let ratchet = "[panics]\n\"crates/debts/src/lib.rs::main\" = 1";
        assert!(told("fn main() { a.expect(\"b\"); }", ratchet).is_empty());
        assert_eq!(told("fn main() {}", ratchet).len(), 1);
    }

    #[test]
    fn the_room_for_tests_may_panic() {
        let sample = Project::sample(&[("crates/testkit/src/lib.rs", "fn a() { b.unwrap(); }")]);
        assert!(check(&sample).is_empty());
    }
}
