//! What all operations share, added to a role's OpenAPI document in one place.

use crate::ProblemBody;
use ficha_contract::ErrorCode;
use ficha_domain::{Purpose, Scope};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ContentBuilder, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Required,
        ResponseBuilder,
        path::{HttpMethod, Operation, ParameterBuilder, ParameterIn},
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
    for item in api.paths.paths.values_mut() {
        for method in [HttpMethod::Get, HttpMethod::Put, HttpMethod::Post, HttpMethod::Delete] {
            if let Some(operation) = operation(item, &method) {
                complete(operation);
            }
        }
    }
    api
}

fn operation<'a>(item: &'a mut utoipa::openapi::PathItem, method: &HttpMethod) -> Option<&'a mut Operation> {
    match method {
        HttpMethod::Get => item.get.as_mut(),
        HttpMethod::Put => item.put.as_mut(),
        HttpMethod::Post => item.post.as_mut(),
        HttpMethod::Delete => item.delete.as_mut(),
        _ => None,
    }
}

fn complete(operation: &mut Operation) {
    let Some(security) = &operation.security else { return };
    let text = serde_json::to_string(security).unwrap_or_default();
    let reads = text.contains(":read");
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
    for code in codes {
        let status = code.status().to_string();
        operation.responses.responses.entry(status).or_insert_with(|| RefOr::T(problem(code)));
    }
    if reads {
        operation.parameters.get_or_insert_default().push(RefOr::T(purpose_header()));
    }
}

fn problem(code: ErrorCode) -> utoipa::openapi::Response {
    let schema = Ref::from_schema_name(ProblemBody::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description(code.facts().title)
        .content("application/problem+json", content)
        .build()
}

fn purpose_header() -> utoipa::openapi::path::Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(schema::Type::String)
        .enum_values(Some(Purpose::ALL.map(Purpose::as_str)))
        .build();
    ParameterBuilder::new()
        .name("Ficha-Purpose")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("Why the person is looked at; without it, the client's registered purpose counts."))
        .schema(Some(schema))
        .build()
}
