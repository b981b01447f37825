//! Commands that ask the server of their folder.

use crate::config::Config;
use anyhow::{Context, Result};
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use ficha_remote::{Connector, pinned_tls};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use std::{sync::Arc, time::Duration};

const WITHIN: Duration = Duration::from_secs(30);
const BODY_MAX: usize = 64 << 20;

/// What `GET` answers. Over TLS the server shows the certificate of the settings and no other, whatever its name is.
pub async fn get(config: &Config, url: &str, headers: &[(&str, &str)]) -> Result<(StatusCode, Bytes)> {
    let own = config.tls.files()?.map(pinned_tls).transpose()?.map(Arc::new);
    let client = Client::builder(TokioExecutor::new()).build(Connector::new(own));
    let named =
        headers.iter().fold(Request::get(url), |request, (name, value)| request.header(*name, *value));
    let answered = async {
        let (parts, body) = client.request(named.body(Empty::<Bytes>::new())?).await?.into_parts();
        let body = Limited::new(body, BODY_MAX).collect().await.map_err(|error| anyhow::anyhow!(error))?;
        Ok::<_, anyhow::Error>((parts.status, body.to_bytes()))
    };
    tokio::time::timeout(WITHIN, answered).await.context("it says nothing")?
}
