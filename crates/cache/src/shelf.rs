//! Values of one kind: read through memory and Redis, and written around them.

use crate::{
    keeper::Keeper,
    keys::{Id, Place},
    turns::Turns,
};
use bytes::Bytes;
use moka::sync::Cache as Memory;
use redis::Value;
use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// No value is told for longer than this.
const LIFE: Duration = Duration::from_secs(60);
/// A reader who is slower than this does not leave what he read.
const TICKET: Duration = Duration::from_secs(5);
/// For so long keys stay closed whose writer does not come back: longer than any store takes to end a write.
const CLOSED: Duration = Duration::from_secs(120);
/// So long a value in memory is told without asking. Every write waits for it, so it is short: it spares Redis those
/// whom everybody asks for.
const GRANTED: Duration = Duration::from_millis(20);
const GRANTED_TO_OTHERS: Duration = Duration::from_millis(25);
/// What values may take in memory, of each kind.
const MEMORY_BYTES: u64 = 32 << 20;
/// What an entry takes besides its value, about.
const ENTRY_BYTES: usize = 200;
/// Keys in one script: it keeps everybody else waiting.
const MANY: usize = 500;
/// How often a server that comes and goes is told.
const TRIES: usize = 5;

/// A value in memory.
#[derive(Clone)]
struct Remembered {
    stamp: Bytes,
    value: Bytes,
    /// Before this moment nobody had been told of a newer one.
    proven: Instant,
}

/// A value, and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// As it was read from the store.
    pub value: Bytes,
    /// Whether the store was not asked.
    pub cached: bool,
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is done.
    Done,
    /// It was refused: nothing changed.
    Refused,
    /// It may be done, now or later.
    Unknown,
}

/// How often what was found where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// In memory.
    pub memory: u64,
    /// In Redis.
    pub redis: u64,
    /// In the store alone.
    pub store: u64,
}

#[derive(Default)]
struct Counters {
    memory: AtomicU64,
    redis: AtomicU64,
    store: AtomicU64,
}

/// Values of one kind. Cloning shares them.
#[derive(Clone)]
pub struct Shelf(Arc<Inner>);

struct Inner {
    kind: &'static str,
    keeper: Arc<Keeper>,
    memory: Memory<Id, Remembered>,
    turns: Turns<Kept>,
    counters: Counters,
}

enum Found {
    Same,
    Value { stamp: Bytes, sealed: Bytes },
    Ticket(Bytes),
    Nothing,
}

impl Shelf {
    pub(crate) fn new(kind: &'static str, keeper: Arc<Keeper>) -> Self {
        let weight =
            |_: &Id, entry: &Remembered| u32::try_from(ENTRY_BYTES + entry.value.len()).unwrap_or(u32::MAX);
        let memory = Memory::builder().weigher(weight).max_capacity(MEMORY_BYTES).time_to_live(LIFE).build();
        Self(Arc::new(Inner { kind, keeper, memory, turns: Turns::new(), counters: Counters::default() }))
    }

    /// Somebody's value, or what the store says: no write that was answered before this call is missed.
    ///
    /// # Errors
    /// Those of `read`, which asks the store, also where Redis is away. Where the store need not be asked, it is not run.
    pub async fn get<E>(
        &self,
        person: &[u8],
        read: impl Future<Output = Result<Bytes, E>>,
    ) -> Result<Kept, E> {
        let place = self.0.keeper.keys.place(self.0.kind, person);
        if let Some(kept) = self.granted(place.id) {
            return Ok(kept);
        }
        self.0.turns.take(place.id, self.fetch(&place, read)).await
    }

    /// Changes people: whoever asks after this was answered is told what is there then. `work` is the change, and
    /// `judge` tells what came of it and whom it concerned.
    pub async fn write<T>(
        &self,
        people: &[Vec<u8>],
        work: impl Future<Output = T>,
        judge: impl FnOnce(&T) -> (Written, Vec<Vec<u8>>),
    ) -> T {
        let writer = hex::encode(self.0.keeper.world.random::<8>());
        let before = self.places(people);
        let closed = self.close(&before, &writer).await;
        // Keys that are closed stay so when nobody waits for the end.
        let guard = closed.is_none().then(|| Unfinished(&self.0.keeper));
        let done = work.await;
        let (written, concerned) = judge(&done);
        let known: HashSet<Id> = before.iter().map(|place| place.id).collect();
        let mut after = self.places(&concerned);
        after.retain(|place| !known.contains(&place.id));
        let closed = closed.filter(|_| after.is_empty());
        after.extend(before);
        match written {
            // Whether and when is not known, so they stay closed.
            Written::Unknown if closed.is_some() || self.close(&after, &writer).await.is_some() => {}
            Written::Refused if closed.is_none() => {}
            Written::Refused => drop(self.open(&after, &writer).await),
            Written::Done | Written::Unknown => {
                let since = self.told(&after, &writer, closed).await;
                sleep_until(since + GRANTED_TO_OTHERS).await;
            }
        }
        guard.into_iter().for_each(std::mem::forget);
        done
    }

    /// How often what was found where, since the start.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let Counters { memory, redis, store } = &self.0.counters;
        let [memory, redis, store] = [memory, redis, store].map(|count| count.load(Ordering::Relaxed));
        Figures { memory, redis, store }
    }

    #[cfg(test)]
    pub(crate) fn place_of(&self, person: &[u8]) -> Place {
        self.0.keeper.keys.place(self.0.kind, person)
    }

    /// How many wait for somebody's value.
    #[cfg(test)]
    pub(crate) fn waiting(&self, person: &[u8]) -> usize {
        self.0.turns.waiting(self.place_of(person).id)
    }

    fn granted(&self, id: Id) -> Option<Kept> {
        let entry = self.0.memory.get(&id).filter(|entry| entry.proven.elapsed() < GRANTED)?;
        self.0.counters.memory.fetch_add(1, Ordering::Relaxed);
        Some(Kept { value: entry.value, cached: true })
    }

    async fn fetch<E>(&self, place: &Place, read: impl Future<Output = Result<Bytes, E>>) -> Result<Kept, E> {
        if let Some(kept) = self.granted(place.id) {
            return Ok(kept);
        }
        let proven = Instant::now();
        let known = self.0.memory.get(&place.id);
        let found = self.look(place, known.as_ref()).await;
        let entry = match (found, known) {
            (Found::Same, Some(known)) => Some(Remembered { proven, ..known }),
            (Found::Value { stamp, sealed }, _) => {
                let value = self.0.keeper.keys.vault().open(&seat(place, &stamp), &sealed).ok();
                value.map(|value| Remembered { stamp, value: value.into(), proven })
            }
            (Found::Ticket(stamp), _) => {
                let value = self.read(read).await?;
                self.fill(place, stamp, &value).await;
                return Ok(Kept { value, cached: false });
            }
            _ => None,
        };
        let Some(entry) = entry else { return Ok(Kept { value: self.read(read).await?, cached: false }) };
        let value = entry.value.clone();
        self.0.counters.redis.fetch_add(1, Ordering::Relaxed);
        self.0.memory.insert(place.id, entry);
        Ok(Kept { value, cached: true })
    }

    async fn read<E>(&self, read: impl Future<Output = Result<Bytes, E>>) -> Result<Bytes, E> {
        self.0.counters.store.fetch_add(1, Ordering::Relaxed);
        read.await
    }

    async fn look(&self, place: &Place, known: Option<&Remembered>) -> Found {
        let keeper = &self.0.keeper;
        if !keeper.is_up() {
            return Found::Nothing;
        }
        let mut call = keeper.scripts.look.prepare_invoke();
        call.key(&place.epoch).key(&place.key);
        call.arg(known.map_or(&b""[..], |known| &known.stamp)).arg(&keeper.world.random::<12>()[..]);
        call.arg(TICKET.as_millis() as u64);
        match keeper.ask(&call).await {
            Some(Value::Int(1)) => Found::Same,
            Some(Value::Array(parts)) => {
                let mut parts = parts.into_iter().map(|part| match part {
                    Value::BulkString(bytes) => Bytes::from(bytes),
                    _ => Bytes::new(),
                });
                match (parts.next(), parts.next()) {
                    (Some(stamp), Some(sealed)) => Found::Value { stamp, sealed },
                    (Some(stamp), None) => Found::Ticket(stamp),
                    _ => Found::Nothing,
                }
            }
            _ => Found::Nothing,
        }
    }

    /// Leaves a value where its ticket still holds: nobody wrote since it was given.
    async fn fill(&self, place: &Place, stamp: Bytes, value: &Bytes) {
        let keeper = &self.0.keeper;
        let sealed = keeper.keys.vault().seal(keeper.world.random(), &seat(place, &stamp), value);
        // Not all of an hour's people end in the same moment.
        let shorter = u64::from(keeper.world.random::<1>()[0]) * LIFE.as_millis() as u64 / 1024;
        let mut call = keeper.scripts.fill.prepare_invoke();
        call.key(&place.epoch).key(&place.key);
        call.arg(&stamp[..]).arg(sealed).arg(LIFE.as_millis() as u64 - shorter);
        let proven = Instant::now();
        if keeper.ask::<u8>(&call).await == Some(1) {
            self.0.memory.insert(place.id, Remembered { stamp, value: value.clone(), proven });
        }
    }

    fn places(&self, people: &[Vec<u8>]) -> Vec<Place> {
        let keeper = &self.0.keeper;
        people.iter().flat_map(|person| keeper.keys.places(self.0.kind, person)).collect()
    }

    /// Tells everybody that these changed, or makes sure that nobody uses what lies in Redis. From when on.
    async fn told(&self, places: &[Place], writer: &str, closed: Option<Instant>) -> Instant {
        for _ in 0..TRIES {
            if let Some(count) = self.open(places, writer).await {
                // Closed all the time: since then nobody was granted anything.
                return closed.filter(|_| count == places.len()).unwrap_or_else(Instant::now);
            }
            self.0.keeper.renew();
            if !self.0.keeper.is_back().await {
                break;
            }
        }
        Instant::now()
    }

    /// Closes keys; says when all were. Spares everybody the old value if this process ends before it can tell.
    async fn close(&self, places: &[Place], writer: &str) -> Option<Instant> {
        for keys in together(places) {
            let mut call = self.0.keeper.scripts.close.prepare_invoke();
            for key in keys {
                call.key(key);
            }
            call.arg(writer).arg(CLOSED.as_millis() as u64);
            self.0.keeper.ask::<usize>(&call).await?;
        }
        Some(Instant::now())
    }

    /// Opens keys; says how many had been closed all the time.
    async fn open(&self, places: &[Place], writer: &str) -> Option<usize> {
        let mut sum = 0;
        for keys in together(places) {
            let mut call = self.0.keeper.scripts.open.prepare_invoke();
            for key in keys {
                call.key(key);
            }
            call.arg(writer);
            sum += self.0.keeper.tell::<usize>(&call).await?;
        }
        Some(sum)
    }
}

/// The keys of one part, as many as go into one script.
fn together(places: &[Place]) -> Vec<Vec<&str>> {
    let mut parts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    places.iter().for_each(|place| parts.entry(&place.epoch).or_default().push(&place.key));
    parts.values().flat_map(|keys| keys.chunks(MANY)).map(<[&str]>::to_vec).collect()
}

/// A sealed value opens only where it was put, under the ticket for which it was read.
fn seat(place: &Place, stamp: &[u8]) -> Vec<u8> {
    [&place.id[..], stamp].concat()
}

/// A write that Redis does not know of, and whose caller may go before it is told: it may be done all the same.
struct Unfinished<'a>(&'a Keeper);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.renew();
    }
}
