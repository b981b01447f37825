//! Who asks a server that does not answer: as the gates of the stores, one each second.

use crate::Error;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

const REST: Duration = Duration::from_secs(1);

/// When the next one may try; nothing while the server answers.
#[derive(Default)]
pub(crate) struct Gate(Mutex<Option<Instant>>);

impl Gate {
    /// Whether to ask at all.
    pub(crate) fn enter(&self) -> Result<(), Error> {
        let mut shut_until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *shut_until {
            None => Ok(()),
            Some(until) if until <= Instant::now() => {
                *shut_until = Some(Instant::now() + REST);
                Ok(())
            }
            Some(_) => Err(Error::Down),
        }
    }

    /// It was asked, and this came of it. A server that says why not is there.
    pub(crate) fn judge<T>(&self, asked: &Result<T, Error>) {
        let is_away = asked.as_ref().is_err_and(Error::is_away);
        let next = is_away.then(|| Instant::now() + REST);
        let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), next);
        match (before, is_away) {
            (None, true) => tracing::warn!("OpenSearch does not answer"),
            (Some(_), false) => tracing::info!("OpenSearch answers again"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_tries_each_second_and_an_answer_opens() {
        let gate = Gate::default();
        gate.enter().unwrap();
        gate.judge(&Err::<(), _>(Error::Late));
        assert!(matches!(gate.enter(), Err(Error::Down)));
        tokio::time::advance(Duration::from_millis(1001)).await;
        assert_eq!((0..10).filter(|_| gate.enter().is_ok()).count(), 1, "the others do not wait for it");
        gate.judge(&Err::<(), _>(Error::Missing));
        assert!((0..10).all(|_| gate.enter().is_ok()), "a refusal is an answer");
    }
}
