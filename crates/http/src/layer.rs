//! What happens around every request, in this order: an id; a place among those under way; the handler, bounded in
//! time, its panics caught; the error body; headers; one line in the log; the metrics.

use crate::{Rate, Refused, Shell, extract::once, metrics, refused, serve::OPERATIONS};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Version, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use ficha_contract::{Caller, ErrorCode, Problem};
use futures_util::FutureExt;
use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::time::Instant;
use uuid::Uuid;

/// Id of a request: in the answer, in the log, in the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What extractors learn about a request, for the layer around them.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) request_id: RequestId,
    caller: OnceLock<Arc<Caller>>,
    rate: OnceLock<Option<Rate>>,
}

impl Notes {
    pub(crate) fn note_caller(&self, caller: &Arc<Caller>) {
        // A request has one caller; a second extractor finds the same.
        let _ = self.caller.set(caller.clone());
    }

    pub(crate) fn note_rate<R: Into<Option<Rate>>>(&self, rate: R) {
        let _ = self.rate.set(rate.into());
    }
}

/// The layer: `axum::middleware::from_fn_with_state(shell, around)`, on the outside of all routes.
pub async fn around(State(shell): State<Shell>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let notes = Arc::new(Notes { request_id: RequestId(shell.world().new_id()), ..Notes::default() });
    let method = request.method().clone();
    // The template, never the path: a path may hold a CPF.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let trace = trace_id(request.headers());
    request.extensions_mut().insert(notes.clone());
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let response = bounded(&shell, route, request, next).await;
    let mut response = refused::write_body(response, notes.request_id);
    add_headers(response.headers_mut(), &notes);
    let elapsed = started.elapsed();
    shell.inner.metrics.count(&method, route, response.status(), elapsed);
    log(&notes, &method, route, response.status(), elapsed, trace.as_deref());
    response
}

async fn bounded(shell: &Shell, route: &str, request: Request, next: Next) -> Response {
    let is_issuer = route.starts_with("/oauth") || route.starts_with("/api/oauth");
    let places = if is_issuer {
        &shell.inner.issuer_places
    } else if route.starts_with("/peer/") {
        &shell.inner.peer_places
    } else {
        &shell.inner.places
    };
    if let Err(problem) = named_host(&request) {
        return Refused::from(problem).into_response();
    }
    let place = places.try_acquire();
    // Who is asked whether it lives answers under load too, or it would be restarted for having work.
    if place.is_err() && !OPERATIONS.contains(&route) {
        return Refused::from(ErrorCode::Overloaded).into_response();
    }
    let limit = Duration::from_secs(shell.inner.limits.request_s);
    let handled = AssertUnwindSafe(tokio::time::timeout(limit, next.run(request))).catch_unwind().await;
    match handled {
        Ok(Ok(response)) => named(response),
        Ok(Err(_)) => Refused::from(ErrorCode::RequestTimeout).into_response(),
        // What panicked says so through the panic hook; here it is one request's 500.
        Err(_) => Refused::from(Problem::internal("a handler panicked")).into_response(),
    }
}

/// A request of HTTP/1.1 names its host, once (RFC 9112, 3.2); hyper leaves that to us.
fn named_host(request: &Request) -> Result<(), Problem> {
    if once(request.headers(), "Host")?.is_none() && request.version() == Version::HTTP_11 {
        return Err(Problem::new(ErrorCode::MalformedRequest).detail("The header `Host` is missing."));
    }
    Ok(())
}

/// axum's own refusals (no such route, wrong method) as problems.
fn named(response: Response) -> Response {
    let code = match response.status() {
        StatusCode::NOT_FOUND if is_bare(&response) => ErrorCode::UnknownRoute,
        StatusCode::METHOD_NOT_ALLOWED if is_bare(&response) => ErrorCode::MethodNotAllowed,
        _ => return response,
    };
    let allow = response.headers().get(header::ALLOW).cloned();
    let mut refused = Refused::from(code).into_response();
    if let Some(allow) = allow {
        refused.headers_mut().insert(header::ALLOW, allow);
    }
    refused
}

fn is_bare(response: &Response) -> bool {
    response.extensions().is_empty() && !response.headers().contains_key(header::CONTENT_TYPE)
}

fn add_headers(headers: &mut HeaderMap, notes: &Notes) {
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put("x-request-id", &notes.request_id.to_string());
    if let Some(Some(rate)) = notes.rate.get() {
        put("ratelimit-policy", &format!("\"client\";q={};w=60", rate.quota));
        put("ratelimit", &format!("\"client\";r={};t=60", rate.remaining));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

fn log(
    notes: &Notes,
    method: &http::Method,
    route: &str,
    status: StatusCode,
    elapsed: Duration,
    trace: Option<&str>,
) {
    let method = metrics::known(method);
    let client = notes.caller.get().map_or("-", |caller| &caller.client);
    let (request_id, status, elapsed_us) = (notes.request_id, status.as_u16(), elapsed.as_micros() as u64);
    let trace = trace.unwrap_or("-");
    // Successes are in the metrics, and reads of people in the record: a line each only where somebody asks for it.
    if status >= 500 {
        tracing::warn!(%request_id, method, route, status, elapsed_us, client, trace, "answered");
    } else if status >= 400 {
        tracing::info!(%request_id, method, route, status, elapsed_us, client, trace, "answered");
    } else {
        tracing::debug!(%request_id, method, route, status, elapsed_us, client, trace, "answered");
    }
}

/// The trace that the request belongs to (W3C Trace Context, 3.2), for the log.
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let id = text.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
}
