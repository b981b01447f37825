//! What a write is answered, and what of it is kept for its repetition.

use super::WriteRefused;
use aws_lc_rs::hmac;
use ficha_contract::{Idempotency, Reply, StoreError};

/// After this a key is new again.
pub(super) const DAY_MS: i64 = 86_400_000;

/// A key and its request may hold personal data, so only keyed hashes of them are kept. The first byte tells one from
/// the other.
pub(super) fn blinded(blinding: &hmac::Key, idempotency: &Idempotency) -> (hmac::Tag, hmac::Tag) {
    let blind = |use_of: u8, bytes: &[u8]| hmac::sign(blinding, &[&[use_of], bytes].concat());
    (blind(1, idempotency.key.as_bytes()), blind(2, &idempotency.request))
}

pub(super) fn read(kept: &[u8]) -> Result<Reply, WriteRefused> {
    serde_json::from_slice(kept).map_err(unreadable)
}

pub(super) fn kept(reply: &Reply) -> Result<Vec<u8>, WriteRefused> {
    serde_json::to_vec(reply).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> WriteRefused {
    WriteRefused::Store(StoreError::new(error))
}

/// The entity tag of a version.
pub(super) fn etag(version: i64) -> String {
    format!("\"{version}\"")
}
