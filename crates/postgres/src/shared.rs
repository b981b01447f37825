//! A few connections on which many callers' statements follow each other without waiting.
//!
//! Only statements of few rows, read at once: a caller who does not take his answer stalls all others on that
//! connection. A caller who goes away does not.

use crate::{
    Error, Params, Settings,
    connect::{Connector, Use, life},
    gate::Gate,
};
use deadpool_postgres::ClientWrapper;
use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};
use tokio_postgres::{Row, error::SqlState};

/// A point read that takes longer has failed, connecting included.
const DEADLINE: Duration = Duration::from_secs(2);

pub(crate) struct Shared {
    connector: Connector,
    slots: Vec<Slot>,
    next: AtomicUsize,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Slot {
    live: RwLock<Option<Arc<Live>>>,
    /// Held by the one who connects; the others wait for him, not for the server.
    connecting: Mutex<()>,
}

struct Live {
    client: ClientWrapper,
    until: Instant,
}

impl Shared {
    pub(crate) fn new(settings: &Settings, gate: Arc<Gate>) -> Self {
        let slots = (0..settings.point_connections.max(1)).map(|_| Slot::default()).collect();
        Self { connector: Connector::new(settings, Use::Shared), slots, next: AtomicUsize::new(0), gate }
    }

    /// Runs a statement of few rows. It may run twice when the connection is lost, so it must bear that.
    pub(crate) async fn few(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        match self.try_few(sql, params).await {
            Err(Error::Postgres(error)) if is_worth_another(&error) => self.try_few(sql, params).await,
            other => other,
        }
    }

    async fn try_few(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.gate.enter()?;
        let slot = &self.slots[self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len()];
        let end = Instant::now() + DEADLINE;
        let live = self.live(slot, end).await?;
        let asked = async {
            let statement = live.client.prepare_cached(sql).await?;
            live.client.query(&statement, params).await
        };
        let Ok(answer) = timeout_at(end, asked).await else {
            // Perhaps only this connection hangs: the next one who asks makes another.
            slot.forget(&live);
            self.gate.down();
            return Err(Error::Late);
        };
        self.gate.up();
        if answer.as_ref().is_err_and(|error| error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED)) {
            // "Cached plan must not change result type": a migration ran beside us.
            live.client.statement_cache.clear();
        }
        Ok(answer?)
    }

    async fn live(&self, slot: &Slot, end: Instant) -> Result<Arc<Live>, Error> {
        let usable = slot.usable();
        if let Some(live) = usable.as_ref().filter(|live| Instant::now() < live.until) {
            return Ok(live.clone());
        }
        match (slot.connecting.try_lock(), usable) {
            // Old: replaced by one caller, while the others go on with it.
            (Ok(_mine), Some(old)) => self.connect(slot, end).await.or(Ok(old)),
            (Err(_), Some(old)) => Ok(old),
            (Ok(_mine), None) => self.connect(slot, end).await,
            (Err(_), None) => {
                drop(slot.connecting.lock().await);
                slot.usable().ok_or(Error::Down)
            }
        }
    }

    async fn connect(&self, slot: &Slot, end: Instant) -> Result<Arc<Live>, Error> {
        let connected = match timeout_at(end, self.connector.connect()).await {
            Ok(connected) => connected.map_err(Error::from),
            Err(_) => Err(Error::Late),
        };
        match connected {
            Ok(client) => {
                let live = Arc::new(Live { client, until: Instant::now() + life() });
                *slot.live.write().unwrap_or_else(PoisonError::into_inner) = Some(live.clone());
                Ok(live)
            }
            Err(error) => {
                self.gate.judge(&error);
                Err(error)
            }
        }
    }
}

impl Slot {
    fn usable(&self) -> Option<Arc<Live>> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.as_ref().filter(|live| !live.client.is_closed()).cloned()
    }

    fn forget(&self, dead: &Arc<Live>) {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        if live.as_ref().is_some_and(|live| Arc::ptr_eq(live, dead)) {
            *live = None;
        }
    }
}

/// The connection was lost, or what was prepared on it is of yesterday's schema.
fn is_worth_another(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        None => error.is_closed(),
        Some(code) => *code == SqlState::FEATURE_NOT_SUPPORTED || crate::transaction::is_lost(code),
    }
}
