//! Assertions by which a client authenticates with its own key (RFC 7523, 3).

use crate::{
    client::{ClientKeys, sha256},
    token::verifier::LEEWAY_S,
};
use jiff::Timestamp;
use jsonwebtoken::{Header, Validation, dangerous};
use serde::Deserialize;

/// An assertion is made for one request; one that lives longer is an invitation to keep it.
const LIFE_MAX_S: i64 = 300;
const JTI_BYTES_MAX: usize = 256;
const BYTES_MAX: usize = 8192;

/// An assertion that is good, if it was not used before.
#[derive(Debug)]
pub(crate) struct Assertion {
    /// SHA-256 of its `jti`.
    pub(crate) id: [u8; 32],
    /// Until when that has to be remembered.
    pub(crate) until: Timestamp,
}

/// The claims that are compared here; `iss`, `sub` and `aud` are when the signature is verified. Times may have
/// fractions (RFC 7519, 2 `NumericDate`).
#[derive(Deserialize)]
struct Claims {
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    jti: String,
}

/// The client that an assertion says it is of: only a name, by which the keys are found that may have signed it.
pub(crate) fn issuer(jwt: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    let claims = (jwt.len() <= BYTES_MAX).then(|| dangerous::insecure_decode_claims::<Issuer>(jwt))?;
    claims.ok().map(|claims| claims.iss)
}

/// Checks everything but whether it was used before: signed by one of the client's keys, by and about the client
/// (3.1, 3.2), meant for us (3.3), alive (3.4 to 3.6), with an id (3.7).
pub(crate) fn check(
    jwt: &str,
    client: &str,
    keys: &ClientKeys,
    audiences: &[String],
    now: Timestamp,
) -> Option<Assertion> {
    let header = jsonwebtoken::decode_header(jwt).ok().filter(of_known_form)?;
    let claims = keys.candidates(&header).find_map(|key| {
        let validation = validation(key.algorithm.jwt(), client, audiences);
        jsonwebtoken::decode::<Claims>(jwt, &key.key, &validation).ok()
    })?;
    claims.claims.assertion(now.as_second())
}

/// RFC 7523 leaves the type open; drafts after it name one. Critical extensions we know none (RFC 7515, 4.1.11).
fn of_known_form(header: &Header) -> bool {
    let known = ["jwt", "client-authentication+jwt"];
    let typ = header.typ.as_deref().map(str::to_ascii_lowercase);
    header.crit.is_none() && typ.is_none_or(|typ| known.contains(&typ.as_str()))
}

fn validation(algorithm: jsonwebtoken::Algorithm, client: &str, audiences: &[String]) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[client]);
    validation.sub = Some(client.to_owned());
    validation.set_audience(audiences);
    validation.set_required_spec_claims(&["iss", "sub", "aud"]);
    validation.validate_exp = false;
    validation
}

impl Claims {
    fn assertion(self, now_s: i64) -> Option<Assertion> {
        let (now, leeway) = (now_s as f64, LEEWAY_S as f64);
        let begun = |time: Option<f64>| time.is_none_or(|time| time <= now + leeway);
        let alive = now < self.exp + leeway && self.exp <= now + LIFE_MAX_S as f64 + leeway;
        let named = (1..=JTI_BYTES_MAX).contains(&self.jti.len());
        if !(alive && begun(self.nbf) && begun(self.iat) && named) {
            return None;
        }
        let until = Timestamp::from_second(now_s + LIFE_MAX_S + 2 * LEEWAY_S).ok()?;
        Some(Assertion { id: sha256(self.jti.as_bytes()), until })
    }
}
