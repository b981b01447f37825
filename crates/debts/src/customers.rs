//! The seed's routes of base A, in its shapes. They exist on the role's own listener only: base B has the same paths.
//!
//! `api` (routes) → `list` (who is on a page), `write` (what is sent, and what becomes of it) → [`crate::Debts`].

mod api;
mod list;
mod schema;
mod write;

use crate::document::{Document, DocumentDebt};
use ficha_contract::Problem;
use ficha_domain::{Cpf, CpfValidation};
use ficha_http::SeedList;
use serde::Serialize;
use utoipa::ToSchema;

pub use api::seed_routes;

/// A person and what it owes, as the seed writes it.
#[derive(Serialize, ToSchema)]
#[schema(title = "Customer")]
struct Customer {
    /// Permanent id of the person in this base; null where `fields` leaves it out.
    #[schema(required)]
    id: Option<i64>,
    /// What is owed.
    debts: Vec<DocumentDebt>,
    /// Eleven digits.
    #[schema(example = "52998224725")]
    cpf: String,
    /// Full name.
    name: String,
    /// Postal address, one line.
    address: String,
}

impl From<Document> for Customer {
    fn from(Document { id, cpf, name, address, debts }: Document) -> Self {
        Self { id: Some(id), debts, cpf, name, address }
    }
}

impl Customer {
    /// The customer with the fields that a list tells; the others stay, blank.
    fn told_by(self, list: &SeedList) -> Self {
        let text = |field, text| if list.tells(field) { text } else { String::new() };
        Self {
            id: self.id.filter(|_| list.tells("id")),
            debts: if list.tells("debts") { self.debts } else { Vec::new() },
            cpf: text("cpf", self.cpf),
            name: text("name", self.name),
            address: text("address", self.address),
        }
    }

    fn to_json(&self) -> Result<String, Problem> {
        serde_json::to_string(self).map_err(Problem::internal)
    }
}

impl Document {
    /// Whose it is. What is kept was checked when it came.
    fn owner(&self) -> Result<Cpf, Problem> {
        let cpf = Cpf::parse(&self.cpf, CpfValidation::Format);
        cpf.map_err(|_| Problem::internal("a document of base A names no CPF"))
    }
}
