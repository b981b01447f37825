//! Listening, and stopping without dropping what was accepted.

use crate::{
    Limits, Metrics, Shell, around,
    connection::Door,
    tls::{ServerTls, TlsDoor},
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{StatusCode, header},
    middleware::from_fn_with_state,
    response::IntoResponse,
    routing::get,
};
use axum_server::Handle;
use hyper_util::rt::TokioTimer;
use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};
use tower::Layer;
use tower_http::normalize_path::NormalizePathLayer;

/// A listener that is bound, so that its port is known before anything is served.
pub struct Listening {
    listener: TcpListener,
    tls: Option<Arc<ServerTls>>,
    /// Where.
    pub address: SocketAddr,
}

impl Listening {
    /// Binds; port 0 takes a free one.
    ///
    /// # Errors
    /// The operating system's.
    pub fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, tls: None, address })
    }

    /// The same over TLS, where there is some.
    #[must_use]
    pub fn over(self, tls: Option<Arc<ServerTls>>) -> Self {
        Self { tls, ..self }
    }

    /// Its origin.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }
}

/// Whether this process can do its work, and what else there is to say of it; `Err` names what it lacks.
pub type Ready = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// All routes with the shell around them, and `/livez`, `/readyz`, `/metrics` beside them.
pub fn wrap(routes: Router, shell: &Shell, ready: Ready) -> Router {
    routes
        .merge(operations(shell.inner.metrics.clone(), ready))
        // One layer of both: each costs every request an allocation or two.
        .layer((
            from_fn_with_state(shell.clone(), around),
            DefaultBodyLimit::max(shell.inner.limits.body_bytes),
        ))
}

/// What an operator and his machines ask: answered also by a server that has no place for another request.
pub(crate) const OPERATIONS: [&str; 3] = ["/livez", "/readyz", "/metrics"];

fn operations(metrics: Metrics, ready: Ready) -> Router {
    let figures = move || async move {
        (
            [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")],
            metrics.render(),
        )
    };
    let readiness = move || async move {
        match ready() {
            Ok(said) if said.is_empty() => "ready\n".into_response(),
            Ok(said) => format!("ready\n{said}\n").into_response(),
            Err(lacking) => (StatusCode::SERVICE_UNAVAILABLE, format!("{lacking}\n")).into_response(),
        }
    };
    let [livez, readyz, metrics] = OPERATIONS;
    Router::new()
        .route(livez, get(|| async { "alive\n" }))
        .route(readyz, get(readiness))
        .route(metrics, get(figures))
}

/// Serves until `stop` resolves; then takes no new connections, and gives those under way `limits.shutdown_s`.
///
/// # Errors
/// The operating system's.
pub async fn serve(
    listening: Listening,
    app: Router,
    limits: &Limits,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let handle = Handle::new();
    let grace = Duration::from_secs(limits.shutdown_s);
    let stopper = handle.clone();
    tokio::spawn(async move {
        stop.await;
        stopper.graceful_shutdown(Some(grace));
    });
    let mut server = axum_server::from_tcp(listening.listener)?.handle(handle);
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits.header_s))
        .max_headers(limits.header_count)
        .max_buf_size(limits.header_bytes.max(8192));
    let app = NormalizePathLayer::trim_trailing_slash().layer(app);
    let app = axum::ServiceExt::<Request>::into_make_service(app);
    // HTTP/1 by name, and after `map`, which forgets it: a server that finds out the version waits for its first
    // bytes without a bound.
    let door = Door::new(limits);
    match listening.tls {
        None => server.map(|_| door).http1_only().serve(app).await,
        Some(tls) => {
            let door = TlsDoor::new(door, tls, Duration::from_secs(limits.header_s));
            server.map(|_| door).http1_only().serve(app).await
        }
    }
}
