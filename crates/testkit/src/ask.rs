//! Questions to a base.

use ficha_contract::Ask;
use ficha_domain::{Cpf, Purpose};
use jiff::Timestamp;
use std::time::Duration;
use uuid::Uuid;

/// A question as the dossier asks it for the client `shop`, who may read everything and waits for a second.
///
/// # Panics
/// Never: the scopes are words of the list.
#[must_use]
pub fn ask(cpf: Cpf, purpose: Purpose, now: Timestamp) -> Ask {
    let scopes = "read".parse().expect("scopes are words of the list");
    let (consultation, within) = (Uuid::from_u128(7), Duration::from_secs(1));
    Ask { cpf, purpose, now, consultation, client: "shop".into(), scopes, within }
}
