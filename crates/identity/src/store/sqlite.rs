//! Identity in a SQLite file.

mod rows;

use super::{IdentityStore, StoredKey};
use crate::Client;
use async_trait::async_trait;
use ficha_contract::{Revocation, StoreError};
use ficha_seal::Vault;
use ficha_sqlite::{Database, Error, KEY_TABLE, Migration};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;
use uuid::Uuid;

const MIGRATIONS: &[Migration] = &[
    KEY_TABLE,
    "CREATE TABLE client (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        scopes TEXT NOT NULL,
        purpose TEXT,              -- where a request names none
        rate INTEGER,              -- requests a minute; NULL: as configured, -1: no limit
        secret_sha256 BLOB,        -- of 256 random bits
        jwks TEXT,                 -- public keys
        created_at INTEGER NOT NULL,
        revoked_at INTEGER,
        CHECK ((secret_sha256 IS NULL) <> (jwks IS NULL))
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE signing_key (
        kid TEXT PRIMARY KEY,
        algorithm TEXT NOT NULL,
        public TEXT NOT NULL,      -- JWK
        sealed BLOB NOT NULL,      -- PKCS #8
        published_at INTEGER NOT NULL,
        signs_from INTEGER NOT NULL,
        retires_at INTEGER
    ) STRICT;
    CREATE TABLE revocation (
        -- Never used again, also when the latest rows are purged: others go on from the number that they saw last.
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        token BLOB UNIQUE,         -- jti
        client TEXT UNIQUE,        -- or every token of a client
        until INTEGER NOT NULL,
        CHECK ((token IS NULL) <> (client IS NULL))
    ) STRICT;
    CREATE INDEX revocation_until ON revocation (until);
    CREATE TABLE assertion (
        client TEXT NOT NULL,
        id BLOB NOT NULL,          -- SHA-256 of the jti, which is the client's own words
        until INTEGER NOT NULL,
        PRIMARY KEY (client, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX assertion_until ON assertion (until);",
];

/// So many rows that nobody needs any more go with each write: nothing has to be scheduled, no write takes long.
const PURGED_PER_WRITE: i64 = 16;

/// Identity in `identity.sqlite`.
#[derive(Clone)]
pub struct SqliteIdentity(Database);

impl SqliteIdentity {
    /// Opens the file in this folder, made when absent; refuses one that was written with other keys.
    ///
    /// # Errors
    /// The disk, a foreign or newer file, another key.
    pub async fn open(dir: &Path, vault: &Vault) -> Result<Self, Error> {
        let database = Database::open(&dir.join("identity.sqlite"), MIGRATIONS)?;
        database.check_keys(vault.fingerprints().map(|print| (print.key, print.check)).collect()).await?;
        Ok(Self(database))
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.0.read(read).map_err(StoreError::new)
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.0.write(write).await.map_err(StoreError::new)?.map_err(StoreError::new)
    }
}

#[async_trait]
impl IdentityStore for SqliteIdentity {
    async fn add_client(&self, client: Client) -> Result<(), StoreError> {
        self.write(move |connection| rows::insert_client(connection, &client)).await
    }

    async fn client(&self, id: &str) -> Result<Option<Client>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT * FROM client WHERE id = ?1")?
                .query_row([id], rows::client)
                .optional()
        })
    }

    async fn clients(&self) -> Result<Vec<Client>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT * FROM client ORDER BY created_at, id")?
                .query_map([], rows::client)?
                .collect()
        })
    }

    async fn revoke_client(&self, id: &str, now: Timestamp, until: Timestamp) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(move |connection| {
            let known = connection
                .prepare_cached("UPDATE client SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1")?
                .execute(params![id, now.as_millisecond()])?;
            if known > 0 {
                connection
                    .prepare_cached("INSERT OR IGNORE INTO revocation (client, until) VALUES (?1, ?2)")?
                    .execute(params![id, until.as_millisecond()])?;
            }
            Ok(known > 0)
        })
        .await
    }

    async fn keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT * FROM signing_key ORDER BY published_at, signs_from, kid")?
                .query_map([], rows::key)?
                .collect()
        })
    }

    async fn add_first_key(&self, key: StoredKey) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let none: bool = connection
                .prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM signing_key)")?
                .query_row([], |row| row.get(0))?;
            if none {
                rows::insert_key(connection, &key)?;
            }
            Ok(none)
        })
        .await
    }

    async fn add_key(
        &self,
        key: StoredKey,
        others_retire_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached("UPDATE signing_key SET retires_at = ?1 WHERE retires_at IS NULL")?
                .execute([others_retire_at.as_millisecond()])?;
            connection
                .prepare_cached("DELETE FROM signing_key WHERE retires_at < ?1")?
                .execute([now.as_millisecond()])?;
            rows::insert_key(connection, &key)
        })
        .await
    }

    async fn revoke_token(&self, id: Uuid, now: Timestamp, until: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "DELETE FROM revocation WHERE number IN
                         (SELECT number FROM revocation WHERE until < ?1 ORDER BY until LIMIT ?2)",
                )?
                .execute(params![now.as_millisecond(), PURGED_PER_WRITE])?;
            connection
                .prepare_cached("INSERT OR IGNORE INTO revocation (token, until) VALUES (?1, ?2)")?
                .execute(params![id.into_bytes(), until.as_millisecond()])
                .map(drop)
        })
        .await
    }

    async fn revocations(&self, after: i64, limit: usize) -> Result<Vec<Revocation>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|connection| {
            connection
                .prepare_cached("SELECT * FROM revocation WHERE number > ?1 ORDER BY number LIMIT ?2")?
                .query_map([after, limit], rows::revocation)?
                .collect()
        })
    }

    async fn use_assertion(
        &self,
        client: &str,
        id: [u8; 32],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let client = client.to_owned();
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "DELETE FROM assertion WHERE (client, id) IN
                         (SELECT client, id FROM assertion WHERE until < ?1 ORDER BY until LIMIT ?2)",
                )?
                .execute(params![now.as_millisecond(), PURGED_PER_WRITE])?;
            let new = connection
                .prepare_cached("INSERT OR IGNORE INTO assertion VALUES (?1, ?2, ?3)")?
                .execute(params![client, id, until.as_millisecond()])?;
            Ok(new > 0)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::KEYRING;
    use tempfile::TempDir;

    /// A store, opened twice, with the folder that it lives in.
    async fn store() -> (SqliteIdentity, SqliteIdentity, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let vault = KEYRING.vault("identity");
        let open = async || SqliteIdentity::open(dir.path(), &vault).await.unwrap();
        (open().await, open().await, dir)
    }

    crate::store::suite::identity_store_suite!(store);
}
