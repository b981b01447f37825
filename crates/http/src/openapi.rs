//! What all operations share, added to a role's OpenAPI document in one place.

use crate::ProblemBody;
use ficha_contract::ErrorCode;
use ficha_domain::{Purpose, Scope};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Content, ContentBuilder, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Required,
        ResponseBuilder,
        path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn},
        schema,
        security::{ClientCredentials, Flow, OAuth2, Scopes, SecurityScheme},
    },
};

/// Completes the document that a role's routes made: title, security scheme, the purpose header of reads, the errors
/// that every operation can answer.
#[must_use]
pub fn document(mut api: OpenApi, role: &str, description: &str) -> OpenApi {
    api.info = InfoBuilder::new()
        .title(format!("ficha {role}"))
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(format!("{description} [Error codes](/docs/errors)")))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let components = api.components.get_or_insert_default();
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    let scopes =
        Scopes::from_iter(Scope::ALL.map(|scope| (scope.as_str(), "see the documentation of scopes")));
    let flow = Flow::ClientCredentials(ClientCredentials::new("/oauth/token", scopes));
    components
        .security_schemes
        .insert("oauth2".into(), RefOr::T(SecurityScheme::OAuth2(OAuth2::new([flow]))));
    for (path, item) in &mut api.paths.paths {
        for method in METHODS {
            if let Some(operation) = operation(item, &method) {
                complete(operation, &method, path);
            }
        }
    }
    api
}

const METHODS: [HttpMethod; 5] =
    [HttpMethod::Get, HttpMethod::Put, HttpMethod::Post, HttpMethod::Patch, HttpMethod::Delete];

fn operation<'a>(item: &'a mut utoipa::openapi::PathItem, method: &HttpMethod) -> Option<&'a mut Operation> {
    match method {
        HttpMethod::Get => item.get.as_mut(),
        HttpMethod::Put => item.put.as_mut(),
        HttpMethod::Post => item.post.as_mut(),
        HttpMethod::Patch => item.patch.as_mut(),
        HttpMethod::Delete => item.delete.as_mut(),
        _ => None,
    }
}

fn complete(operation: &mut Operation, method: &HttpMethod, path: &str) {
    let Some(security) = &operation.security else { return };
    let text = serde_json::to_string(security).unwrap_or_default();
    let (reads, writes) = (text.contains(":read"), text.contains(":write"));
    let mut codes = vec![
        ErrorCode::MalformedRequest,
        ErrorCode::MissingToken,
        ErrorCode::InsufficientScope,
        ErrorCode::RateLimited,
        ErrorCode::Internal,
        ErrorCode::Overloaded,
    ];
    if operation.parameters.is_some() || operation.request_body.is_some() {
        codes.push(ErrorCode::InvalidField);
    }
    if operation.request_body.is_some() {
        codes.extend([ErrorCode::RequestTimeout, ErrorCode::BodyTooLarge, ErrorCode::UnsupportedMediaType]);
    }
    if writes {
        codes.extend([ErrorCode::IdempotencyInProgress, ErrorCode::PreconditionFailed]);
    }
    if path.contains('{') && *method != HttpMethod::Put && !lists(operation) {
        codes.push(ErrorCode::NotFound);
    }
    for code in codes {
        let status = code.status().to_string();
        operation.responses.responses.entry(status).or_insert_with(|| RefOr::T(problem(code)));
    }
    if reads {
        add_header(operation, purpose_header());
    }
    if writes || takes(operation, "Idempotency-Key") {
        add_header(operation, idempotency_header());
    }
    if writes {
        add_header(operation, if_match_header());
    }
    if writes && *method == HttpMethod::Put {
        add_header(operation, if_none_match_header());
    }
}

/// Of somebody unknown a bare list is empty; everything else is a 404.
fn lists(operation: &Operation) -> bool {
    let Some(RefOr::T(fine)) = operation.responses.responses.get("200") else { return false };
    let is_list = |content: &RefOr<Content>| {
        matches!(content, RefOr::T(Content { schema: Some(RefOr::T(schema::Schema::Array(_))), .. }))
    };
    fine.content.values().any(is_list)
}

fn takes(operation: &Operation, header: &str) -> bool {
    operation.parameters.iter().flatten().any(|parameter| is_named(parameter, header))
}

fn is_named(parameter: &RefOr<Parameter>, name: &str) -> bool {
    matches!(parameter, RefOr::T(parameter) if parameter.name == name)
}

/// In the words that are the same everywhere, instead of a route's own.
fn add_header(operation: &mut Operation, header: Parameter) {
    let parameters = operation.parameters.get_or_insert_default();
    parameters.retain(|parameter| !is_named(parameter, &header.name));
    parameters.push(RefOr::T(header));
}

fn problem(code: ErrorCode) -> utoipa::openapi::Response {
    let schema = Ref::from_schema_name(ProblemBody::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description(code.facts().title)
        .content("application/problem+json", content)
        .build()
}

fn purpose_header() -> Parameter {
    let schema = text().enum_values(Some(Purpose::ALL.map(Purpose::as_str)));
    header(
        "Ficha-Purpose",
        "Why the person is looked at; without it, the client's registered purpose counts.",
        schema,
    )
}

fn idempotency_header() -> Parameter {
    let schema = text().pattern(Some("^[!-~]([ -~]{0,253}[!-~])?$"));
    header("Idempotency-Key", "Two requests with one key are one, for a day.", schema)
}

fn if_match_header() -> Parameter {
    const TAG: &str = r#"(W/)?"[!#-+.-~-]*""#;
    let schema = text().pattern(Some(format!(r"^(\*|{TAG}(, ?{TAG})*)$")));
    header("If-Match", "Only if what is there is still of this version.", schema)
}

fn if_none_match_header() -> Parameter {
    header("If-None-Match", "Only if nothing is there yet.", text().enum_values(Some(["*"])))
}

/// An object's schema of which these fields must be there.
#[must_use]
pub fn requiring(mut schema: RefOr<schema::Schema>, fields: &[&str]) -> RefOr<schema::Schema> {
    if let RefOr::T(schema::Schema::Object(object)) = &mut schema {
        object.required.extend(fields.iter().map(|field| (*field).to_owned()));
    }
    schema
}

/// Reais that are not negative: a text, or a JSON number with at most two decimals.
#[must_use]
pub fn amount() -> schema::Object {
    reais(r"^\d{1,12}(\.\d{1,2})?$", 0.0)
}

/// Reais of either sign.
#[must_use]
pub fn signed_amount() -> schema::Object {
    reais(r"^-?\d{1,12}(\.\d{1,2})?$", -999_999_999_999.99)
}

fn reais(pattern: &str, least: f64) -> schema::Object {
    ObjectBuilder::new()
        .schema_type(schema::SchemaType::from_iter([schema::Type::String, schema::Type::Number]))
        .description(Some("Reais, at most two decimals."))
        .examples([serde_json::json!("1000.00")])
        .pattern(Some(pattern))
        .minimum(Some(least))
        .maximum(Some(999_999_999_999.99))
        .build()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(schema::Type::String)
}

fn header(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
