//! Problems as answers (RFC 9457).

use crate::RequestId;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use ficha_contract::{ErrorCode, FieldError, Problem};
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::ToSchema;

/// A problem on its way out. The body is written by the layer around all routes, which knows the request's id.
#[derive(Debug)]
pub struct Refused {
    problem: Problem,
    scope: Option<&'static str>,
}

impl Refused {
    pub(crate) fn scope(problem: Problem, scope: &'static str) -> Self {
        Self { problem, scope: Some(scope) }
    }
}

impl<P: Into<Problem>> From<P> for Refused {
    fn from(problem: P) -> Self {
        Self { problem: problem.into(), scope: None }
    }
}

/// Carries the problem from where it arose to the layer that writes it.
#[derive(Clone)]
struct Carried(Arc<Mutex<Option<Problem>>>);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        if let Some(challenge) = challenge(self.problem.code, self.scope) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.problem.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(Carried(Arc::new(Mutex::new(Some(self.problem)))));
        response
    }
}

/// What the client is to do about its token (RFC 6750, 3).
fn challenge(code: ErrorCode, scope: Option<&str>) -> Option<HeaderValue> {
    let text = match (code, scope) {
        (ErrorCode::MissingToken, _) => "Bearer realm=\"ficha\"".to_owned(),
        (ErrorCode::InvalidToken, _) => "Bearer realm=\"ficha\", error=\"invalid_token\"".to_owned(),
        (ErrorCode::InsufficientScope, Some(scope)) => {
            format!("Bearer realm=\"ficha\", error=\"insufficient_scope\", scope=\"{scope}\"")
        }
        _ => return None,
    };
    HeaderValue::from_str(&text).ok()
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Problem")]
pub struct ProblemBody {
    /// Leads to the page of this code.
    #[serde(rename = "type")]
    kind: String,
    /// One line for people.
    title: &'static str,
    /// HTTP status.
    status: u16,
    /// This occurrence, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// This occurrence, for programs: the request's id as a URN.
    instance: String,
    /// The error code, from the closed list in `/docs/errors`.
    code: &'static str,
    /// To be named to the operator; the log knows it.
    request_id: String,
    /// Wrong fields, where that is the error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    errors: Vec<FieldError>,
    /// The states of a dossier's sections, where a required one is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    sections: Option<serde_json::Value>,
}

impl ProblemBody {
    fn new(problem: Problem, request_id: RequestId) -> Self {
        let facts = problem.code.facts();
        Self {
            kind: format!("/docs/errors/{}", facts.name),
            title: facts.title,
            status: facts.status,
            detail: Some(
                problem.detail.map_or_else(|| facts.remedy.to_owned(), std::borrow::Cow::into_owned),
            ),
            instance: format!("urn:uuid:{request_id}"),
            code: facts.name,
            request_id: request_id.to_string(),
            errors: problem.errors,
            sections: problem.sections,
        }
    }
}

/// Writes the body of a refused response and logs its cause; other responses pass.
pub(crate) fn write_body(response: Response, request_id: RequestId) -> Response {
    let Some(Carried(carried)) = response.extensions().get::<Carried>().cloned() else { return response };
    let Some(problem) = carried.lock().unwrap_or_else(PoisonError::into_inner).take() else {
        return response;
    };
    if let Some(cause) = &problem.cause {
        tracing::error!(%request_id, code = problem.code.as_str(), cause = %cause, "request failed");
    }
    let (mut parts, _) = response.into_parts();
    // Strings and numbers only: this cannot fail.
    let body = serde_json::to_vec(&ProblemBody::new(problem, request_id)).unwrap_or_default();
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    Response::from_parts(parts, body.into())
}
