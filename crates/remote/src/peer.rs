//! A role in another process, as it is called.

use crate::{
    PeerKey, PublicKey,
    call::{ANSWER_HEADER, Answer, Behalf, CALL_HEADER, Call, Said},
    connect::{ClientTls, Connector},
    desk::path,
    note::{self, Hash},
};
use bytes::Bytes;
use ficha_domain::World;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

/// Calls under way at once to one role; one more waits, inside its own time.
const CALLS: usize = 256;
/// Connections that are kept although nobody uses them, and for how long: less than the other side keeps them.
const IDLE: usize = 64;
const IDLE_FOR: Duration = Duration::from_secs(5);
/// No section and no list of revocations is larger.
const BODY_MAX: usize = 16 << 20;

/// A role in another process. Connections are kept and shared.
pub struct Peer {
    pub(crate) role: &'static str,
    uri: Uri,
    /// The keys of those who may answer.
    keys: Vec<PublicKey>,
    me: Arc<PeerKey>,
    world: World,
    http: Client<Connector, Full<Bytes>>,
    places: Semaphore,
}

/// Where a role is cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("takes an address such as http://10.0.0.5:8090; https:// with certificates, and only then")]
pub struct WrongUrl;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failed {
    #[error("it cannot be reached")]
    Away,
    /// The connection ended under the call.
    #[error("the connection broke")]
    Broken,
    #[error("it did not answer in time")]
    Slow,
    #[error("it refused this process with {0}; see its log")]
    Refused(StatusCode),
    #[error("it answered what is no answer to this call")]
    Nonsense,
}

impl Peer {
    /// The role at this address, as long as it holds one of these keys: over TLS, where there are certificates.
    ///
    /// # Errors
    /// [`WrongUrl`].
    pub fn new(
        role: &'static str,
        url: &str,
        keys: Vec<PublicKey>,
        me: Arc<PeerKey>,
        tls: Option<Arc<ClientTls>>,
        world: World,
    ) -> Result<Self, WrongUrl> {
        let origin: Uri = url.trim_end_matches('/').parse().map_err(|_| WrongUrl)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let is_origin = origin.scheme_str() == Some(scheme) && origin.path() == "/";
        let authority = origin.authority().filter(|_| is_origin).ok_or(WrongUrl)?;
        let uri = format!("{scheme}://{authority}{}", path(role)).parse().map_err(|_| WrongUrl)?;
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(IDLE)
            .build(Connector::new(tls));
        Ok(Self { role, uri, keys, me, world, http, places: Semaphore::new(CALLS) })
    }

    /// Asks, and waits so long for the answer. A connection that breaks is no answer yet: it may have been one that the
    /// other side had closed. Then the same is asked once more, in a call of its own.
    pub(crate) async fn ask(
        &self,
        behalf: Option<Behalf>,
        body: Bytes,
        within: Duration,
    ) -> Result<(Said, Bytes), Failed> {
        let deadline = Instant::now() + within;
        let asked = async {
            let _place = self.places.acquire().await.map_err(|_| Failed::Away)?;
            match self.once(behalf.clone(), body.clone(), deadline).await {
                Err(Failed::Broken) => self.once(behalf, body, deadline).await,
                answered => answered,
            }
        };
        timeout_at(deadline, asked).await.unwrap_or(Err(Failed::Slow))
    }

    async fn once(
        &self,
        behalf: Option<Behalf>,
        body: Bytes,
        deadline: Instant,
    ) -> Result<(Said, Bytes), Failed> {
        let call = self.call(behalf, &body, deadline.saturating_duration_since(Instant::now()));
        let note = note::write(&self.me, note::CALL, &call).map_err(|_| Failed::Nonsense)?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.uri.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(CALL_HEADER, note)
            .body(Full::new(body))
            .map_err(|_| Failed::Nonsense)?;
        let broken = |error: &hyper_util::client::legacy::Error| match error.is_connect() {
            true => Failed::Away,
            false => Failed::Broken,
        };
        let response = self.http.request(request).await.map_err(|error| broken(&error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, BODY_MAX).collect().await.map_err(|_| Failed::Broken)?.to_bytes();
        let Some(note) = parts.headers.get(ANSWER_HEADER) else {
            return Err(Failed::Refused(parts.status));
        };
        let answer = note::read(note.to_str().unwrap_or_default(), note::ANSWER, &self.keys);
        let answer: Answer = answer.map_err(|_| Failed::Nonsense)?;
        if answer.id != call.id || answer.body != Hash::of(&body) {
            return Err(Failed::Nonsense);
        }
        Ok((answer.said, body))
    }

    fn call(&self, behalf: Option<Behalf>, body: &[u8], within: Duration) -> Call {
        let at = self.world.now();
        Call {
            to: self.role.to_owned(),
            id: self.world.new_id(),
            at,
            until: Call::until(at, within),
            within_ms: u64::try_from(within.as_millis()).unwrap_or(u64::MAX),
            body: Hash::of(body),
            behalf,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pair;

    #[test]
    fn an_address_is_an_origin_and_without_certificates_a_plain_one() {
        let world = ficha_testkit::TestWorld::default();
        let peer =
            |url| Peer::new("debts", url, Vec::new(), pair(), None, world.world()).map(|peer| peer.uri);
        for url in ["http://10.0.0.5:8090", "http://10.0.0.5:8090/", "http://[::1]:8090", "http://base-a"] {
            assert!(peer(url).unwrap().to_string().ends_with("/peer/debts"), "{url}");
        }
        for url in ["", "10.0.0.5:8090", "https://10.0.0.5:8090", "http://10.0.0.5/x", "/peer", "http://"] {
            assert_eq!(peer(url), Err(WrongUrl), "{url}");
        }
    }
}
