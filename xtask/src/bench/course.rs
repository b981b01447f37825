//! What is asked: files that both generators read, wrk's script and `bench/src/bin/open.rs`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::data::Subject;

/// A route under load.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// `GET` of this path with a CPF behind it.
    Person(&'static str),
    /// `POST /oauth/token`: client credentials.
    Token,
}

impl Course {
    /// Writes `paths`, `headers` and `body` for the generators. A token lives minutes, a bench may take longer: each
    /// turn writes its own.
    pub(super) fn write(self, folder: &Path, subject: &Subject) -> Result<()> {
        let (paths, headers, body) = match self {
            Self::Person(prefix) => {
                let paths = subject.ready.cpfs.iter().map(|cpf| format!("GET {prefix}/{cpf}\n")).collect();
                (paths, format!("Authorization: Bearer {}\n", subject.token()?), "")
            }
            Self::Token => {
                let form = "Content-Type: application/x-www-form-urlencoded";
                let login = format!("Authorization: {}\n{form}\n", subject.login());
                ("POST /oauth/token\n".to_owned(), login, "grant_type=client_credentials")
            }
        };
        for (name, text) in [("paths", paths.as_str()), ("headers", &headers), ("body", body)] {
            fs::write(folder.join(name), text).with_context(|| format!("writing target/bench/{name}"))?;
        }
        Ok(())
    }
}
