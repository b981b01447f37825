//! How much of everything.

use ficha_contract::{Caller, ErrorCode, Problem, RateLimit};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The server's bounds: section `[limits]` of the configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest body that is read, in bytes.
    pub body_bytes: usize,
    /// Connections open at once; one more is closed.
    pub connections: usize,
    /// Requests under way at once; one more is answered 503.
    pub concurrency: usize,
    /// Seconds a request may take, from its head to its answer.
    pub request_s: u64,
    /// Seconds within which a request's head has to arrive.
    pub header_s: u64,
    /// Seconds after which a connection is closed whose caller takes nothing of his answer.
    pub write_s: u64,
    /// Headers a request may have.
    pub header_count: usize,
    /// Bytes a request's head may have; at least 8192.
    pub header_bytes: usize,
    /// Requests a minute of a client that has no limit of its own.
    pub requests_per_minute: u32,
    /// Seconds that requests under way get to finish when the server stops.
    pub shutdown_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            connections: 4096,
            concurrency: 1024,
            request_s: 30,
            header_s: 10,
            write_s: 30,
            header_count: 64,
            header_bytes: 16 << 10,
            requests_per_minute: 6000,
            shutdown_s: 20,
        }
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, StateInformationMiddleware>;

/// A client's quota and what counts it.
type Limited = (u32, Arc<Limiter>);

/// Clients whose limiters are kept at once; beyond it all are forgotten, which errs on the client's side.
const CLIENTS: usize = 100_000;

pub(crate) struct RateLimits {
    default: u32,
    clients: Mutex<HashMap<Arc<str>, Limited>>,
}

/// What a client is told of its limit (draft-ietf-httpapi-ratelimit-headers-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a minute.
    pub quota: u32,
    /// Requests that may follow at once.
    pub remaining: u32,
}

impl RateLimits {
    pub(crate) fn new(default: u32) -> Self {
        Self { default, clients: Mutex::default() }
    }

    /// Counts a request. `None` for clients without a limit.
    pub(crate) fn count(&self, caller: &Caller) -> Result<Option<Rate>, (Rate, Problem)> {
        let quota = match caller.rate_limit {
            RateLimit::Unlimited => return Ok(None),
            RateLimit::Default => self.default,
            RateLimit::PerMinute(quota) => quota,
        };
        let limiter = self.limiter(&caller.client, quota);
        match limiter.check() {
            Ok(state) => Ok(Some(Rate { quota, remaining: state.remaining_burst_capacity() })),
            Err(refused) => {
                let wait = refused.wait_time_from(MonotonicClock.now()).max(Duration::from_secs(1));
                let mut problem = Problem::new(ErrorCode::RateLimited);
                problem.retry_after_s = u32::try_from(wait.as_secs_f64().ceil() as u64).ok();
                Err((Rate { quota, remaining: 0 }, problem))
            }
        }
    }

    fn limiter(&self, client: &Arc<str>, quota: u32) -> Arc<Limiter> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, limiter)) = clients.get(client)
            && *known == quota
        {
            return limiter.clone();
        }
        if clients.len() >= CLIENTS {
            clients.clear();
        }
        let per_minute = Quota::per_minute(NonZeroU32::new(quota).unwrap_or(NonZeroU32::MIN));
        let limiter: Arc<Limiter> =
            Arc::new(RateLimiter::direct_with_clock(per_minute, MonotonicClock).with_middleware());
        clients.insert(client.clone(), (quota, limiter.clone()));
        limiter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(rate_limit: RateLimit) -> Caller {
        Caller {
            client: "shop".into(),
            subject: "shop".into(),
            scopes: Default::default(),
            default_purpose: None,
            rate_limit,
            expires_at: Default::default(),
        }
    }

    #[test]
    fn a_client_has_its_own_limit_or_none() {
        let rates = RateLimits::new(1);
        let two = caller(RateLimit::PerMinute(2));
        assert_eq!(rates.count(&two).unwrap(), Some(Rate { quota: 2, remaining: 1 }));
        assert_eq!(rates.count(&two).unwrap(), Some(Rate { quota: 2, remaining: 0 }));
        let (rate, problem) = rates.count(&two).unwrap_err();
        assert_eq!((rate.remaining, problem.code), (0, ErrorCode::RateLimited));
        assert!(problem.retry_after_s.is_some_and(|wait| (1..=30).contains(&wait)));
        for _ in 0..100 {
            assert_eq!(rates.count(&caller(RateLimit::Unlimited)).unwrap(), None);
        }
    }
}
