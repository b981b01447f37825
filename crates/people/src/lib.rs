//! One versioned document per person: the store under bases A and B.
//!
//! [`People`] finds, changes and bulk-loads documents; what a document says is its base's affair. Kept sealed
//! (base A: body by authenticated encryption, look-up by a blind index) or in clear (base B), by the choice of
//! [`Keeping`]. The engine stands behind [`PeopleStore`].
//!
//! # To add an engine
//! Implement [`PeopleStore`] in a module of its own and run the suite of `contract.rs` on it; the promises are the
//! sentences on the trait. Only the wiring chooses.
//!
//! [`CachedPeople`] stands in front of an engine that several processes share, and keeps the same promises.

mod cached;
mod change;
#[cfg(test)]
mod contract;
mod mongo;
mod people;
mod postgres;
mod reading;
mod sqlite;
mod store;

pub use cached::CachedPeople;
pub use mongo::MongoPeople;
pub use people::{Decision, Keeping, People, Person};
pub use postgres::PostgresPeople;
pub use sqlite::SqlitePeople;
pub use store::{Blinded, Change, Decide, Kind, Numbers, Outcome, PeopleStore, Row, Slot, Verdict, Visit};
