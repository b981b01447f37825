//! Machines that may ask for tokens.

mod keys;
mod secret;

pub(crate) use keys::ClientKeys;
pub(crate) use secret::sha256;
pub use secret::{Secret, SecretHash};

use crate::IdentityError;
use ficha_contract::RateLimit;
use ficha_domain::{Purpose, ScopeSet, World};
use jiff::Timestamp;
use std::sync::Arc;

const NAME_CHARS_MAX: usize = 100;

/// A machine that may ask for tokens (RFC 6749, 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Given by ficha; what the record of consultations names.
    pub id: Arc<str>,
    /// For people.
    pub name: String,
    /// The most that its tokens may do.
    pub scopes: ScopeSet,
    /// For its requests that name no purpose.
    pub default_purpose: Option<Purpose>,
    /// How much it may ask.
    pub rate_limit: RateLimit,
    /// How it shows that it is itself.
    pub credential: Credential,
    /// Since when it is known.
    pub created_at: Timestamp,
    /// Since when it may nothing any more.
    pub revoked_at: Option<Timestamp>,
}

/// How a client shows that it is itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// By a secret (`client_secret_basic`, `client_secret_post`: RFC 6749, 2.3.1).
    Secret(SecretHash),
    /// By a signature of one of these public keys, a JWK set (`private_key_jwt`: RFC 7523, 2.2).
    Keys(String),
}

/// A client to be.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// For people.
    pub name: String,
    /// The most that its tokens may do; at least one scope.
    pub scopes: ScopeSet,
    /// For its requests that name no purpose.
    pub default_purpose: Option<Purpose>,
    /// How much it may ask.
    pub rate_limit: RateLimit,
    /// Its public keys as a JWK set (JSON, RFC 7517), for `private_key_jwt`. Without them it gets a secret.
    pub jwks: Option<String>,
}

impl NewClient {
    /// Makes the client, and its secret where it has one. The secret is nowhere else from here on.
    pub(crate) fn make(self, world: &World) -> Result<(Client, Option<Secret>), IdentityError> {
        self.check()?;
        let (credential, secret) = match &self.jwks {
            Some(jwks) => (Credential::Keys(ClientKeys::registration(jwks)?), None),
            None => {
                let secret = Secret::random(world);
                (Credential::Secret(SecretHash::of(secret.reveal())), Some(secret))
            }
        };
        let client = Client {
            id: world.new_id().to_string().into(),
            name: self.name,
            scopes: self.scopes,
            default_purpose: self.default_purpose,
            rate_limit: self.rate_limit,
            credential,
            created_at: world.now(),
            revoked_at: None,
        };
        Ok((client, secret))
    }

    fn check(&self) -> Result<(), IdentityError> {
        let shown = self.name.trim() == self.name && !self.name.chars().any(char::is_control);
        if !shown || !(1..=NAME_CHARS_MAX).contains(&self.name.chars().count()) {
            return Err(IdentityError::Invalid {
                field: "name",
                takes: "1 to 100 characters, none of control",
            });
        }
        if self.rate_limit == RateLimit::PerMinute(0) {
            return Err(IdentityError::Invalid { field: "rate", takes: "1 request a minute or more" });
        }
        if self.scopes.is_empty() {
            return Err(IdentityError::Invalid { field: "scope", takes: "at least one scope" });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{NewClient, testing};
    use ficha_contract::RateLimit;

    #[test]
    fn a_client_may_do_something() {
        let world = testing::world().world;
        assert!(testing::new_client("x", "").make(&world).is_err(), "no scope");
        let rate_limit = RateLimit::PerMinute(0);
        assert!(NewClient { rate_limit, ..testing::new_client("x", "debts:read") }.make(&world).is_err());
    }

    #[test]
    fn a_name_is_something_that_can_be_shown() {
        let world = testing::world();
        for name in ["", " x", "x\n", "\u{1b}[31m", &"x".repeat(101)] {
            assert!(testing::new_client(name, "debts:read").make(&world.world).is_err(), "{name:?}");
        }
        assert!(testing::new_client("Loja São João", "debts:read").make(&world.world).is_ok());
    }
}
