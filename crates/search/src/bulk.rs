//! Many writes at once, each with the version that decides whether it is news.

use crate::{
    Error, Search,
    search::{refusal, written},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{fmt::Write as _, time::Duration};

const BULK: Duration = Duration::from_secs(30);
/// There is a document of this version or a newer one.
const KNOWN: u16 = 409;

/// A document as it is from a version on.
#[derive(Clone, Debug)]
pub struct Write {
    /// Which.
    pub id: String,
    /// Of two writes of one id the higher one stays, whichever comes first.
    pub version: i64,
    /// All of it.
    pub document: Value,
}

/// What became of many writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// How many were news.
    pub new: u64,
    /// How many were there already, or newer ones.
    pub known: u64,
}

impl Search {
    /// Writes all of it to an index that [`Search::create`] made. In order, where one id comes twice.
    ///
    /// # Errors
    /// [`Error`], also where a single one was refused: some are written then, and may be written again.
    pub async fn bulk(&self, index: &str, writes: &[Write]) -> Result<Taken, Error> {
        if writes.is_empty() {
            return Ok(Taken::default());
        }
        let path = format!(
            "/{}/_bulk?require_alias=true&filter_path=items.*.status,items.*.error.type",
            written(index)
        );
        let said =
            self.send(Method::POST, &path, Some(("application/x-ndjson", lines(writes))), BULK).await?;
        let items = said["items"].as_array().ok_or(Error::Unreadable("it has no items"))?;
        if items.len() != writes.len() {
            return Err(Error::Unreadable("it has other items than were sent"));
        }
        items.iter().try_fold(Taken::default(), counted)
    }
}

fn lines(writes: &[Write]) -> String {
    let mut lines = String::new();
    for Write { id, version, document } in writes {
        let head = json!({ "index": { "_id": id, "version": version, "version_type": "external" } });
        // Writing into a String does not fail.
        let _ = writeln!(lines, "{head}\n{document}");
    }
    lines
}

fn counted(mut taken: Taken, item: &Value) -> Result<Taken, Error> {
    let item = &item["index"];
    match item["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or_default() {
        200 | 201 => taken.new += 1,
        KNOWN => taken.known += 1,
        status => return Err(refusal(status, item["error"]["type"].as_str().unwrap_or_default())),
    }
    Ok(taken)
}
