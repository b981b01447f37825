//! Base C: what happened lately. The fastest of the three, and still bank-secret data.
//!
//! Rooms: `api` (routes) · [`Events`] (the service) · [`Feed`] (the base as it is filled) · [`MovementStore`] (what an
//! engine promises, with the suite that checks it) · `store/sqlite` · `store/mongo`, which several processes share, with
//! [`CachedMovements`] in front and the [`Index`] in OpenSearch beside it, where they are set. Which engine it is, whoever
//! opens the base says.
//!
//! `GET /evento/{cpf}` and the dossier's section are one point read: every write leaves a **hot record** behind, the
//! ready JSON of the person. Only the latest consultation is put in at the moment of answering, because it comes from
//! the record of consultations ([`ficha_contract::Evidence`]) and changes with every answer.
//!
//! # To add a field to the answers
//! Its place in `shape`; its column in a new migration of `store/sqlite`, its name in a new step of `store/mongo`, which
//! sets the collection's validator; and one more in `hot::LAYOUT`, so that the hot records are made anew: by the new
//! version when it opens a file, by `ficha migrate` on a server, beside which nobody serves the base meanwhile.
//!
//! # To add a filter
//! A field of `api::query::MovementQuery` and of [`Selection`]; each store honours it, and so does `store/mongo/index`
//! (`ask`; for a new field of its documents `document`, with its `LAYOUT`); a promise in `store::suite`.
//!
//! # To add an engine
//! A module below `store`, an `impl MovementStore`, and one line `contract_suite!` in its tests. What a store keeps as
//! numbers is in `store/codes`, what of a write it keeps for its repetition in `store/replies`.

mod api;
mod feed;
mod fold;
mod hot;
mod movement;
mod service;
mod shape;
mod store;
mod zone;

pub use api::{EventsApi, routes};
pub use feed::Feed;
pub use movement::{Movement, check, derived_id};
pub use service::{Consultations, Events, Record};
pub use store::{
    CachedMovements, Change, Index, IndexError, IndexFigures, LastPurchase, MongoMovements, MovementStore,
    Naming, Pace, Position, Selection, SqliteMovements, Write, WriteRefused,
};
pub use zone::{UnknownZone, Zone};

#[cfg(test)]
mod testing;
