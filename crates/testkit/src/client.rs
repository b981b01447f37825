//! Requests and answers that read like a sentence.

use crate::ScopeTokens;
use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// Sends requests to routes in this process, without a socket.
#[derive(Clone)]
pub struct Client(Router);

impl Client {
    /// A client of an application that [`ficha_http::wrap`] made.
    #[must_use]
    pub fn new(app: Router) -> Self {
        Self(app)
    }

    /// `GET` of this path.
    pub fn get(&self, path: impl AsRef<str>) -> Call {
        self.call(Method::GET, path)
    }

    /// `PUT` to this path.
    pub fn put(&self, path: impl AsRef<str>) -> Call {
        self.call(Method::PUT, path)
    }

    /// `POST` to this path.
    pub fn post(&self, path: impl AsRef<str>) -> Call {
        self.call(Method::POST, path)
    }

    /// `DELETE` of this path.
    pub fn delete(&self, path: impl AsRef<str>) -> Call {
        self.call(Method::DELETE, path)
    }

    /// Any method, with its path and query.
    pub fn call(&self, method: Method, path: impl AsRef<str>) -> Call {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = path.as_ref().parse().expect("a path is one of a URL");
        request.headers_mut().insert(header::HOST, HeaderValue::from_static("ficha"));
        Call { app: self.0.clone(), request }
    }
}

/// A request that is being written.
#[must_use]
pub struct Call {
    app: Router,
    request: Request<Body>,
}

impl Call {
    /// With a token that says this of its bearer: see [`ScopeTokens`].
    pub fn token(self, words: &str) -> Self {
        self.header("authorization", format!("Bearer {}", ScopeTokens::token(words)))
    }

    /// With this header, in place of an earlier one.
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header's value");
        self.request.headers_mut().insert(HeaderName::from_static(name), value);
        self
    }

    /// With this JSON, written as it stands (`json!`'s values and texts alike).
    #[expect(clippy::needless_pass_by_value, reason = "`json!` makes values that a test need not name")]
    pub fn json(self, json: impl ToString) -> Self {
        self.body("application/json", json.to_string())
    }

    /// With a body of any type.
    pub fn body(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self.header("content-type", content_type)
    }

    /// Sends it and waits for the whole answer.
    pub async fn send(self) -> Answer {
        let Ok(response) = self.app.oneshot(self.request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("the answer arrives whole").to_bytes();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub bytes: Bytes,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).expect("the body is UTF-8")
    }

    /// The body as JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header, or `""` where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("visible ASCII"))
    }

    /// Asserts the status; gives the answer back.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// Asserts that this is a problem of this code, with all that every problem has; gives its body.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.header(header::CONTENT_TYPE.as_str()), "application/problem+json", "{self:?}");
        let body = self.json();
        let request_id = self.header("x-request-id");
        assert_eq!((self.status.as_u16(), body["code"].as_str()), (status, Some(code)), "{body}");
        assert_eq!(body["status"], status, "{body}");
        assert_eq!(body["type"], format!("/docs/errors/{code}"), "{body}");
        assert_eq!(body["request_id"], request_id, "{body}");
        assert_eq!(body["instance"], format!("urn:uuid:{request_id}"), "{body}");
        assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        assert_eq!(self.headers.contains_key("retry-after"), matches!(status, 429 | 503), "{self:?}");
        body
    }

    /// Asserts that this names one wrong field, and only that; gives what the field takes.
    #[track_caller]
    pub fn wrong_field(&self, field: &str) -> String {
        let body = self.problem(422, "invalid_field");
        assert_eq!(body["errors"].as_array().map(Vec::len), Some(1), "{body}");
        assert_eq!(body["errors"][0]["field"], field, "{body}");
        assert_eq!(body["errors"][0]["code"], "invalid_field", "{body}");
        body["errors"][0]["detail"].as_str().unwrap_or_default().to_owned()
    }
}
