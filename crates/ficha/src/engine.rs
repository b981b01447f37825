//! Which engine a store runs on: its URL says so.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::{fmt, fs, os::unix::fs::PermissionsExt, path::Path};

/// Where a store is kept.
pub enum Engine {
    /// In a file of the data folder.
    Sqlite,
    /// On a server that several processes share.
    Postgres(Box<ficha_postgres::Settings>),
    /// Likewise.
    Mongo(Box<ficha_mongo::Settings>),
}

/// Roles whose store may be on MongoDB. Base A is sealed, which is tried on PostgreSQL only.
const ON_MONGO: [&str; 2] = ["score", "events"];
/// The one whose store is on no other server.
const ON_MONGO_ALONE: &str = "events";

/// Where it is, and no more: neither a user nor a password.
impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite => f.write_str("a file"),
            Self::Postgres(at) => at.fmt(f),
            Self::Mongo(at) => at.fmt(f),
        }
    }
}

/// A URL, which may hold a password.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct StoreUrl(String);

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "hidden" })
    }
}

impl StoreUrl {
    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What every shared store keeps open.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stores {
    pub connections: usize,
    pub point_connections: usize,
}

impl Engine {
    /// Reads a role's `url`, or the file that holds it.
    pub fn of(role: &str, url: &StoreUrl, url_file: &str, stores: &Stores) -> Result<Self> {
        let Some(url) = self::url(role, url, url_file)? else { return Ok(Self::Sqlite) };
        let said = || format!("{role}.url cannot be used");
        if ON_MONGO.contains(&role) && url.starts_with("mongodb") {
            let mut settings = ficha_mongo::Settings::parse(&url).with_context(said)?;
            settings.connections = stores.connections;
            return Ok(Self::Mongo(Box::new(settings)));
        }
        if url.starts_with("mongodb") {
            bail!("{role}.url takes a PostgreSQL server (postgres://…): {role} is not kept on MongoDB");
        }
        if role == ON_MONGO_ALONE {
            bail!("{role}.url takes a MongoDB replica set (mongodb://…): {role} is not kept on PostgreSQL");
        }
        let mut settings = ficha_postgres::Settings::parse(&url).with_context(said)?;
        settings.connections = stores.connections;
        settings.point_connections = stores.point_connections;
        Ok(Self::Postgres(Box::new(settings)))
    }
}

/// A setting's URL, or what the file holds that is named in its place.
pub fn url(name: &str, url: &StoreUrl, url_file: &str) -> Result<Option<String>> {
    Ok(match (url.is_empty(), url_file.is_empty()) {
        (true, true) => None,
        (false, true) => Some(url.0.clone()),
        (true, false) => Some(read(Path::new(url_file)).with_context(|| format!("{name}.url_file"))?),
        (false, false) => bail!("{name}.url and {name}.url_file exclude each other"),
    })
}

fn read(file: &Path) -> Result<String> {
    let said = || format!("{} cannot be read", file.display());
    let mode = fs::metadata(file).with_context(said)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("{} can be read by others; run `chmod 600` on it", file.display());
    }
    Ok(fs::read_to_string(file).with_context(said)?.trim().to_owned())
}
