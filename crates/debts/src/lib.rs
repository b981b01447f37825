//! Base A: what a person owes. The most secret of the three: sealed at rest, found by a blind index.
//!
//! `api` (routes; the seed's own in `customers`) → [`Debts`] (service) → [`ficha_people::People`] (store).
//!
//! # To add a field
//! Its place in [`ficha_contract::wire::DebtsPerson`] (input), in `document::Document` (what is kept and answered) with
//! its bounds in `document::check`, and in the OpenAPI schema of `api`.
//!
//! # To add a route
//! A handler in `api`, as the front page of `ficha-http` shows.

mod api;
mod customers;
mod document;
mod service;

pub use api::routes;
pub use customers::seed_routes;
pub use service::Debts;
