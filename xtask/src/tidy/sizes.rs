//! Small files, small functions, thin handlers.

use super::Finding;
use super::project::Project;
use super::ratchet::{Limit, Measured};
use super::source::Source;

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let ratchet = &project.ratchet;
    let files = Limit {
        rule: "file-size",
        most: 400,
        unit: "lines",
        fix: "split it by what it is about",
        tolerated: &ratchet.files,
    };
    let functions = Limit {
        rule: "function-size",
        most: 70,
        unit: "lines",
        fix: "name its steps and move them out",
        tolerated: &ratchet.functions,
    };
    let handlers = Limit {
        rule: "handler-size",
        most: 40,
        unit: "lines",
        fix: "extract, one call, respond: the rest belongs to the service",
        tolerated: &ratchet.handlers,
    };
    let mut findings = ratchet.compare(&files, &project.sources.iter().map(file).collect::<Vec<_>>());
    findings.extend(ratchet.compare(&functions, &measured(project, false)));
    findings.extend(ratchet.compare(&handlers, &measured(project, true)));
    findings
}

fn file(source: &Source) -> Measured {
    Measured { name: source.path.clone(), line: 1, size: source.lines_without_tests() }
}

fn measured(project: &Project, handlers: bool) -> Vec<Measured> {
    let of_file = |source: &Source| {
        let wanted = source.functions.iter().filter(|function| function.handler == handlers);
        let counted = wanted.filter(|function| !source.is_test(*function.lines.start()));
        let measure = |function: &super::source::Function| Measured {
            name: function.name.clone(),
            line: *function.lines.start(),
            size: function.length(),
        };
        counted.map(measure).collect::<Vec<_>>()
    };
    project.sources.iter().flat_map(of_file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(path: &str, text: &str) -> Vec<String> {
        check(&Project::sample(&[(path, text)])).iter().map(ToString::to_string).collect()
    }

    fn function(before: &str, lines: usize) -> String {
        format!("{before} fn long() {{{}}}", "\n".repeat(lines - 1))
    }

    #[test]
    fn a_long_file_is_caught_and_its_inline_tests_are_not_counted() {
        assert_eq!(told("src/a.rs", &"\n".repeat(401)).len(), 1);
        let tests = format!("{}#[cfg(test)] mod tests {{{}}}", "\n".repeat(399), "\n".repeat(300));
        assert!(told("src/a.rs", &tests).is_empty());
    }

    #[test]
    fn a_long_function_is_caught() {
        assert!(told("src/a.rs", &function("", 70)).is_empty());
        let expected =
            "src/a.rs:1: [function-size] long: 71 lines, at most 70; name its steps and move them out";
        assert_eq!(told("src/a.rs", &function("", 71)), [expected]);
    }

    #[test]
    fn a_fat_handler_is_caught() {
        assert!(told("src/a.rs", &function("#[utoipa::path(get)] async", 40)).is_empty());
        let findings = told("src/a.rs", &function("#[utoipa::path(get)] async", 41));
        assert!(findings[0].contains("[handler-size] long: 41 lines, at most 40"), "{findings:?}");
    }

    #[test]
    fn tests_may_be_long() {
        assert!(told("tests/a.rs", &function("", 700)).is_empty());
        assert!(told("src/a.rs", &function("#[test]", 71)).is_empty());
    }

    #[test]
    fn a_file_that_is_a_module_for_tests_may_be_long() {
        let files = [("src/lib.rs", "#[cfg(test)] mod samples;"), ("src/samples.rs", &function("", 71))];
        assert!(check(&Project::sample(&files)).is_empty());
    }
}
