//! The answer about a CPF, composed from the three bases inside one budget.
//!
//! ```text
//! api, seed ─▶ Dossiers (service) ─▶ compose ─▶ three `Base`s at once, one deadline
//!                 │               └▶ outcome: the two tables that decide everything
//!                 ├▶ render: sections copied as ready bytes into one buffer
//!                 └▶ shelf: seals what is kept ─▶ `DossierStore` ─▶ store/sqlite, store/postgres
//! ```
//!
//! A base that hangs, fails, panics or answers nonsense costs its own section. What a section or a dossier becomes is
//! one closed table in `outcome`, and a test is that table.
//!
//! # To add a column to the tables of outcomes
//! The table in the documentation of `outcome`, its rows in `outcome::tests`, then the code.
//!
//! # To add a field to the dossier
//! `render` (what is written), `api::schema` (what is documented; a test compares the two), `kept::Whole` (what is read
//! back when a kept dossier is shown with fewer sections).
//!
//! # To add an engine
//! Implement [`DossierStore`] in `store/<engine>.rs`; its promises are the sentences on the trait and the suite of
//! `store/contract.rs`. It sees nothing but sealed bytes and blind indexes. Only the wiring chooses.

mod api;
mod compose;
mod kept;
mod outcome;
mod render;
mod seed;
mod service;
mod settings;
mod shelf;
mod store;
mod under_way;
mod wanted;

#[cfg(test)]
mod tests;

pub use api::routes;
pub use service::Dossiers;
pub use settings::{OpenError, Settings};
pub use store::{
    Blinded, DossierStore, Filter, Known, NewRow, Row, SealBody, Written, postgres::PostgresDossiers,
    sqlite::SqliteDossiers,
};
