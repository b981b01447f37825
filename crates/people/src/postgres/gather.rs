//! Look-ups that wait, asked together.
//!
//! What a look-up costs a server and us is mostly its round trip. So while questions are under way, those that come
//! wait for each other, and the next one asks for all of them; somebody alone asks at once.

use super::{Place, Row, read_row};
use ficha_contract::StoreError;
use ficha_postgres::{Error, Postgres};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;
use uuid::Uuid;

/// Questions under way: one is answered while the next is asked.
const UNDER_WAY: usize = 2;
/// So many look-ups in one question at most.
const MOST: usize = 256;

/// Asks for the rows of many people at once.
pub(super) struct Gather(Arc<Inner>);

struct Inner {
    store: Postgres,
    /// Takes the places; gives rows as [`read_row`] takes them, then index and key.
    sql: String,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    asked: Vec<Asked>,
    under_way: usize,
}

/// One look-up: where the person may be kept, and who waits.
struct Asked {
    places: Vec<Place>,
    tell: oneshot::Sender<Answer>,
}

type Answer = Result<Option<Row>, StoreError>;

impl Gather {
    pub(super) fn new(store: Postgres, sql: String) -> Self {
        Self(Arc::new(Inner { store, sql, waiting: Mutex::default() }))
    }

    /// The row of the first of these places where there is one.
    pub(super) async fn find(&self, places: Vec<Place>) -> Answer {
        let (tell, told) = oneshot::channel();
        if self.0.take(Asked { places, tell }) {
            tokio::spawn(Turns { inner: self.0.clone(), ended: false }.run());
        }
        told.await.map_err(StoreError::new)?
    }
}

impl Inner {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody has to begin asking.
    fn take(&self, asked: Asked) -> bool {
        let mut waiting = self.waiting();
        waiting.asked.push(asked);
        let begins = waiting.under_way < UNDER_WAY;
        waiting.under_way += usize::from(begins);
        begins
    }

    async fn answer(&self, asked: Vec<Asked>) {
        let indexes: Vec<Uuid> = asked.iter().flat_map(|asked| &asked.places).map(|place| place.0).collect();
        match self.store.few(&self.sql, &[&indexes]).await.and_then(|rows| by_place(&rows)) {
            Ok(rows) => asked.into_iter().for_each(|Asked { places, tell }| {
                let row = places.iter().find_map(|place| rows.get(place));
                // Who does not wait any more need not be told.
                let _ = tell.send(Ok(row.cloned()));
            }),
            Err(error) => {
                let error = Arc::new(error);
                asked.into_iter().for_each(|Asked { tell, .. }| {
                    let _ = tell.send(Err(StoreError::new(error.clone())));
                });
            }
        }
    }
}

fn by_place(rows: &[ficha_postgres::Row]) -> Result<HashMap<Place, Row>, Error> {
    let placed = |row| Ok(((ficha_postgres::Row::try_get(row, 4)?, row.try_get(5)?), read_row(row)?));
    rows.iter().map(placed).collect()
}

/// Asks as long as somebody waits.
struct Turns {
    inner: Arc<Inner>,
    ended: bool,
}

impl Turns {
    async fn run(mut self) {
        while let Some(asked) = self.next() {
            self.inner.answer(asked).await;
        }
    }

    fn next(&mut self) -> Option<Vec<Asked>> {
        let mut waiting = self.inner.waiting();
        waiting.asked.retain(|asked| !asked.tell.is_closed());
        if waiting.asked.is_empty() {
            // Under the same lock, or who comes now would wait for nobody.
            waiting.under_way -= 1;
            self.ended = true;
            return None;
        }
        let count = waiting.asked.len().min(MOST);
        Some(waiting.asked.drain(..count).collect())
    }
}

/// However it ends: those who come later must not wait for it.
impl Drop for Turns {
    fn drop(&mut self) {
        if !self.ended {
            self.inner.waiting().under_way -= 1;
        }
    }
}
