//! Asks the three bases at once, inside one budget.

mod nonsense;

use crate::{
    outcome::{self, Gave, States},
    wanted::Question,
};
use ficha_contract::{Ask, Base, BaseName, Found, Section, Unavailable, UnavailableReason};
use ficha_domain::Scope;
use futures_util::FutureExt;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

/// The bases, in the order of [`BaseName::ALL`].
pub(crate) type Bases = [Arc<dyn Base>; 3];

/// The sections, judged, in the order of [`BaseName::ALL`].
pub(crate) struct Composed {
    pub(crate) sections: [Section; 3],
    pub(crate) elapsed_ms: u64,
}

impl Composed {
    pub(crate) fn states(&self) -> States {
        [0, 1, 2].map(|at| self.sections[at].status)
    }
}

/// All bases are polled before any is waited for: three that are ready cost no timer and no task.
pub(crate) async fn compose(bases: &Bases, question: &Question) -> Composed {
    let started = Instant::now();
    let [debts, score, events] = bases;
    let (debts, score, events) = tokio::join!(
        section(BaseName::Debts, &**debts, question, started),
        section(BaseName::Score, &**score, question, started),
        section(BaseName::Events, &**events, question, started),
    );
    Composed { sections: [debts, score, events], elapsed_ms: millis(started.elapsed()) }
}

async fn section(name: BaseName, base: &dyn Base, question: &Question, started: Instant) -> Section {
    if !question.ask.scopes.contains(read_scope(name)) {
        return denied();
    }
    let answer = answer(base, &question.ask, started + question.wanted.budget()).await;
    let elapsed = started.elapsed();
    let answer = answer.and_then(|found| sensible(name, found, &question.ask, elapsed));
    if let Err(Unavailable(reason)) = answer {
        tracing::debug!(base = name.as_str(), reason = reason.as_str(), "a section is missing");
    }
    judge(answer, question, millis(elapsed))
}

/// The right that a section needs besides the dossier's own.
pub(crate) fn read_scope(name: BaseName) -> Scope {
    match name {
        BaseName::Debts => Scope::DebtsRead,
        BaseName::Score => Scope::ScoreRead,
        BaseName::Events => Scope::EventsRead,
    }
}

/// The base's answer, whatever the base does. It is polled before its timer, which is armed only when it has to wait.
async fn answer(base: &dyn Base, ask: &Ask, deadline: Instant) -> Result<Found, Unavailable> {
    // Inside the block, so that a base that panics when it is called, not only when it is polled, is caught too.
    let asked = AssertUnwindSafe(async { base.section(ask).await }).catch_unwind();
    match timeout_at(deadline, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_panic)) => Err(Unavailable(UnavailableReason::Failed)),
        Err(_elapsed) => Err(Unavailable(UnavailableReason::Timeout)),
    }
}

fn sensible(name: BaseName, found: Found, ask: &Ask, elapsed: Duration) -> Result<Found, Unavailable> {
    match nonsense::flaw(&found, ask, elapsed) {
        None => Ok(found),
        Some(flaw) => {
            tracing::warn!(base = name.as_str(), flaw, "a base answered nonsense");
            Err(Unavailable(UnavailableReason::Nonsense))
        }
    }
}

fn judge(answer: Result<Found, Unavailable>, question: &Question, elapsed_ms: u64) -> Section {
    let (gave, as_of, updated_at, body) = match answer {
        Ok(Found::Person { body, as_of, updated_at, source }) => {
            (Gave::Person(source), Some(as_of), Some(updated_at), Some(body))
        }
        Ok(Found::Nobody { as_of, source }) => (Gave::Nobody(source), Some(as_of), None, None),
        Err(Unavailable(reason)) => (Gave::Nothing(reason), None, None, None),
    };
    let oldest = question.wanted.oldest(question.ask.now);
    let older = as_of.zip(oldest).is_some_and(|(as_of, oldest)| as_of < oldest);
    let outcome::Outcome { status, source, reason, data } = outcome::of_section(Some(gave), older);
    Section { status, as_of, updated_at, source, reason, elapsed_ms, body: body.filter(|_| data) }
}

/// A section that the caller may not see; nothing was asked for it.
pub(crate) fn denied() -> Section {
    let outcome::Outcome { status, source, reason, .. } = outcome::of_section(None, false);
    Section { status, as_of: None, updated_at: None, source, reason, elapsed_ms: 0, body: None }
}

fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
