//! What was revoked, as this process knows it: at most [`POLL_MS`] behind the store while somebody asks.

use crate::pace::Pace;
use ficha_contract::{Issuer, Revocation, Revoked, StoreError};
use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};
use uuid::Uuid;

/// How often the store is asked, by whoever verifies a token then. Revocations are promised within five seconds, so
/// that a few questions may fail.
const POLL_MS: i64 = 1_000;
/// From here on nobody goes on with what is known while somebody else asks: after an idle night it is the night's age.
const STALE_MS: i64 = 3_000;
const PURGE_MS: i64 = 60_000;
/// Read at a time; tests see the seam with a few.
const PAGE: usize = if cfg!(test) { 3 } else { 4096 };

/// The tokens and clients that were revoked and could still be alive.
pub(crate) struct Revocations {
    issuer: Arc<dyn Issuer>,
    /// Nothing is revoked most of the time: then nobody takes the lock.
    any: AtomicBool,
    seen: RwLock<Seen>,
    /// The number of the last revocation that was seen; whoever holds it asks.
    polling: tokio::sync::Mutex<i64>,
    polled: Pace,
    purged: Pace,
}

/// Each with the moment (ms) after which nobody needs to know it any more.
#[derive(Default)]
struct Seen {
    tokens: HashMap<Uuid, i64>,
    clients: HashMap<Arc<str>, i64>,
}

impl Revocations {
    pub(crate) fn of(issuer: Arc<dyn Issuer>) -> Self {
        let (polled, purged) = (Pace::default(), Pace::default());
        let (any, seen, polling) = (AtomicBool::new(false), RwLock::default(), tokio::sync::Mutex::default());
        Self { issuer, any, seen, polling, polled, purged }
    }

    /// Whether this token was revoked, or its client.
    pub(crate) fn holds(&self, token: Uuid, client: &str) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        seen.tokens.contains_key(&token) || seen.clients.contains_key(client)
    }

    /// Asks the store when it is time. When the store cannot answer, what is known goes on to hold: tokens work while
    /// the issuer is down.
    pub(crate) async fn refresh_if_due(&self, now: Timestamp) {
        if !self.polled.is_due(now, POLL_MS) {
            return;
        }
        let guard = match self.polled.is_due(now, STALE_MS) {
            true => self.polling.lock().await,
            false => match self.polling.try_lock() {
                Ok(guard) => guard,
                Err(_) => return,
            },
        };
        if self.polled.is_due(now, POLL_MS) {
            self.poll(guard, now).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "revocations cannot be read");
            });
        }
    }

    /// Asks the store now.
    pub(crate) async fn refresh(&self, now: Timestamp) -> Result<(), StoreError> {
        self.poll(self.polling.lock().await, now).await
    }

    async fn poll(
        &self,
        mut last: tokio::sync::MutexGuard<'_, i64>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // Noted only when it is known how it ended: whoever finds it due waits for the guard.
        let result = loop {
            match self.issuer.revocations(*last, PAGE).await {
                Ok(page) => {
                    let full = page.len() == PAGE;
                    *last = page.last().map_or(*last, |revocation| revocation.number);
                    self.learn(page, now);
                    if !full {
                        break Ok(());
                    }
                }
                Err(error) => break Err(error),
            }
        };
        self.purge_if_due(now);
        self.polled.note(now);
        result
    }

    fn learn(&self, page: Vec<Revocation>, now: Timestamp) {
        let alive = page.into_iter().filter(|revocation| revocation.until >= now);
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        for Revocation { revoked, until, .. } in alive {
            match revoked {
                Revoked::Token(id) => seen.tokens.insert(id, until.as_millisecond()),
                Revoked::Client(id) => seen.clients.insert(id, until.as_millisecond()),
            };
        }
        self.any.store(!seen.is_empty(), Ordering::Release);
    }

    fn purge_if_due(&self, now: Timestamp) {
        if !self.purged.is_due(now, PURGE_MS) {
            return;
        }
        self.purged.note(now);
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        seen.tokens.retain(|_, until| *until >= now.as_millisecond());
        seen.clients.retain(|_, until| *until >= now.as_millisecond());
        self.any.store(!seen.is_empty(), Ordering::Release);
    }
}

impl Seen {
    fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.clients.is_empty()
    }
}
