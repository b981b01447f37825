//! One question at a time about one thing, for all who ask it.
//!
//! Who comes while it is being asked waits for the next time, not for this one: what this one brings may be of before he
//! came. So of any number that ask at once, at most two really do.

use crate::keys::Id;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::Mutex as Line, time::Instant};

/// What came of a question, and when it was asked.
type Last<T> = Line<Option<(Instant, T)>>;

pub(crate) struct Turns<T>(Mutex<HashMap<Id, Arc<Last<T>>>>);

/// A place in the line of those who ask the same. Who leaves it, and be it because nobody waits for his answer any more,
/// leaves nothing behind.
struct Seat<'a, T> {
    turns: &'a Turns<T>,
    id: Id,
    line: Arc<Last<T>>,
}

impl<T: Clone> Turns<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    /// What comes of asking, now or by somebody who began after this call did. A failure is everybody's own.
    pub(crate) async fn take<E>(&self, id: Id, ask: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let came = Instant::now();
        let seat = self.seat(id);
        let mut last = seat.line.lock().await;
        if let Some((asked, told)) = &*last
            && *asked >= came
        {
            return Ok(told.clone());
        }
        let asked = Instant::now();
        let told = ask.await?;
        *last = Some((asked, told.clone()));
        Ok(told)
    }

    /// How many are in the line, the one who asks included.
    #[cfg(test)]
    pub(crate) fn waiting(&self, id: Id) -> usize {
        self.lines().get(&id).map_or(0, |line| Arc::strong_count(line) - 1)
    }

    fn seat(&self, id: Id) -> Seat<'_, T> {
        let line = self.lines().entry(id).or_insert_with(|| Arc::new(Line::new(None))).clone();
        Seat { turns: self, id, line }
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<Id, Arc<Last<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Seat<'_, T> {
    fn drop(&mut self) {
        let mut lines = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        // This one's and the map's: nobody can come while the map is held.
        if Arc::strong_count(&self.line) == 2 {
            lines.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicUsize, Ordering},
    };
    use tokio::sync::Semaphore;

    const ID: Id = [7; 16];

    #[tokio::test]
    async fn who_comes_while_it_is_asked_waits_for_the_next_time() {
        let (turns, asked) = (Arc::new(Turns::new()), Arc::new(AtomicUsize::new(0)));
        let gate = Arc::new(Semaphore::new(0));
        let ask = || {
            let (turns, asked, gate) = (turns.clone(), asked.clone(), gate.clone());
            tokio::spawn(async move {
                let ask = async {
                    let count = asked.fetch_add(1, Ordering::SeqCst) + 1;
                    gate.acquire().await.unwrap().forget();
                    Ok::<_, Infallible>(count)
                };
                turns.take(ID, ask).await.unwrap()
            })
        };
        let first = ask();
        while asked.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let others: Vec<_> = (0..100).map(|_| ask()).collect();
        while turns.waiting(ID) < 101 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(2);
        assert_eq!(first.await.unwrap(), 1);
        for other in others {
            assert_eq!(other.await.unwrap(), 2, "nobody is told of before he came");
        }
        assert!(turns.lines().is_empty());
    }

    #[tokio::test]
    async fn who_gives_up_or_fails_leaves_it_to_the_next() {
        let turns = Turns::new();
        let pending = turns.take(ID, std::future::pending::<Result<u8, ()>>());
        assert!(tokio::time::timeout(std::time::Duration::from_millis(1), pending).await.is_err());
        assert_eq!(turns.take(ID, async { Err(3) }).await, Err(3));
        assert_eq!(turns.take(ID, async { Ok::<_, ()>(4) }).await, Ok(4));
        assert!(turns.lines().is_empty());
    }
}
