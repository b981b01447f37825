//! One server.

use crate::{Error, Settings, gate::Gate};
use reqwest::{Client, Method, RequestBuilder, Url, header::CONTENT_TYPE};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const CREATE: Duration = Duration::from_secs(30);

/// A server, or several behind one address. Cloning shares it; nothing is connected before it is asked.
#[derive(Clone)]
pub struct Search(Arc<Inner>);

struct Inner {
    http: Client,
    origin: Url,
    gate: Gate,
}

impl Search {
    /// The server of these settings.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let inner =
            Inner { http: settings.client()?, origin: settings.origin.clone(), gate: Gate::default() };
        Ok(Self(Arc::new(inner)))
    }

    /// One request, in at most this time. The path begins with `/`.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Down`] at once while the server does not answer.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        limit: Duration,
    ) -> Result<Value, Error> {
        let body = body.map(|body| ("application/json", body.to_string()));
        self.send(method, path, body, limit).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, String)>,
        limit: Duration,
    ) -> Result<Value, Error> {
        let Inner { http, origin, gate } = &*self.0;
        let url = origin.join(path).map_err(|_| Error::Settings("a path that is none".to_owned()))?;
        let mut request = http.request(method, url).timeout(limit);
        if let Some((kind, body)) = body {
            request = request.header(CONTENT_TYPE, kind).body(body);
        }
        gate.enter()?;
        let answered = answer(request).await;
        gate.judge(&answered);
        answered
    }

    /// Makes an index of a template, and beside it the alias under which alone it is written to: a write that comes when
    /// the index is gone must not make another one of its name.
    ///
    /// # Errors
    /// The server's.
    pub async fn create(&self, index: &str) -> Result<(), Error> {
        let body = json!({ "aliases": { written(index): {} } });
        self.ask(Method::PUT, &format!("/{index}"), Some(&body), CREATE).await.map(drop)
    }
}

/// The alias of an index for those who write to it.
pub(crate) fn written(index: &str) -> String {
    format!("{index}-in")
}

async fn answer(request: RequestBuilder) -> Result<Value, Error> {
    let answer = request.send().await?;
    let status = answer.status();
    let body = answer.bytes().await?;
    let said: Option<Value> = serde_json::from_slice(&body).ok();
    if status.is_success() {
        return said.ok_or(Error::Unreadable("it is no JSON"));
    }
    let kind = said.as_ref().and_then(|said| said["error"]["type"].as_str());
    Err(refusal(status.as_u16(), kind.unwrap_or_default()))
}

/// What became of a request, or of a part of it.
pub(crate) fn refusal(status: u16, kind: &str) -> Error {
    match (status, kind) {
        (404, "index_not_found_exception") => Error::Missing,
        // Of something between us and the server, or of a node without its cluster.
        (502..=504, _) => Error::Away(format!("{status} {kind}")),
        _ => Error::Refused { status, kind: kind.to_owned() },
    }
}
