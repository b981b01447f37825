//! A call between processes, and what is said of its answer.

use crate::note::Hash;
use ficha_contract::{Source, UnavailableReason};
use ficha_domain::Purpose;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// The headers that hold the notes.
pub(crate) const CALL_HEADER: &str = "ficha-call";
pub(crate) const ANSWER_HEADER: &str = "ficha-answer";

/// Clocks of two machines differ by a little.
pub(crate) const LEEWAY: SignedDuration = SignedDuration::from_secs(5);
/// No call is good for longer.
pub(crate) const LIFE_MAX: SignedDuration = SignedDuration::from_secs(30);

/// What stands in a call's note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Call {
    /// Of which role something is asked.
    pub(crate) to: String,
    /// Taken once.
    pub(crate) id: Uuid,
    /// From when until when it is taken.
    pub(crate) at: Timestamp,
    pub(crate) until: Timestamp,
    /// For how long the answer is waited for: a span, which no two clocks see differently.
    pub(crate) within_ms: u64,
    /// The body that belongs to it.
    pub(crate) body: Hash,
    /// On whose behalf, where it is about a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) behalf: Option<Behalf>,
}

/// The consultation that a call is a part of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Behalf {
    pub(crate) consultation: Uuid,
    pub(crate) client: Arc<str>,
    pub(crate) purpose: Purpose,
    /// What the client may see, words separated by blanks.
    pub(crate) scopes: String,
}

impl Call {
    /// Until when a call is taken that is waited for so long.
    pub(crate) fn until(at: Timestamp, within: Duration) -> Timestamp {
        let within = SignedDuration::try_from(within).unwrap_or(LIFE_MAX);
        at + within.min(LIFE_MAX - LEEWAY) + LEEWAY
    }

    /// Whether it is taken now.
    pub(crate) fn is_alive(&self, now: Timestamp) -> bool {
        self.until.duration_since(self.at) <= LIFE_MAX && self.at <= now + LEEWAY && now < self.until
    }

    pub(crate) fn within(&self) -> Duration {
        Duration::from_millis(self.within_ms)
    }
}

/// What stands in an answer's note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The call that it answers.
    pub(crate) id: Uuid,
    /// The body that belongs to it.
    pub(crate) body: Hash,
    pub(crate) said: Said,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Said {
    Person {
        as_of: Timestamp,
        updated_at: Timestamp,
        source: Source,
    },
    Nobody {
        as_of: Timestamp,
        source: Source,
    },
    Unavailable {
        reason: UnavailableReason,
    },
    /// The body says it all.
    Issuer,
}

/// The body of a question to a base: here and nowhere else stands the CPF.
#[derive(Serialize, Deserialize)]
pub(crate) struct AboutPerson {
    pub(crate) cpf: String,
    pub(crate) now: Timestamp,
}

/// The body of a question to the issuer.
#[derive(Serialize, Deserialize)]
pub(crate) struct AboutIssuer {
    /// The last revocation that is known.
    pub(crate) after: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_lives_as_long_as_it_is_waited_for_and_never_long() {
        let at: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let call = |until| Call {
            to: "debts".into(),
            id: Uuid::nil(),
            at,
            until,
            within_ms: 1000,
            body: Hash::of(b""),
            behalf: None,
        };
        let second = |second| at + SignedDuration::from_secs(second);
        let good = call(Call::until(at, Duration::from_secs(1)));
        assert!(good.is_alive(at) && good.is_alive(second(-5)) && good.is_alive(second(5)));
        assert!(!good.is_alive(second(-6)) && !good.is_alive(second(6)));
        assert_eq!(Call::until(at, Duration::MAX), second(30));
        assert!(call(second(30)).is_alive(at) && !call(second(31)).is_alive(at), "nobody gives himself more");
    }
}
