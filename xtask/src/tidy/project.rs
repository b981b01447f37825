//! What the rules look at: manifests, Rust sources, texts, and the sizes that are tolerated.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use toml::Table;

use super::Finding;
use super::ratchet::{self, Ratchet};
use super::source::Source;

/// A workspace of its own, as cargo-fuzz has it: what is built there is no part of ficha.
const FUZZ: &str = "fuzz/Cargo.toml";

/// The files of the project, read once for all rules.
pub(super) struct Project {
    pub(super) manifests: Vec<Manifest>,
    pub(super) sources: Vec<Source>,
    pub(super) texts: Vec<(String, String)>,
    pub(super) ratchet: Ratchet,
    unreadable: Vec<(String, syn::Error)>,
}

/// The `Cargo.toml` of one crate.
pub(super) struct Manifest {
    pub(super) path: String,
    pub(super) text: String,
    pub(super) table: Table,
}

impl Manifest {
    /// `http` for the package `ficha-http`; the others keep their name.
    pub(super) fn room(&self) -> &str {
        room(self.table.get("package").and_then(|package| package.get("name")?.as_str()).unwrap_or_default())
    }

    /// The line that begins the entry, for a message; the first where none does.
    pub(super) fn line_of(&self, key: &str) -> usize {
        let begins = |line: &str| {
            let rest = line.trim_start().strip_prefix(key);
            rest.is_some_and(|rest| {
                !rest.starts_with(|next: char| next.is_alphanumeric() || "-_".contains(next))
            })
        };
        self.text.lines().position(begins).map_or(1, |index| index + 1)
    }

    /// Every dependency table with its name, those of single platforms too.
    pub(super) fn dependencies(&self) -> Vec<(&'static str, &Table)> {
        let platforms = self.table.get("target").and_then(toml::Value::as_table);
        let platforms = platforms.into_iter().flat_map(|all| all.values().filter_map(toml::Value::as_table));
        let tables = std::iter::once(&self.table).chain(platforms);
        let kinds = ["dependencies", "build-dependencies", "dev-dependencies"];
        tables
            .flat_map(|table| kinds.map(|kind| Some((kind, table.get(kind)?.as_table()?))))
            .flatten()
            .collect()
    }
}

/// The room's name in a package's name.
pub(super) fn room(package: &str) -> &str {
    package.strip_prefix("ficha-").unwrap_or(package)
}

impl Project {
    /// Sorts the files into what they are.
    pub(super) fn of(texts: Vec<(String, String)>) -> Result<Self> {
        let mut project = Self {
            manifests: Vec::new(),
            sources: Vec::new(),
            texts: Vec::new(),
            ratchet: Ratchet::default(),
            unreadable: Vec::new(),
        };
        for (path, text) in &texts {
            project.add(path, text)?;
        }
        project.texts = texts;
        project.exempt_test_modules();
        Ok(project)
    }

    fn add(&mut self, path: &str, text: &str) -> Result<()> {
        if path == ratchet::PATH {
            self.ratchet = Ratchet::parse(text)?;
        } else if path.ends_with("/Cargo.toml") && path != FUZZ {
            let table = text.parse().with_context(|| format!("{path} is not TOML"))?;
            self.manifests.push(Manifest { path: path.to_owned(), text: text.to_owned(), table });
        } else if path.ends_with(".rs") {
            match Source::parse(path, text) {
                Ok(source) => self.sources.push(source),
                Err(error) => self.unreadable.push((path.to_owned(), error)),
            }
        }
        Ok(())
    }

    /// `#[cfg(test)] mod samples;` makes another file a test file.
    fn exempt_test_modules(&mut self) {
        let files: BTreeSet<String> = self.sources.iter().flat_map(Source::test_files).collect();
        for source in &mut self.sources {
            source.only_tests |= files.contains(&source.path);
        }
    }

    /// Files that are no Rust cannot be vouched for.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = Finding> {
        self.unreadable.iter().map(|(path, error)| Finding {
            file: path.clone(),
            line: error.span().start().line,
            rule: "rust",
            what: format!("does not parse: {error}"),
            fix: "tidy reads only what compiles".to_owned(),
        })
    }

    /// A project of the given files, for the rules' tests.
    #[cfg(test)]
    pub(super) fn sample(files: &[(&str, &str)]) -> Self {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self::of(files.iter().map(owned).collect()).unwrap()
    }
}
