//! What can go wrong, as the outside is told. Mapped to HTTP in one place: here.

use serde::Serialize;
use std::{borrow::Cow, error::Error, fmt};

/// The closed list of error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The request cannot be read.
    MalformedRequest,
    /// No purpose was named.
    MissingPurpose,
    /// No token was sent.
    MissingToken,
    /// The token opens nothing.
    InvalidToken,
    /// The token lacks a scope.
    InsufficientScope,
    /// Nobody or nothing there.
    NotFound,
    /// The path is none of this service.
    UnknownRoute,
    /// The path exists, this method does not.
    MethodNotAllowed,
    /// The request did not arrive in time.
    RequestTimeout,
    /// The first request with this key is still under way.
    IdempotencyInProgress,
    /// The data changed since it was read.
    PreconditionFailed,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The body is not of a type that is read here.
    UnsupportedMediaType,
    /// The number is no CPF.
    InvalidCpf,
    /// A field or parameter has a wrong value.
    InvalidField,
    /// The key was used for another request.
    IdempotencyKeyReused,
    /// The client asks too often.
    RateLimited,
    /// The server has more to do than it can.
    Overloaded,
    /// The consultation could not be recorded, so nothing is answered.
    RecordUnavailable,
    /// A section that the caller requires is missing.
    RequiredSectionUnavailable,
    /// The base behind this route cannot be read or written.
    BaseUnavailable,
    /// A fault of ours.
    Internal,
}

/// What is said of a code, everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// As written in `code` and at the end of `type`.
    pub name: &'static str,
    /// HTTP status.
    pub status: u16,
    /// One line for people.
    pub title: &'static str,
    /// What the caller does about it.
    pub remedy: &'static str,
    /// What the operator does about it.
    pub operator: &'static str,
}

impl ErrorCode {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 22] = [
        Self::MalformedRequest,
        Self::MissingPurpose,
        Self::MissingToken,
        Self::InvalidToken,
        Self::InsufficientScope,
        Self::NotFound,
        Self::UnknownRoute,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::IdempotencyInProgress,
        Self::PreconditionFailed,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidCpf,
        Self::InvalidField,
        Self::IdempotencyKeyReused,
        Self::RateLimited,
        Self::Overloaded,
        Self::RecordUnavailable,
        Self::RequiredSectionUnavailable,
        Self::BaseUnavailable,
        Self::Internal,
    ];

    /// As written in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.facts().name
    }

    /// HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        self.facts().status
    }

    /// Everything that is said of the code.
    #[must_use]
    #[rustfmt::skip]
    pub fn facts(self) -> Facts {
        let (name, status, title, remedy, operator) = match self {
            Self::MalformedRequest => ("malformed_request", 400, "The request cannot be read.",
                "Send well-formed UTF-8 JSON and parameters; `detail` says where reading stopped.", "Nothing."),
            Self::MissingPurpose => ("missing_purpose", 400, "A read of a person needs a purpose.",
                "Send `purpose` in the body, the header `Ficha-Purpose`, or have a default purpose registered with the client.", "Register one: `ficha client add NAME --purpose …`."),
            Self::MissingToken => ("missing_token", 401, "No access token was sent.",
                "Ask `/oauth/token` for one and send it as `Authorization: Bearer …`.", "Nothing."),
            Self::InvalidToken => ("invalid_token", 401, "The access token is not accepted.",
                "Ask `/oauth/token` for a new one.", "If every token is refused: the issuer's name (`public_url`) or its keys changed."),
            Self::InsufficientScope => ("insufficient_scope", 403, "The token may not do this.",
                "Use a client that has the scope named in `WWW-Authenticate`.", "Grant the scope only to whom needs it."),
            Self::NotFound => ("not_found", 404, "Nobody or nothing of that number is here.",
                "Check the number.", "Nothing."),
            Self::UnknownRoute => ("unknown_route", 404, "There is no such path.",
                "See `/docs` for the paths.", "Nothing."),
            Self::MethodNotAllowed => ("method_not_allowed", 405, "This path does not take that method.",
                "See `/docs`, and `Allow` in the answer.", "Nothing."),
            Self::RequestTimeout => ("request_timeout", 408, "The request did not arrive, or was not answered, in time.",
                "Try again; send the body without pauses.", "If it is frequent: a slow network or an overloaded machine."),
            Self::IdempotencyInProgress => ("idempotency_in_progress", 409, "The first request with this Idempotency-Key is still under way.",
                "Wait for its answer, then repeat.", "Nothing."),
            Self::PreconditionFailed => ("precondition_failed", 412, "The data changed since you read it.",
                "Read it again, then write with the new ETag.", "Nothing."),
            Self::BodyTooLarge => ("body_too_large", 413, "The body is larger than this server reads.",
                "Send less at a time.", "The bound is `limits.body_bytes`."),
            Self::UnsupportedMediaType => ("unsupported_media_type", 415, "This content type is not read here.",
                "Send `Content-Type: application/json`.", "Nothing."),
            Self::InvalidCpf => ("invalid_cpf", 422, "The number is no CPF.",
                "Check the digits: eleven, the last two follow from the first nine.", "A base that holds wrong numbers is read with `cpf_validation = \"format\"`."),
            Self::InvalidField => ("invalid_field", 422, "A field or parameter has a wrong value.",
                "`errors` names each field and what it takes.", "Nothing."),
            Self::IdempotencyKeyReused => ("idempotency_key_reused", 422, "This Idempotency-Key was used for another request.",
                "Use a new key for a new request.", "Nothing."),
            Self::RateLimited => ("rate_limited", 429, "This client asks too often.",
                "Wait as `Retry-After` says.", "The bound is the client's own or `limits.requests_per_minute`."),
            Self::Overloaded => ("overloaded", 503, "The server has more to do than it can.",
                "Try again as `Retry-After` says.", "More processes, or a higher `limits.concurrency` where memory allows."),
            Self::RecordUnavailable => ("record_unavailable", 503, "The consultation cannot be recorded, so nothing is answered.",
                "Try again later.", "The spool's disk is full or failing, or its bound (`spool.max_bytes`) is reached: see `ficha doctor`."),
            Self::RequiredSectionUnavailable => ("required_section_unavailable", 503, "A section that you require is missing.",
                "`sections` says which and why; try again, or require less.", "See the state of that base."),
            Self::BaseUnavailable => ("base_unavailable", 503, "This base cannot be reached.",
                "Try again as `Retry-After` says.", "See the log under this `request_id`, and `ficha doctor`."),
            Self::Internal => ("internal", 500, "A fault of ours.",
                "Try again; tell the operator the `request_id`.", "See the log under this `request_id`."),
        };
        Facts { name, status, title, remedy, operator }
    }
}

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// What is wrong, for programs: an error code.
    pub code: &'static str,
    /// Where: a path such as `debts[0].value`, or the name of a parameter.
    pub field: String,
    /// What it takes. Never repeats what was sent.
    pub detail: String,
}

/// An error as the outside sees it (RFC 9457), with its cause for the log only.
#[derive(Debug)]
pub struct Problem {
    /// Which.
    pub code: ErrorCode,
    /// This occurrence, for people; never internal text, never a CPF.
    pub detail: Option<Cow<'static, str>>,
    /// Wrong fields, where that is the error.
    pub errors: Vec<FieldError>,
    /// After how many seconds to try again.
    pub retry_after_s: Option<u32>,
    /// The states of a dossier's sections, where one that is required is missing: JSON without personal data.
    pub sections: Option<serde_json::Value>,
    /// What happened inside. Goes to the log, never into an answer.
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    /// A problem of which nothing more is to be said.
    #[must_use]
    pub fn new(code: ErrorCode) -> Self {
        let retry_after_s = matches!(code.status(), 429 | 503).then_some(1);
        Self { code, detail: None, errors: Vec::new(), retry_after_s, sections: None, cause: None }
    }

    /// With a sentence about this occurrence.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With its cause, for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// A fault of ours.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(ErrorCode::Internal).caused_by(cause)
    }

    /// One wrong field: what it is called and what it takes.
    #[must_use]
    pub fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let error =
            FieldError { code: ErrorCode::InvalidField.as_str(), field: field.into(), detail: detail.into() };
        Self { errors: vec![error], ..Self::new(ErrorCode::InvalidField) }
    }

    /// A wrong CPF.
    #[must_use]
    pub fn invalid_cpf(error: ficha_domain::CpfError) -> Self {
        let field = FieldError {
            code: ErrorCode::InvalidCpf.as_str(),
            field: "cpf".into(),
            detail: error.to_string(),
        };
        Self { errors: vec![field], ..Self::new(ErrorCode::InvalidCpf) }
    }
}

impl From<ErrorCode> for Problem {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_str())?;
        self.cause.as_ref().map_or(Ok(()), |cause| write!(f, ": {cause}"))
    }
}

impl Error for Problem {}

/// A store could not do what it was asked, through no fault of the request.
#[derive(Debug, thiserror::Error)]
#[error("store: {0}")]
pub struct StoreError(#[source] Box<dyn Error + Send + Sync>);

impl StoreError {
    /// Wraps the engine's own error.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::new(ErrorCode::BaseUnavailable).caused_by(error)
    }
}

impl From<StoreError> for crate::Unavailable {
    fn from(_: StoreError) -> Self {
        Self(crate::UnavailableReason::Unreachable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_words() {
        let mut names: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ErrorCode::ALL.len());
    }
}
