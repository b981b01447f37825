//! Roles of other processes behind the traits of the contract: [`RemoteBase`] is a `Base`, [`RemoteIssuer`] an `Issuer`.
//! Nothing else crosses: the record, the spool and the verifying of tokens are each process's own.
//!
//! # On the wire
//! `POST /peer/{role}`, on a listener of its own: what faces the outside never leads here, and only here others' certificates
//! are asked for. The body is short JSON, and holds the CPF where there is one; no URL and no log does.
//! - `Ficha-Call: ficha-call-1.KEY.JSON.SIGNATURE` says who asks (an Ed25519 key that the other side has pinned), of which
//!   role, from when until when (30 s at most), for how long the answer is waited for, on whose behalf (consultation,
//!   client, purpose, scopes), and the SHA-256 of the body. The signature is of all before it.
//! - `Ficha-Answer: ficha-answer-1.KEY.JSON.SIGNATURE` says which call it answers, what was found, and the SHA-256 of the
//!   body, which is the section, byte for byte.
//! - What is refused has no such header; it is problem+json like every other refusal.
//!
//! # Who could do what
//! - **Ask in another's name**: only with his private key, which never leaves its folder. A base takes the keys of dossiers,
//!   the issuer those of all. The signature covers role, time and body: no call can be changed, or led to another role.
//! - **Ask again** what was overheard: a call is taken once. A process that started anew takes no call from before, by its own clock. Where
//!   several processes stand behind one address, one of them takes what another took: then use TLS, so that nobody hears.
//! - **Talk the dossier into something**: the base looks at the client's scopes, too. They are the dossier's word, though:
//!   no token crosses. Whoever has a dossier's private key reads the bases, and only the dossier's process records it.
//! - **Answer in another's place**, or with what it said before: an answer is signed, and names its call.
//! - **Overhear**: everything, without TLS.
//! - **Hang**: connecting takes a second at most, everything the time that the dossier gives. At most 256 calls are
//!   under way to a role, the others wait inside their own time. The other side gives up when nobody waits any more.
//! - **Be of another version**: the form has its number; another one is refused, and the log says so. New fields are passed
//!   over by who does not know them.
//!
//! # To let something else cross
//! A variant of `call::Said` and its body; a route in `desk`; a type that implements the contract's trait by `Peer::ask`.

mod base;
mod call;
mod connect;
mod desk;
mod issuer;
mod key;
mod note;
mod peer;
mod seen;
#[cfg(test)]
mod testing;

pub use base::RemoteBase;
pub use connect::{ClientTls, Connector, client_tls, pinned_tls};
pub use desk::Desk;
pub use issuer::RemoteIssuer;
pub use key::{KeyRefused, PeerKey, PublicKey};
pub use peer::{Peer, WrongUrl};
