//! How the rooms know each other: service traits, wire types, the closed list of error codes.
//!
//! A service never depends on another service; it is handed an `Arc<dyn …>` of one of these traits and cannot tell
//! whether what stands behind it runs in this process or in another.
//!
//! # To add an error code
//! One variant of [`ErrorCode`] with its row in `ErrorCode::facts`; its page in `/docs` and its place in the OpenAPI
//! documents follow from that.
//!
//! # To add a field to a base
//! Its type in [`wire`], its reading and writing in the base's own crate; more fields may be added to answers, none
//! renamed or retyped.

mod access;
mod base;
mod error;
mod evidence;
mod ingest;
mod issuer;
pub mod wire;
mod write;

pub use access::{Caller, RateLimit, TokenRefused, TokenVerifier};
pub use base::{Ask, Base, BaseName, Found, Section, SectionStatus, Source, Unavailable, UnavailableReason};
pub use error::{ErrorCode, FieldError, Problem, StoreError};
pub use evidence::{Consultation, Evidence, LastConsultation, RecordRefused, Seen};
pub use ingest::{Ingest, Ingested};
pub use issuer::{Issuer, PublishedKey, Revocation, Revoked};
pub use write::{Condition, Idempotency, IfMatch, Reply};
