//! What no text file of the project may hold: promises to come back, and addresses that are true on one machine or
//! in one network only.

use super::Finding;
use super::project::Project;

/// Locks name registries by their nature, notices are other people's text.
const SKIPPED: [&str; 3] = ["Cargo.lock", "package-lock.json", "NOTICE"];

/// Written in two parts, so that this file may be read by its own rule.
const PROMISE: &str = concat!("FIX", "ME");
const FOLDERS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
const HOSTS: [&str; 8] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs.org"),
    concat!("registry.", "yarnpkg.com"),
    concat!("files.", "pythonhosted.org"),
    concat!("proxy.", "golang.org"),
    concat!("repo1.", "maven.org"),
    concat!("deb.", "debian.org"),
];

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let ours = project.texts.iter().filter(|(path, _)| !is_skipped(path));
    ours.flat_map(|(path, text)| of_file(path, text)).collect()
}

fn is_skipped(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    SKIPPED.iter().any(|skipped| name.starts_with(skipped))
}

fn of_file(path: &str, text: &str) -> Vec<Finding> {
    let found = |(index, line): (usize, &str)| {
        let (rule, what, fix) = of_line(line).or_else(|| unrun_example(path, line))?;
        Some(Finding { file: path.to_owned(), line: index + 1, rule, what, fix: fix.to_owned() })
    };
    text.lines().enumerate().filter_map(found).collect()
}

type Told = (&'static str, String, &'static str);

fn of_line(line: &str) -> Option<Told> {
    if line.contains(PROMISE) {
        return Some(("leftovers", format!("`{PROMISE}`"), "do it now, or open an issue"));
    }
    if let Some(folder) = FOLDERS.iter().find(|folder| has_path(line, folder)) {
        return Some((
            "machine-paths",
            format!("a path of one machine ({folder}…)"),
            "make it relative or an argument",
        ));
    }
    let host = HOSTS.iter().find(|host| line.contains(**host))?;
    Some((
        "registries",
        format!("a package registry by its host ({host})"),
        "leave it to the client's configuration",
    ))
}

/// An example in the documentation that is fenced as `ignore` is a test that does not run.
fn unrun_example(path: &str, line: &str) -> Option<Told> {
    let comment = line.trim_start();
    let fence = comment.strip_prefix("///").or_else(|| comment.strip_prefix("//!"))?.trim_start();
    let words = fence.strip_prefix("```")?;
    let ignored = path.ends_with(".rs") && words.split(',').any(|word| word.trim() == "ignore");
    ignored.then(|| {
        ("ignored-tests", "an example that does not run".to_owned(), "fence it as `no_run` or `text`")
    })
}

/// The folder begins a path here: nothing that could be the path's earlier part stands before it.
fn has_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|before| !(before.is_alphanumeric() || "._-/~*})>".contains(before)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(&Project::sample(&[(path, text)])).iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_promise_is_caught_in_any_text() {
        assert_eq!(rules("README.md", &format!("one\n{PROMISE} later")), ["leftovers"]);
        assert_eq!(rules("src/a.rs", &format!("// {PROMISE}: later")), ["leftovers"]);
    }

    #[test]
    fn paths_of_one_machine_are_caught() {
        for folder in FOLDERS {
            assert_eq!(rules("a.toml", &format!("path = \"{folder}somebody\"")), ["machine-paths"]);
            assert!(rules("a.toml", &format!("path = \"src{folder}somebody\"")).is_empty());
        }
    }

    #[test]
    fn registries_are_caught_but_not_in_locks() {
        for host in HOSTS {
            assert_eq!(rules("a.toml", &format!("url = \"https://{host}/x\"")), ["registries"]);
            assert!(rules("web/package-lock.json", host).is_empty());
        }
    }

    #[test]
    fn examples_that_do_not_run_are_caught() {
        assert_eq!(rules("src/a.rs", "/// ```ignore\n/// x\n/// ```\nfn a() {}"), ["ignored-tests"]);
        assert_eq!(rules("src/a.rs", "//! ```rust,ignore\n//! x\n//! ```"), ["ignored-tests"]);
        assert!(rules("src/a.rs", "/// ```no_run\n/// x\n/// ```\nfn a() {}").is_empty());
    }
}
