//! What stands in front of bases that are shared: the cache, where one is set.

use crate::{
    config::Config,
    engine::{self, StoreUrl},
};
use anyhow::{Context, Result};
use ficha_cache::{Cache, Settings, Shelf};
use ficha_domain::World;
use ficha_http::Metrics;
use ficha_seal::Keyring;
use serde::Deserialize;

/// Where the cache is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CachePlace {
    pub url: StoreUrl,
    pub url_file: String,
}

impl CachePlace {
    /// None where none is set.
    pub fn settings(&self) -> Result<Option<Settings>> {
        let url = engine::url("cache", &self.url, &self.url_file)?;
        url.map(|url| Settings::parse(&url).context("cache.url cannot be used")).transpose()
    }
}

/// The cache, and what it keeps. The numbers change with what is laid out otherwise.
pub struct Front {
    cache: Cache,
    pub score: Shelf,
    pub events: Shelf,
}

impl Front {
    /// Of this process: none where none of its bases is shared. It need not be there: what wants it waits for it.
    pub async fn open(config: &Config, keyring: &Keyring, world: &World) -> Result<Option<Self>> {
        let cached = config.shared().any(|store| ["score", "events"].contains(&store));
        let Some(settings) = config.cache.settings()?.filter(|_| cached) else { return Ok(None) };
        let cache = Cache::open(settings, keyring.vault("cache"), world.clone()).await;
        let (score, events) = (cache.shelf("score 1"), cache.shelf("events 1"));
        Ok(Some(Self { cache, score, events }))
    }

    /// How often it helped.
    pub fn tell(&self, metrics: &Metrics) {
        let cache = self.cache.clone();
        metrics.gauge("cache_up", "1 while the cache is used", move || i64::from(cache.is_up()));
        for (base, shelf) in [("score", &self.score), ("events", &self.events)] {
            for (place, help) in [
                ("memory", "Look-ups answered from this process's memory"),
                ("redis", "Look-ups answered from the shared cache"),
                ("store", "Look-ups for which the store was asked"),
            ] {
                let shelf = shelf.clone();
                metrics.gauge(&format!("cache_{base}_{place}"), help, move || {
                    let figures = shelf.figures();
                    let count = match place {
                        "memory" => figures.memory,
                        "redis" => figures.redis,
                        _ => figures.store,
                    };
                    i64::try_from(count).unwrap_or(i64::MAX)
                });
            }
        }
    }
}
