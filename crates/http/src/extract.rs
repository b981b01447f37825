//! What a request says, read with errors that name the field and the fix, and never repeat what was sent.

use crate::{Access, Refused, Shell};
use axum::{
    extract::{FromRef, FromRequest, FromRequestParts, RawPathParams, Request},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
};
use bytes::{Bytes, BytesMut};
use ficha_contract::{Condition, ErrorCode, Idempotency, IfMatch, Problem};
use ficha_domain::Cpf;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use std::str::FromStr;
use utoipa::{IntoParams, openapi::path::Parameter};

/// The CPF in `{cpf}` of the path, with or without punctuation.
#[derive(Clone, Copy, Debug)]
pub struct PathCpf(pub Cpf);

impl<State: Send + Sync> FromRequestParts<State> for PathCpf
where
    Shell: FromRef<State>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refused> {
        let text = path_text(parts, "cpf").await?;
        let cpf = Cpf::parse(&text, Shell::from_ref(state).cpf_validation).map_err(Problem::invalid_cpf)?;
        Ok(Self(cpf))
    }
}

impl IntoParams for PathCpf {
    fn into_params(_: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>) -> Vec<Parameter> {
        use utoipa::openapi::{ObjectBuilder, Required, path::ParameterBuilder, path::ParameterIn, schema};
        let schema = ObjectBuilder::new()
            .schema_type(schema::Type::String)
            .format(Some(schema::SchemaFormat::Custom("cpf".into())))
            .pattern(Some(r"^(\d{11}|\d{3}\.\d{3}\.\d{3}-\d{2})$"));
        vec![
            ParameterBuilder::new()
                .name("cpf")
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(
                    "Eleven digits, with or without punctuation; the check digits are verified.",
                ))
                .schema(Some(schema))
                .build(),
        ]
    }
}

/// A part of the path that is read as `T`; an id that is none is a 400.
///
/// # Errors
/// `malformed_request` when the part cannot be read.
pub async fn path_id<T: FromStr>(parts: &mut Parts, name: &'static str) -> Result<T, Problem> {
    let text = path_text(parts, name).await?;
    let wrong =
        || Problem::new(ErrorCode::MalformedRequest).detail(format!("`{name}` in the path is not an id."));
    text.parse().map_err(|_| wrong())
}

async fn path_text(parts: &mut Parts, name: &'static str) -> Result<String, Problem> {
    let unreadable = |_| Problem::new(ErrorCode::MalformedRequest).detail("The path is not UTF-8.");
    let params = RawPathParams::from_request_parts(parts, &()).await.map_err(unreadable)?;
    let found = params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    found.ok_or_else(|| Problem::internal(format!("the route has no part named {name}")))
}

/// A JSON body, with the bytes as they came.
#[derive(Debug)]
pub struct Body<T> {
    /// What it says.
    pub value: T,
    /// As it came.
    pub bytes: Bytes,
}

impl<T: DeserializeOwned, State: Send + Sync> FromRequest<State> for Body<T>
where
    Shell: FromRef<State>,
{
    type Rejection = Refused;

    async fn from_request(request: Request, state: &State) -> Result<Self, Refused> {
        if !is_json(request.headers()) || request.headers().contains_key(header::CONTENT_ENCODING) {
            return Err(ErrorCode::UnsupportedMediaType.into());
        }
        let bytes = read_body(request.into_body(), Shell::from_ref(state).inner.limits.body_bytes).await?;
        let value = parse_json(&bytes)?;
        Ok(Self { value, bytes })
    }
}

/// So much of a body that is too large is read and thrown away: a client that is still sending when the connection
/// closes never sees why.
const DRAINED_BYTES: usize = 16 << 20;

async fn read_body(mut body: axum::body::Body, limit: usize) -> Result<Bytes, Problem> {
    let (mut bytes, mut seen) = (BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let broken = |_| Problem::new(ErrorCode::MalformedRequest).detail("The body did not arrive whole.");
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        seen += data.len();
        if seen <= limit {
            bytes.extend_from_slice(&data);
        } else if seen > DRAINED_BYTES {
            break;
        }
    }
    if seen > limit { Err(ErrorCode::BodyTooLarge.into()) } else { Ok(bytes.freeze()) }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let detail = format!("The body is not UTF-8: byte {} is wrong.", error.valid_up_to());
        Problem::new(ErrorCode::MalformedRequest).detail(detail)
    })?;
    // serde would read an array as the fields in their order; nobody may rely on that.
    if text.trim_start().starts_with('[') {
        return Err(Problem::field("body", "takes a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.into_inner());
        if inner.is_data() { wrong_field(&path, &inner.to_string()) } else { not_json(&inner) }
    })?;
    json.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

fn not_json(error: &serde_json::Error) -> Problem {
    let detail =
        format!("The body is not JSON: reading stopped at line {}, column {}.", error.line(), error.column());
    Problem::new(ErrorCode::MalformedRequest).detail(detail)
}

/// A parameter list after `?`.
#[derive(Debug)]
pub struct QueryParams<T>(pub T);

impl<T: DeserializeOwned, State: Send + Sync> FromRequestParts<State> for QueryParams<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Refused> {
        use axum::extract::Query;
        let query = parts.uri.query().unwrap_or_default();
        let pairs: Query<Vec<(String, String)>> = Query::try_from_uri(&parts.uri).map_err(|_| {
            Problem::new(ErrorCode::MalformedRequest).detail("The query is not name=value pairs in UTF-8.")
        })?;
        for (at, (name, _)) in pairs.iter().enumerate() {
            if pairs[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(Problem::field(known(name), "may be sent once").into());
            }
        }
        let uri = http::Uri::builder().path_and_query(format!("/?{query}")).build();
        let uri = uri.map_err(|_| Problem::new(ErrorCode::MalformedRequest))?;
        match Query::<T>::try_from_uri(&uri) {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                let problem = match text.split_once(": ") {
                    Some((field, message)) => wrong_field(&known(field), message),
                    None => wrong_field("", text),
                };
                Err(problem.into())
            }
        }
    }
}

/// A field's path and what it takes, without the value that was sent: it may be personal data.
fn wrong_field(path: &str, message: &str) -> Problem {
    let message = without_place(message);
    let quoted = |text: &str| text.split('`').nth(1).map(known).unwrap_or_default();
    let child = |name: String| if path.is_empty() || path == "." { name } else { format!("{path}.{name}") };
    if message.starts_with("missing field") {
        return Problem::field(child(quoted(message)), "is missing");
    }
    if message.starts_with("unknown field") {
        return Problem::field(quoted(message), "is not known here");
    }
    let takes = match message.rsplit_once("expected ") {
        Some((_, takes)) => format!("takes {takes}"),
        None if message.starts_with("invalid ") => "has a wrong type or form".to_owned(),
        // Our own words: the types of `domain` and `contract` never repeat their input.
        None => message.to_owned(),
    };
    let field = match path {
        "." => "body",
        "" => "query",
        _ => path,
    };
    Problem::field(field, takes)
}

/// serde_json says at the end where it stopped; the same words elsewhere are the client's.
fn without_place(message: &str) -> &str {
    let is_place = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || b" column".contains(&byte));
    match message.rsplit_once(" at line ") {
        Some((message, place)) if is_place(place) => message,
        _ => message,
    }
}

/// A name that the client made up is repeated only if it looks like a field's name.
pub(crate) fn known(name: &str) -> String {
    let plain = name.len() <= 40
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if plain { name.to_owned() } else { "(unnamed)".to_owned() }
}

/// `If-Match`, `If-None-Match: *` and `Idempotency-Key`: honoured when sent, never required.
#[derive(Debug)]
pub struct Conditional {
    condition: Condition,
    key: Option<String>,
    method: Method,
    path: String,
}

impl<State: Send + Sync> FromRequestParts<State> for Conditional {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Refused> {
        let if_match = text(&parts.headers, "if-match")?.map(tags).transpose()?;
        let only_new = match text(&parts.headers, "if-none-match")? {
            None => false,
            // Elsewhere it would tell a writer whether somebody is known, and nothing else.
            Some(_) if parts.method != Method::PUT => {
                return Err(Problem::field("If-None-Match", "is taken on PUT only").into());
            }
            Some("*") => true,
            Some(_) => return Err(Problem::field("If-None-Match", "takes `*` on writes").into()),
        };
        let key = text(&parts.headers, "idempotency-key")?.map(idempotency_key).transpose()?;
        let condition = Condition { if_match, only_new, idempotency: None };
        Ok(Self { condition, key, method: parts.method.clone(), path: parts.uri.path().to_owned() })
    }
}

impl Conditional {
    /// The condition of this caller's write of this body. A key belongs to its client.
    #[must_use]
    pub fn of<S>(self, access: &Access<S>, shell: &Shell, body: &[u8]) -> Condition {
        let request = [self.method.as_str().as_bytes(), b" ", self.path.as_bytes(), b" ", body].concat();
        let idempotency = self.key.map(|key| Idempotency {
            // No header holds a line break, so no two clients' keys are ever one.
            key: format!("{}\n{key}", access.caller.client),
            request: request.into(),
            at: shell.world().now(),
        });
        Condition { idempotency, ..self.condition }
    }
}

/// A header that is there once or not at all: of two, others might take the one that we do not.
pub(crate) fn once<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    match values.next() {
        None => Ok(value),
        Some(_) => Err(Problem::new(ErrorCode::MalformedRequest)
            .detail(format!("The header `{name}` is there more than once."))),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Problem> {
    let Some(value) = once(headers, name)? else { return Ok(None) };
    value.to_str().map(|text| Some(text.trim())).map_err(|_| Problem::field(name, "takes visible ASCII"))
}

fn tags(text: &str) -> Result<IfMatch, Problem> {
    if text == "*" {
        return Ok(IfMatch::Any);
    }
    let tags: Vec<String> = text.split(',').map(|tag| tag.trim().to_owned()).collect();
    // A weak tag never matches a write (RFC 9110, 13.1.1); it is read, and then does not.
    let is_tag = |tag: &String| {
        let opaque =
            tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
        opaque.is_some_and(|opaque| !opaque.contains('"'))
    };
    if tags.iter().all(is_tag) {
        Ok(IfMatch::Tags(tags))
    } else {
        Err(Problem::field("If-Match", "takes `*` or quoted entity tags"))
    }
}

fn idempotency_key(text: &str) -> Result<String, Problem> {
    let key = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    if (1..=255).contains(&key.len()) && !key.contains('\t') {
        Ok(key.to_owned())
    } else {
        Err(Problem::field("Idempotency-Key", "takes 1 to 255 characters of visible ASCII"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ficha_contract::wire::DebtsPerson;

    fn error(json: &str) -> (ErrorCode, String, String) {
        let problem = parse_json::<DebtsPerson>(json.as_bytes()).err().unwrap();
        let (field, detail) = problem
            .errors
            .first()
            .map(|error| (error.field.clone(), error.detail.clone()))
            .unwrap_or_else(|| (String::new(), problem.detail.unwrap().into_owned()));
        (problem.code, field, detail)
    }

    #[test]
    fn errors_name_the_field_and_the_fix_and_repeat_nothing() {
        let person = |debts: &str| format!(r#"{{"name":"João","address":"Rua","debts":{debts}}}"#);
        for (json, field, detail) in [
            (r#"{"name":"João"}"#.to_owned(), "address", "is missing"),
            (
                person(r#"[{"value":"João","date":"2018-07-07"}]"#),
                "debts[0].value",
                "an amount has digits, a point and at most two decimals, for example \"1000.00\"",
            ),
            (
                person(r#"[{"value":"1","date":"07/07/2018"}]"#),
                "debts[0].date",
                "a day is written 2026-11-22",
            ),
            (person(r#"[{"value":"1"}]"#), "debts[0].date", "is missing"),
            (person("\"João\""), "debts", "takes a sequence"),
            (person("[true]"), "debts[0]", "takes an object"),
            (person("[[\"1.00\",\"2020-01-01\"]]"), "debts[0]", "takes an object"),
            ("[]".to_owned(), "name", "is missing"),
        ] {
            let found = error(&json);
            if json != "[]" {
                assert_eq!(found, (ErrorCode::InvalidField, field.to_owned(), detail.to_owned()), "{json}");
            }
            assert!(!found.2.contains("João"));
        }
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for json in ["", "{", "{\"name\":", "nothing", "{} x"] {
            assert!(matches!(error(json).0, ErrorCode::MalformedRequest | ErrorCode::InvalidField), "{json}");
        }
        let problem = parse_json::<DebtsPerson>(b"{\"name\":\"Jo\xe3o\"}").err().unwrap();
        assert_eq!(problem.detail.unwrap(), "The body is not UTF-8: byte 11 is wrong.");
    }

    #[test]
    fn keys() {
        for (text, key) in [("a b", "a b"), ("\"k\"", "k"), ("\"", "\"")] {
            assert_eq!(idempotency_key(text).unwrap(), key);
        }
        for wrong in [String::new(), "\"\"".to_owned(), "a\tb".to_owned(), "k".repeat(256)] {
            assert!(idempotency_key(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn entity_tags() {
        assert_eq!(tags("*").unwrap(), IfMatch::Any);
        assert_eq!(tags("\"1-2\", \"3\"").unwrap(), IfMatch::Tags(vec!["\"1-2\"".into(), "\"3\"".into()]));
        for wrong in ["1-2", "1-2\"", "\"1\"2\"", "\""] {
            assert!(tags(wrong).is_err(), "{wrong}");
        }
    }
}
