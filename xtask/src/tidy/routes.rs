//! Routes are registered through `routes!`, so that each is in the OpenAPI document and in the coverage test that
//! tries it without a token. `crates/http` is the shell and may do otherwise; so may `crates/remote`, whose routes only
//! processes of the same installation reach, by their keys, which its own tests leave out and get wrong.

use super::Finding;
use super::project::Project;

const OTHERWISE: [&str; 2] = ["crates/http/", "crates/remote/"];
const METHODS: [&str; 2] = ["route", "route_service"];

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let rooms = project
        .sources
        .iter()
        .filter(|source| source.path.starts_with("crates/"))
        .filter(|source| !OTHERWISE.iter().any(|room| source.path.starts_with(room)));
    let in_room = |source: &super::source::Source| {
        let calls = METHODS.iter().flat_map(|method| source.find(&[".", method, "("]));
        let own = calls.filter(|line| !source.is_test(*line));
        own.map(|line| finding(&source.path, line)).collect::<Vec<_>>()
    };
    rooms.flat_map(in_room).collect()
}

fn finding(file: &str, line: usize) -> Finding {
    Finding {
        file: file.to_owned(),
        line,
        rule: "routes",
        what: "a route that no OpenAPI document knows".to_owned(),
        fix: "give the handler #[utoipa::path] and register it with `routes!`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Project::sample(&[(path, text)])).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_route_past_the_document_is_caught() {
        let text = "fn a() {\n Router::new()\n .route(\"/x\", get(x))\n .route_service(\"/y\", y);\n}";
        assert_eq!(lines("crates/debts/src/api.rs", text), [3, 4]);
    }

    #[test]
    fn the_shell_the_macro_and_tests_are_free() {
        let text = "fn a() { Router::new().route(\"/livez\", get(x)); }";
        assert!(lines("crates/http/src/shell.rs", text).is_empty());
        assert!(lines("crates/remote/src/desk.rs", text).is_empty());
        assert!(lines("crates/debts/tests/api.rs", text).is_empty());
        assert!(
            lines("crates/debts/src/api.rs", "fn a() { OpenApiRouter::new().routes(routes!(x)); }")
                .is_empty()
        );
    }
}
