//! Who keeps the connection, and what this process knows of it.

use crate::{
    keys::Keys,
    link::{Link, Scripts},
    settings::Settings,
};
use ficha_domain::World;
use futures_util::future::try_join_all;
use redis::{RedisError, ScriptInvocation};
use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout, timeout_at},
};

/// An epoch ends when nobody has kept it for this time.
pub(crate) const EPOCH: Duration = Duration::from_secs(1);
/// So often it is kept.
const BEAT: Duration = Duration::from_millis(250);
/// An attempt to connect takes at most this time, and the next one begins so long after it.
const ATTEMPT: Duration = Duration::from_millis(500);
const REST: Duration = Duration::from_millis(100);
/// Nobody uses what he found before an outage that began so long ago and still lasts: within [`EPOCH`] the epoch has
/// ended, unless Redis came back first; then this process came back too, within two attempts.
const ENDED: Duration = Duration::from_millis(2500);

/// How it stands with Redis.
#[derive(Clone)]
struct State {
    /// None while it is away.
    link: Option<Link>,
    /// How many connections there were; each began an epoch of its own.
    count: u64,
    /// When it came, or went.
    since: Instant,
}

/// What everything in this process that uses Redis shares.
pub(crate) struct Keeper {
    pub(crate) settings: Settings,
    pub(crate) keys: Keys,
    pub(crate) scripts: Scripts,
    pub(crate) world: World,
    state: watch::Sender<State>,
    /// It did not answer in time, which may have been our own doing; nothing more is asked before the next beat.
    doubt: AtomicBool,
    wake: Notify,
}

impl Keeper {
    /// Begins, and waits for one attempt to connect.
    pub(crate) async fn start(settings: Settings, keys: Keys, world: World) -> Arc<Self> {
        let state = watch::Sender::new(State { link: None, count: 0, since: Instant::now() });
        let (doubt, wake) = (AtomicBool::new(false), Notify::new());
        let keeper = Arc::new(Self { settings, keys, scripts: Scripts::new(), world, state, doubt, wake });
        keeper.attempt(true).await;
        // It ends with the last who uses it.
        tokio::spawn(run(Arc::downgrade(&keeper)));
        keeper
    }

    /// Whether Redis is used now.
    pub(crate) fn is_up(&self) -> bool {
        let state = self.state.borrow();
        let is_there = state.link.is_some() && state.since.elapsed() >= self.settings.grace;
        is_there && !self.doubt.load(Ordering::Relaxed)
    }

    /// Runs a script that may as well not be run.
    pub(crate) async fn ask<T: redis::FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Option<T> {
        if self.doubt.load(Ordering::Relaxed) {
            return None;
        }
        let (link, count) = self.link()?;
        let answer = timeout(self.settings.patience, link.call(call)).await;
        if answer.is_err() {
            self.doubt.store(true, Ordering::Relaxed);
            self.wake.notify_one();
        }
        self.judge(answer.ok()?, count)
    }

    /// Runs a script that matters: what does not answer it is away.
    pub(crate) async fn tell<T: redis::FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Option<T> {
        let (link, count) = self.link()?;
        match timeout(ATTEMPT, link.call(call)).await {
            Ok(answer) => self.judge(answer, count),
            Err(late) => self.gone(count, &late),
        }
    }

    fn judge<T>(&self, answer: Result<T, RedisError>, count: u64) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            // A server that says why not is there.
            Err(error) if error.code().is_some() => {
                tracing::debug!(%error, "Redis refuses");
                None
            }
            Err(error) => self.gone(count, &error),
        }
    }

    /// From now on, what lies in Redis counts for nothing.
    pub(crate) fn renew(&self) {
        if let Some((_, count)) = self.link() {
            self.lost(count, &"a write could not be told");
        }
    }

    /// Waits while Redis is away: true when it is back; false when it is so long, and nobody can be told any more what
    /// lay there before this call.
    pub(crate) async fn is_back(&self) -> bool {
        let mut state = self.state.subscribe();
        let ended = state.borrow().since + ENDED;
        timeout_at(ended, state.wait_for(|state| state.link.is_some())).await.is_ok()
    }

    fn link(&self) -> Option<(Link, u64)> {
        let state = self.state.borrow();
        state.link.clone().map(|link| (link, state.count))
    }

    fn gone<T>(&self, count: u64, why: &dyn std::fmt::Display) -> Option<T> {
        self.lost(count, why);
        None
    }

    /// The connection of this count is of no use any more.
    fn lost(&self, count: u64, why: &dyn std::fmt::Display) {
        let went = self.state.send_if_modified(|state| {
            let goes = state.count == count && state.link.is_some();
            if goes {
                (state.link, state.since) = (None, Instant::now());
            }
            goes
        });
        if went {
            self.wake.notify_one();
            tracing::warn!(cache = ?self.settings, %why, "the cache is away; bases are read from their stores");
        }
    }

    /// A new connection, and a new epoch: nothing is used that lay there before. What was written meanwhile could not be
    /// told, and which server answers now is not known.
    async fn attempt(&self, is_first: bool) -> Duration {
        let attempt = async {
            let link = self.settings.connect().await?;
            self.each_epoch(&link, &self.scripts.begin).await?;
            Ok::<_, RedisError>(link)
        };
        let why = match timeout(ATTEMPT, attempt).await {
            Ok(Ok(link)) => {
                self.doubt.store(false, Ordering::Relaxed);
                self.state.send_modify(|state| {
                    (state.link, state.since) = (Some(link), Instant::now());
                    state.count += 1;
                });
                tracing::info!(cache = ?self.settings, "the cache is used");
                return BEAT;
            }
            Ok(Err(error)) => error.to_string(),
            Err(late) => late.to_string(),
        };
        if is_first {
            tracing::warn!(cache = ?self.settings, %why, "the cache is away; bases are read from their stores");
        }
        REST
    }

    async fn each_epoch(&self, link: &Link, script: &redis::Script) -> Result<(), RedisError> {
        let epoch = hex::encode(self.world.random::<8>());
        let life = EPOCH.as_millis() as u64;
        try_join_all(self.keys.epochs().map(async |key| {
            let mut call = script.prepare_invoke();
            link.call::<u8>(call.key(key).arg(&epoch).arg(life)).await
        }))
        .await
        .map(drop)
    }

    /// Keeps the epochs. Says when the next one is due.
    async fn beat(&self) -> Duration {
        let Some((link, count)) = self.link() else { return Duration::ZERO };
        match timeout(ATTEMPT, self.each_epoch(&link, &self.scripts.beat)).await {
            Ok(Ok(())) => self.doubt.store(false, Ordering::Relaxed),
            Ok(Err(error)) => self.lost(count, &error),
            Err(late) => self.lost(count, &late),
        }
        BEAT
    }
}

/// As long as somebody uses it.
async fn run(keeper: Weak<Keeper>) {
    while let Some(keeper) = keeper.upgrade() {
        let rest = match keeper.link() {
            Some(_) => keeper.beat().await,
            None => keeper.attempt(false).await,
        };
        let _ = timeout(rest, keeper.wake.notified()).await;
    }
}
