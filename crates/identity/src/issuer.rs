//! What the token endpoint does, without HTTP: who asks ([`Authenticator`]), for what ([`Issuer`]).

mod assertion;
mod authenticator;
mod credentials;
mod error;
mod failures;
mod form;

pub(crate) use authenticator::Authenticator;
pub(crate) use credentials::Credentials;
pub(crate) use error::{OAuthError, OAuthErrorCode, Refusal};
pub(crate) use form::Form;

use crate::{
    Client, Minted,
    token::{Grant, Mint},
};
use ficha_domain::ScopeSet;

/// The one grant there is (RFC 6749, 4.4). The password grant is not: RFC 9700, 2.4 forbids it.
pub(crate) const GRANT_TYPES: [&str; 1] = ["client_credentials"];

/// Gives tokens to clients that have shown who they are.
pub(crate) struct Issuer {
    pub(crate) authenticator: Authenticator,
    pub(crate) mint: Mint,
}

impl Issuer {
    /// Answers a token request (RFC 6749, 4.4.2).
    pub(crate) async fn token(&self, authorization: Option<&str>, form: &Form) -> Result<Minted, Refusal> {
        let grant = form.get("grant_type").ok_or(OAuthError::request("grant_type is missing"))?;
        if !GRANT_TYPES.contains(&grant) {
            return Err(OAuthError::new(
                OAuthErrorCode::UnsupportedGrantType,
                "grant_type takes client_credentials",
            )
            .into());
        }
        let client = self.authenticator.authenticate(Credentials::of(authorization, form)?).await?;
        let scopes = granted(client.scopes, form.get("scope"))?;
        let life_s = self.mint.settings.token_life_s;
        Ok(self.mint.mint(&grant_of(&client, scopes), life_s).await?)
    }
}

fn grant_of(client: &Client, scopes: ScopeSet) -> Grant {
    Grant {
        client: client.id.clone(),
        scopes,
        default_purpose: client.default_purpose,
        rate_limit: client.rate_limit,
    }
}

/// What a client gets of what it asks for (RFC 6749, 3.3). Nothing asked: all it has. `read` and `write`, which the
/// seed's clients send, are what it has of that kind; any other word it must have.
fn granted(has: ScopeSet, asked: Option<&str>) -> Result<ScopeSet, OAuthError> {
    let refused = |why| OAuthError::new(OAuthErrorCode::InvalidScope, why);
    let Some(asked) = asked else { return Ok(has) };
    let mut granted = ScopeSet::default();
    for word in asked.split_ascii_whitespace() {
        let named: ScopeSet = word.parse().map_err(|_| refused("scope names one that does not exist"))?;
        let named = if matches!(word, "read" | "write") { named.intersection(has) } else { named };
        if !has.contains_all(named) {
            return Err(refused("scope names one that this client does not have"));
        }
        granted = named.iter().fold(granted, ScopeSet::with);
    }
    if granted.is_empty() { Err(refused("scope names none that this client has")) } else { Ok(granted) }
}

#[cfg(test)]
mod tests;
