//! Lists as the seed's servers have them: `?cpf=…&orders=-id&fields=cpf,name&page_size=5`.

use crate::{Refused, extract::known};
use axum::{extract::FromRequestParts, extract::Query, http::request::Parts};
use ficha_contract::{ErrorCode, FieldError, Problem};

/// What a list takes. What is sealed is in none of these: nobody searches it.
#[derive(Clone, Copy, Debug)]
pub struct ListRules {
    /// Fields of an object, for `fields`.
    pub fields: &'static [&'static str],
    /// Those by which rows are selected.
    pub filters: &'static [&'static str],
    /// Those by which rows are put in order.
    pub orders: &'static [&'static str],
}

/// A list as it was asked for, not yet held against the rules of a route: [`AskedList::by`].
#[derive(Debug)]
pub struct AskedList(Vec<(String, String)>);

/// What is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedList {
    /// So many rows at most.
    pub page_size: usize,
    /// In this order, the first counting most: field, and whether it descends.
    pub orders: Vec<(&'static str, bool)>,
    /// All these hold.
    pub filters: Vec<(&'static str, Is)>,
    /// The fields that are told, where not all are.
    fields: Option<Vec<&'static str>>,
}

/// What a filter asks of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Is {
    /// `x=_None`.
    Null,
    /// `x!=_None`.
    NotNull,
    /// `x=value`.
    Equal(String),
}

/// As there, where a request names none.
const PAGE_SIZE: usize = 10;
/// Each row is recorded.
const PAGE_SIZE_MAX: usize = 1000;
/// Read and without effect, as there.
const IGNORED: [&str; 3] = ["page", "search", "format"];

impl<State: Send + Sync> FromRequestParts<State> for AskedList {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Refused> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|_| {
            Problem::new(ErrorCode::MalformedRequest).detail("The query is not name=value pairs in UTF-8.")
        })?;
        for (at, (name, _)) in pairs.iter().enumerate() {
            if pairs[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(refused(name, "may be sent once").into());
            }
        }
        Ok(Self(pairs))
    }
}

impl AskedList {
    /// The list, by the rules of a route.
    ///
    /// # Errors
    /// 400 that names a key which is not taken here, as one that is sealed; 422 for a value that cannot be meant.
    pub fn by(self, rules: ListRules) -> Result<SeedList, Problem> {
        let mut list =
            SeedList { page_size: PAGE_SIZE, orders: Vec::new(), filters: Vec::new(), fields: None };
        for (key, value) in self.0 {
            match key.as_str() {
                "page_size" => list.page_size = page_size(&value)?,
                "orders" => list.orders = orders(&value, rules)?,
                "fields" => list.fields = Some(fields(&value, rules)?).filter(|fields| !fields.is_empty()),
                key if IGNORED.contains(&key) => {}
                key => list.filters.push(filter(key, value, rules)?),
            }
        }
        Ok(list)
    }
}

fn page_size(text: &str) -> Result<usize, Problem> {
    let size = text.parse().ok().filter(|size| (1..=PAGE_SIZE_MAX).contains(size));
    size.ok_or_else(|| Problem::field("page_size", format!("takes 1 to {PAGE_SIZE_MAX}")))
}

fn orders(text: &str, rules: ListRules) -> Result<Vec<(&'static str, bool)>, Problem> {
    let order = |word: &str| {
        let (name, descends) = word.strip_prefix('-').map_or((word, false), |name| (name, true));
        let found = named(name, rules.orders);
        found.map(|name| (name, descends)).ok_or_else(|| refused(name, "is no field to put in order by here"))
    };
    words(text).map(order).collect()
}

fn fields(text: &str, rules: ListRules) -> Result<Vec<&'static str>, Problem> {
    let field = |word| named(word, rules.fields).ok_or_else(|| refused(word, "is no field of these objects"));
    words(text).map(field).collect()
}

fn filter(key: &str, value: String, rules: ListRules) -> Result<(&'static str, Is), Problem> {
    let (name, is) = match (key.strip_suffix('!'), value.as_str()) {
        (Some(name), "_None") => (name, Is::NotNull),
        (None, "_None") => (key, Is::Null),
        _ => (key, Is::Equal(value)),
    };
    let found = named(name, rules.filters);
    found
        .map(|name| (name, is))
        .ok_or_else(|| refused(key, "is not known here, or sealed: it selects nothing"))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

fn named(name: &str, names: &[&'static str]) -> Option<&'static str> {
    names.iter().find(|known| **known == name).copied()
}

/// 400, not 422: the key is wrong, whatever its value.
fn refused(key: &str, why: &str) -> Problem {
    let code = ErrorCode::MalformedRequest;
    let (name, mark) = key.strip_suffix('!').map_or((key, ""), |name| (name, "!"));
    let field = format!("{}{mark}", known(name));
    let detail = format!("`{field}` {why}.");
    let error = FieldError { code: code.as_str(), field, detail: why.to_owned() };
    Problem { errors: vec![error], ..Problem::new(code).detail(detail) }
}

impl SeedList {
    /// What is asked of a field, where something is.
    pub fn asked(&self, field: &str) -> impl Iterator<Item = &Is> {
        self.filters.iter().filter(move |(name, _)| *name == field).map(|(_, is)| is)
    }

    /// The value that a field is to have, where one is named.
    #[must_use]
    pub fn equal(&self, field: &str) -> Option<&str> {
        self.asked(field).find_map(|is| match is {
            Is::Equal(value) => Some(value.as_str()),
            Is::Null | Is::NotNull => None,
        })
    }

    /// Whether a field that is never null may be so selected.
    #[must_use]
    pub fn takes_never_null(&self, field: &str) -> bool {
        !self.asked(field).any(|is| *is == Is::Null)
    }

    /// Whether ids descend: where they grow, the newest come first.
    #[must_use]
    pub fn newest_first(&self) -> bool {
        self.orders.first().is_some_and(|(name, descends)| *name == "id" && *descends)
    }

    /// Whether a field is told; one that is not stays, blank.
    #[must_use]
    pub fn tells(&self, field: &str) -> bool {
        self.fields.as_ref().is_none_or(|fields| fields.contains(&field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: ListRules =
        ListRules { fields: &["id", "cpf", "name"], filters: &["id", "cpf"], orders: &["id"] };

    async fn list(query: &str) -> Result<SeedList, Problem> {
        let request = http::Request::get(format!("/api/customers?{query}")).body(()).unwrap();
        let asked = AskedList::from_request_parts(&mut request.into_parts().0, &()).await;
        asked.unwrap_or_else(|_| panic!("{query}")).by(RULES)
    }

    #[tokio::test]
    async fn reads_what_the_seeds_clients_send() {
        let all = list("").await.unwrap();
        assert_eq!((all.page_size, all.newest_first(), all.tells("name")), (10, false, true));
        let one = list("cpf=52998224725&page=7&search=x&format=json&page_size=1000").await.unwrap();
        assert_eq!((one.equal("cpf"), one.page_size), (Some("52998224725"), 1000));
        assert!(list("orders=-id").await.unwrap().newest_first());
        assert!(!list("orders=id&page_size=1").await.unwrap().newest_first());
        let some = list("fields=cpf,name").await.unwrap();
        assert!(some.tells("cpf") && some.tells("name") && !some.tells("id"));
        assert!(list("fields=").await.unwrap().tells("id"));
        assert_eq!(list("id=_None").await.unwrap().filters, [("id", Is::Null)]);
        assert_eq!(list("id!=_None").await.unwrap().filters, [("id", Is::NotNull)]);
        assert!(!list("id=_None").await.unwrap().takes_never_null("id"));
    }

    #[tokio::test]
    async fn what_it_does_not_take_is_named() {
        for (query, field) in [
            ("name=Maria", "name"),
            ("debts__value=1", "debts__value"),
            ("id!=7", "id!"),
            ("orders=-name", "name"),
            ("fields=cpf,secret", "secret"),
            ("52998224725=1", "(unnamed)"),
        ] {
            let problem = list(query).await.unwrap_err();
            assert_eq!(
                (problem.code, &*problem.errors[0].field),
                (ErrorCode::MalformedRequest, field),
                "{query}"
            );
            assert!(problem.detail.unwrap().contains(field), "{query}");
        }
        for query in ["page_size=0", "page_size=1001", "page_size=ten", "page_size="] {
            let problem = list(query).await.unwrap_err();
            assert_eq!((problem.code, &*problem.errors[0].field), (ErrorCode::InvalidField, "page_size"));
        }
    }
}
