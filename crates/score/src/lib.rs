//! Base B: what a person owns and earns, and the score computed from it. Kept in clear: it is read often and feeds
//! models; who may see it is decided at the door, and every look is recorded.
//!
//! `api` (routes; the seed's own in `customers`) → [`Scores`] (service) → [`ficha_people::People`] (store); [`Scorecard`] makes the score.
//!
//! # To add a field
//! Its place in [`ficha_contract::wire::ScorePerson`] (input), in `document::Document` (what is kept and answered) with
//! its bounds in `document::check`, and in the OpenAPI schemas of `api`.
//!
//! # To let the score look at something more
//! First read Lei 12.414/2011, art. 7º-A: most of what is not in `scorecard::feature` is forbidden. Then a number in
//! `facts::Facts`, its place in `kept` (a new form, the old one still read), and a variant of `Feature`.
//!
//! # To change the score
//! Change the table, not the code: `scorecard.toml` explains itself. Give it a new `version`.

mod api;
mod customers;
mod document;
mod facts;
mod kept;
mod scorecard;
mod service;

pub use api::routes;
pub use customers::seed_routes;
pub use scorecard::{Model, NoScoreReason, Reason, Score, Scorecard, ScorecardError};
pub use service::Scores;
