//! Rows to values and back.

use super::StoredKey;
use crate::{Client, Credential, SecretHash, store::rate};
use ficha_contract::{Revocation, Revoked, StoreError};
use ficha_domain::Purpose;
use ficha_postgres::{Params, Row, Stop, Transaction};
use jiff::Timestamp;
use std::{error::Error, str::FromStr};
use uuid::Uuid;

const ADD_CLIENT: &str = "INSERT INTO identity.client
        (id, name, scopes, purpose, rate, secret_sha256, jwks, created_at, revoked_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const ADD_KEY: &str = "INSERT INTO identity.signing_key
        (kid, algorithm, public, sealed, published_at, signs_from, retires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Why a row cannot be read.
pub(super) type Unreadable = Box<dyn Error + Send + Sync>;

pub(super) async fn insert_client(
    transaction: &Transaction<'_>,
    client: &Client,
) -> Result<(), Stop<StoreError>> {
    let (secret, jwks) = match &client.credential {
        Credential::Secret(hash) => (Some(&hash.as_bytes()[..]), None),
        Credential::Keys(jwks) => (None, Some(jwks)),
    };
    let row: Params<'_> = &[
        &&*client.id,
        &client.name,
        &client.scopes.to_string(),
        &client.default_purpose.map(Purpose::as_str),
        &rate::to_sql(client.rate_limit),
        &secret,
        &jwks,
        &client.created_at.as_millisecond(),
        &client.revoked_at.map(Timestamp::as_millisecond),
    ];
    transaction.execute(ADD_CLIENT, row).await?;
    Ok(())
}

pub(super) fn client(row: &Row) -> Result<Client, Unreadable> {
    Ok(Client {
        id: row.try_get::<_, &str>("id")?.into(),
        name: row.try_get("name")?,
        scopes: word(row.try_get("scopes")?)?,
        default_purpose: row.try_get::<_, Option<&str>>("purpose")?.map(word).transpose()?,
        rate_limit: rate::from_sql(row.try_get("rate")?),
        credential: credential(row)?,
        created_at: instant(row.try_get("created_at")?)?,
        revoked_at: row.try_get::<_, Option<i64>>("revoked_at")?.map(instant).transpose()?,
    })
}

fn credential(row: &Row) -> Result<Credential, Unreadable> {
    match row.try_get::<_, Option<&[u8]>>("secret_sha256")? {
        Some(hash) => Ok(Credential::Secret(SecretHash::from_bytes(hash.try_into()?))),
        None => Ok(Credential::Keys(row.try_get("jwks")?)),
    }
}

pub(super) async fn insert_key(
    transaction: &Transaction<'_>,
    key: &StoredKey,
) -> Result<(), Stop<StoreError>> {
    let row: Params<'_> = &[
        &key.kid,
        &key.algorithm.as_str(),
        &key.public,
        &key.sealed,
        &key.published_at.as_millisecond(),
        &key.signs_from.as_millisecond(),
        &key.retires_at.map(Timestamp::as_millisecond),
    ];
    transaction.execute(ADD_KEY, row).await?;
    Ok(())
}

pub(super) fn key(row: &Row) -> Result<StoredKey, Unreadable> {
    Ok(StoredKey {
        kid: row.try_get("kid")?,
        algorithm: word(row.try_get("algorithm")?)?,
        public: row.try_get("public")?,
        sealed: row.try_get("sealed")?,
        published_at: instant(row.try_get("published_at")?)?,
        signs_from: instant(row.try_get("signs_from")?)?,
        retires_at: row.try_get::<_, Option<i64>>("retires_at")?.map(instant).transpose()?,
    })
}

/// A page of them: a row of arrays, which are NULL where there is none.
pub(super) fn revocations(page: &Row) -> Result<Vec<Revocation>, Unreadable> {
    let Some(numbers) = page.try_get::<_, Option<Vec<i64>>>(0)? else { return Ok(Vec::new()) };
    let (tokens, clients): (Vec<Option<Uuid>>, Vec<Option<&str>>) = (page.try_get(1)?, page.try_get(2)?);
    let ends: Vec<i64> = page.try_get(3)?;
    let rows = numbers.into_iter().zip(tokens).zip(clients.into_iter().zip(ends));
    rows.map(|((number, token), (client, until))| {
        let revoked = token.map(Revoked::Token).or(client.map(|id| Revoked::Client(id.into())));
        let revoked = revoked.ok_or("a revocation of nothing")?;
        Ok(Revocation { number, revoked, until: instant(until)? })
    })
    .collect()
}

/// A word of a closed list; another one was written by a newer version or another hand.
fn word<T: FromStr>(text: &str) -> Result<T, &'static str> {
    text.parse().map_err(|_| "a word that this version does not know")
}

fn instant(ms: i64) -> Result<Timestamp, &'static str> {
    Timestamp::from_millisecond(ms).map_err(|_| "no instant")
}
