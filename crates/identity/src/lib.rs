//! Who may ask: clients, keys, tokens (OAuth 2.0, RFC 6749 and family). For machines; people come later.
//!
//! # Who does what
//! - [`Identity`] is the whole of it, opened once per process: the server takes its [`Identity::routes`] and its
//!   [`Identity::verifier`], the command line registers clients, rotates keys and mints a token for itself.
//! - `api` speaks HTTP; `issuer` decides, without HTTP: `credentials` reads what a client shows, `assertion` checks
//!   what it signed, `authenticator` says whether it is who it says, `failures` slows those who are not.
//! - `keys` publishes, rotates and signs; `token` says what is in a token (RFC 9068); [`Verifier`] believes it,
//!   `revocations` takes it back.
//! - [`IdentityStore`] keeps it all: [`SqliteIdentity`] in a file, [`PostgresIdentity`] where several processes share
//!   it. Private keys are sealed there, of secrets only hashes are kept.
//!
//! # To add a way for clients to authenticate
//! A variant of `issuer::credentials::Credentials` and where it is read; a variant of [`Credential`], its column and
//! its row in the store's suite; its arm in `Authenticator::authenticate`; its name in `api::metadata`.
//!
//! # To rotate keys
//! `ficha key rotate` ([`Identity::rotate_key`]) beside the running server, and nothing else: the new key, made for
//! [`IdentitySettings::algorithm`], is published at once, signs after [`IdentitySettings::key_lead_s`], and the old
//! one goes when its last token has expired. Every process reads the keys anew within seconds.
//!
//! # To add a store
//! Implement [`IdentityStore`]; `identity_store_suite!(…)` in its tests is what it promises. Only the wiring chooses.

mod api;
mod client;
mod error;
mod identity;
mod issuer;
mod keys;
mod pace;
mod settings;
mod store;
#[cfg(test)]
mod testing;
mod token;

pub(crate) use client::ClientKeys;
pub use client::{Client, Credential, NewClient, Secret, SecretHash};
pub use error::IdentityError;
pub use ficha_contract::{Revocation, Revoked};
pub use identity::Identity;
pub use settings::{AUDIENCE, IdentitySettings, TOKEN_LIFE_MAX_S, TokenAlgorithm};
pub use store::{IdentityStore, StoredKey, postgres::PostgresIdentity, sqlite::SqliteIdentity};
pub use token::{Minted, verifier::Verifier};
