//! What may be sent, for the document: the bodies themselves are read as `Sent`.

use ficha_domain::Money;
use ficha_http::requiring;
use jiff::civil::Date;
use std::borrow::Cow;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

/// What is to change of a customer.
#[derive(ToSchema)]
#[schema(title = "ChangedCustomer")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct ChangedCustomer {
    /// Eleven digits, with or without punctuation; it does not change.
    #[schema(
        value_type = String, required = false, format = "cpf",
        pattern = r"^(\d{11}|\d{3}\.\d{3}\.\d{3}-\d{2})$", example = "52998224725"
    )]
    cpf: Option<String>,
    /// Full name, 1 to 200 characters.
    #[schema(
        value_type = String, required = false, min_length = 1, max_length = 200,
        pattern = r"^[^\u0000-\u001F\u007F-\u009F]*$", example = "Maria da Silva"
    )]
    name: Option<String>,
    /// Postal address, one line, at most 300 characters.
    #[schema(
        value_type = String, required = false, max_length = 300,
        pattern = r"^[^\u0000-\u001F\u007F-\u009F]*$", example = "Rua Joaquina, 1, Recife/PE"
    )]
    address: Option<String>,
    /// Debts to be added, or changed where `id` names one; those not listed are kept.
    #[schema(max_items = 1000, value_type = Vec<WrittenDebt>, required = false)]
    debts: Option<Vec<WrittenDebt>>,
}

/// A debt as the seed's clients send it.
#[derive(ToSchema)]
#[schema(title = "WrittenDebt")]
#[expect(dead_code, reason = "only its schema is used")]
struct WrittenDebt {
    /// A debt that is known.
    id: Option<i64>,
    /// Reais, not negative, at most two decimals.
    #[schema(schema_with = ficha_http::amount)]
    value: Money,
    /// Due date.
    #[schema(value_type = String, format = Date, example = "2018-07-07")]
    date: Date,
}

/// A customer that is sent whole; the CPF may be left out, since the path says whose it is.
pub(super) struct WrittenCustomer;

impl PartialSchema for WrittenCustomer {
    fn schema() -> RefOr<Schema> {
        requiring(ChangedCustomer::schema(), &["name", "address"])
    }
}

impl ToSchema for WrittenCustomer {
    fn name() -> Cow<'static, str> {
        "WrittenCustomer".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ChangedCustomer::schemas(schemas);
    }
}

/// A customer that is new.
pub(super) struct NewCustomer;

impl PartialSchema for NewCustomer {
    fn schema() -> RefOr<Schema> {
        requiring(ChangedCustomer::schema(), &["cpf", "name", "address"])
    }
}

impl ToSchema for NewCustomer {
    fn name() -> Cow<'static, str> {
        "NewCustomer".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ChangedCustomer::schemas(schemas);
    }
}
