//! Rows to values and back.

use super::StoredKey;
use crate::{Client, Credential, SecretHash, store::rate};
use ficha_contract::{Revocation, Revoked};
use ficha_domain::Purpose;
use jiff::Timestamp;
use rusqlite::{Connection, Error, Row, params, types::Type};
use std::str::FromStr;
use uuid::Uuid;

pub(super) fn insert_client(connection: &Connection, client: &Client) -> rusqlite::Result<()> {
    let (secret, jwks) = match &client.credential {
        Credential::Secret(hash) => (Some(hash.as_bytes()), None),
        Credential::Keys(jwks) => (None, Some(jwks)),
    };
    connection
        .prepare_cached("INSERT INTO client VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
        .execute(params![
            client.id,
            client.name,
            client.scopes.to_string(),
            client.default_purpose.map(Purpose::as_str),
            rate::to_sql(client.rate_limit),
            secret,
            jwks,
            client.created_at.as_millisecond(),
            client.revoked_at.map(Timestamp::as_millisecond),
        ])
        .map(drop)
}

pub(super) fn client(row: &Row<'_>) -> rusqlite::Result<Client> {
    let purpose: Option<String> = row.get("purpose")?;
    Ok(Client {
        id: row.get("id")?,
        name: row.get("name")?,
        scopes: word(&row.get::<_, String>("scopes")?)?,
        default_purpose: purpose.as_deref().map(word).transpose()?,
        rate_limit: rate::from_sql(row.get("rate")?),
        credential: credential(row)?,
        created_at: instant(row.get("created_at")?)?,
        revoked_at: row.get::<_, Option<i64>>("revoked_at")?.map(instant).transpose()?,
    })
}

fn credential(row: &Row<'_>) -> rusqlite::Result<Credential> {
    let secret: Option<[u8; SecretHash::LEN]> = row.get("secret_sha256")?;
    match secret {
        Some(hash) => Ok(Credential::Secret(SecretHash::from_bytes(hash))),
        None => row.get("jwks").map(Credential::Keys),
    }
}

pub(super) fn insert_key(connection: &Connection, key: &StoredKey) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO signing_key VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            key.kid,
            key.algorithm.as_str(),
            key.public,
            key.sealed,
            key.published_at.as_millisecond(),
            key.signs_from.as_millisecond(),
            key.retires_at.map(Timestamp::as_millisecond),
        ])
        .map(drop)
}

pub(super) fn key(row: &Row<'_>) -> rusqlite::Result<StoredKey> {
    Ok(StoredKey {
        kid: row.get("kid")?,
        algorithm: word(&row.get::<_, String>("algorithm")?)?,
        public: row.get("public")?,
        sealed: row.get("sealed")?,
        published_at: instant(row.get("published_at")?)?,
        signs_from: instant(row.get("signs_from")?)?,
        retires_at: row.get::<_, Option<i64>>("retires_at")?.map(instant).transpose()?,
    })
}

pub(super) fn revocation(row: &Row<'_>) -> rusqlite::Result<Revocation> {
    let token: Option<[u8; 16]> = row.get("token")?;
    let revoked = match token {
        Some(id) => Revoked::Token(Uuid::from_bytes(id)),
        None => Revoked::Client(row.get("client")?),
    };
    Ok(Revocation { number: row.get("number")?, revoked, until: instant(row.get("until")?)? })
}

/// A word of a closed list; another one was written by a newer version or another hand.
fn word<T: FromStr>(text: &str) -> rusqlite::Result<T> {
    text.parse().map_err(|_| unreadable(Type::Text, "a word that this version does not know"))
}

fn instant(ms: i64) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(ms).map_err(|_| unreadable(Type::Integer, "no instant"))
}

fn unreadable(kind: Type, what: &'static str) -> Error {
    Error::FromSqlConversionFailure(0, kind, what.into())
}
