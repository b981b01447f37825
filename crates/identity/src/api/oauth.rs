//! Requests and errors in the forms of OAuth.

use crate::issuer::{Form, OAuthError, OAuthErrorCode, Refusal};
use axum::{
    Json,
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use ficha_contract::{ErrorCode, Problem};
use ficha_http::Refused;
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

/// What holds a token or the word about one is kept by nobody on the way (RFC 6749, 5.1).
pub(super) const NOT_STORED: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::PRAGMA, HeaderValue::from_static("no-cache")),
];

/// A form, and what the `Authorization` header says.
#[derive(Debug)]
pub(super) struct OAuthRequest {
    authorization: Option<HeaderValue>,
    pub(super) form: Form,
}

impl OAuthRequest {
    /// The header's text; one that is none authenticates nobody.
    pub(super) fn authorization(&self) -> Option<&str> {
        self.authorization.as_ref().map(|value| value.to_str().unwrap_or_default())
    }

    /// The token that the request is about (RFC 7009, 2.1; RFC 7662, 2.1).
    pub(super) fn token(&self) -> Result<&str, OAuthError> {
        self.form.get("token").ok_or(OAuthError::request("token is missing"))
    }
}

impl<State: Send + Sync> FromRequest<State> for OAuthRequest {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &State) -> Result<Self, Refusal> {
        if !is_form(request.headers()) {
            return Err(OAuthError::request("the content type is application/x-www-form-urlencoded").into());
        }
        let authorization = authorization(request.headers())?;
        let body = body(request, state).await?;
        Ok(Self { authorization, form: Form::parse(&body)? })
    }
}

/// A request whose token may stand in the query, as the seed's clients send it. Credentials never do (RFC 6749, 2.3.1).
#[derive(Debug)]
pub(super) struct QueryRequest {
    pub(super) request: OAuthRequest,
    query: Form,
}

impl QueryRequest {
    /// The token that the request is about.
    pub(super) fn token(&self) -> Result<&str, OAuthError> {
        self.query.get("token").map_or_else(|| self.request.token(), Ok)
    }
}

impl<State: Send + Sync> FromRequest<State> for QueryRequest {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &State) -> Result<Self, Refusal> {
        let authorization = authorization(request.headers())?;
        let query = Form::parse(request.uri().query().unwrap_or_default().as_bytes())?;
        let body = if is_form(request.headers()) { body(request, state).await? } else { Bytes::new() };
        Ok(Self { request: OAuthRequest { authorization, form: Form::parse(&body)? }, query })
    }
}

fn authorization(headers: &HeaderMap) -> Result<Option<HeaderValue>, OAuthError> {
    let mut headers = headers.get_all(header::AUTHORIZATION).iter();
    let authorization = headers.next().cloned();
    match headers.next() {
        None => Ok(authorization),
        Some(_) => Err(OAuthError::request("one Authorization header is enough")),
    }
}

async fn body<State: Send + Sync>(request: Request, state: &State) -> Result<Bytes, Refusal> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        Refusal::Problem(Problem::new(match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::BodyTooLarge,
            _ => ErrorCode::MalformedRequest,
        }))
    })
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The body of an error (RFC 6749, 5.2).
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "OAuthError")]
pub(super) struct OAuthErrorBody {
    /// One of the codes of RFC 6749, 5.2.
    error: &'static str,
    /// For the programmer of the client.
    error_description: &'static str,
}

/// The errors of every endpoint where clients authenticate.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the answers in the OpenAPI document; `Refusal` is what answers")]
pub(super) enum OAuthErrors {
    /// The request is wrong
    #[response(status = 400)]
    Wrong(OAuthErrorBody),
    /// The client did not authenticate
    #[response(status = 401)]
    Unauthenticated(OAuthErrorBody),
    /// Too many failed authentications of this client
    #[response(status = 429)]
    TooMany(OAuthErrorBody),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = match self {
            Self::OAuth(error) => error,
            Self::Problem(problem) => return Refused::from(problem).into_response(),
        };
        let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let body = OAuthErrorBody { error: error.code.as_str(), error_description: error.description };
        let mut response = (status, NOT_STORED, Json(body)).into_response();
        if error.code == OAuthErrorCode::InvalidClient {
            // Also where no Basic was tried: a 401 names a way (RFC 9110, 15.5.2).
            let challenge = HeaderValue::from_static("Basic realm=\"ficha\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = error.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// What is asked about a token.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the OpenAPI document; forms are read by `Form`")]
pub(super) struct TokenForm {
    /// The token.
    #[schema(min_length = 1)]
    token: String,
    /// Not needed: there is one kind of token.
    #[schema(required = false)]
    token_type_hint: String,
    /// The client's id, where the `Authorization` header does not have it.
    #[schema(required = false)]
    client_id: String,
    /// The client's secret, where the header does not have it.
    #[schema(required = false)]
    client_secret: String,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, with `client_assertion`.
    #[schema(required = false)]
    client_assertion_type: String,
    /// A JWT signed by the client's own key (RFC 7523), in place of a secret.
    #[schema(required = false)]
    client_assertion: String,
}
