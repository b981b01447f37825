//! The seed's routes of base B, in its shapes. They exist on the role's own listener only: base A has the same paths.
//!
//! What is kept is the seed's JSON to the letter, so whole customers are copied. `api` (routes) → `list` (who is on a
//! page), `write` (what is sent, and what becomes of it) → [`crate::Scores`].

mod api;
mod list;
mod schema;
mod write;

use ficha_contract::Problem;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use api::seed_routes;

/// The fields of a customer, in their order.
const FIELDS: [&str; 7] = ["id", "cpf", "date_birth", "name", "address", "patrimonies", "sources_income"];

/// A customer whose parts stay as they were written.
#[derive(Deserialize, Serialize)]
struct Customer<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    cpf: &'a RawValue,
    #[serde(borrow)]
    date_birth: &'a RawValue,
    #[serde(borrow)]
    name: &'a RawValue,
    #[serde(borrow)]
    address: &'a RawValue,
    #[serde(borrow)]
    patrimonies: &'a RawValue,
    #[serde(borrow)]
    sources_income: &'a RawValue,
    #[serde(rename = "_cls", borrow)]
    class: &'a RawValue,
}

/// The customer with the fields that are told; the others stay, blank.
fn blanked(json: &[u8], tells: impl Fn(&str) -> bool) -> Result<String, Problem> {
    let blank = |text| serde_json::from_str::<&RawValue>(text).map_err(Problem::internal);
    let (null, text, list) = (blank("null")?, blank("\"\"")?, blank("[]")?);
    let mut customer: Customer<'_> = serde_json::from_slice(json).map_err(unreadable)?;
    let Customer { id, cpf, date_birth, name, address, patrimonies, sources_income, .. } = &mut customer;
    let parts = [id, cpf, date_birth, name, address, patrimonies, sources_income];
    for ((part, blank), field) in
        parts.into_iter().zip([null, text, null, text, text, list, list]).zip(FIELDS)
    {
        if !tells(field) {
            *part = blank;
        }
    }
    serde_json::to_string(&customer).map_err(Problem::internal)
}

/// Without serde's words, which may repeat what they could not read.
fn unreadable(_: serde_json::Error) -> Problem {
    Problem::internal("a document of base B does not read back")
}
