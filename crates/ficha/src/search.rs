//! `[search]`: the index of base C's movements.

use crate::engine::{self, StoreUrl};
use anyhow::{Context, Result, bail};
use ficha_domain::World;
use ficha_events::{Index, MongoMovements, Naming, Pace};
use ficha_seal::Keyring;
use ficha_search::{Search, Settings};
use serde::Deserialize;
use std::{fs, sync::Arc};

const SHARDS_MAX: u32 = 256;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchIndex {
    pub url: StoreUrl,
    pub url_file: String,
    pub ca: String,
    pub name: String,
    pub shards: u32,
}

impl SearchIndex {
    /// Where it is, if there is one.
    pub fn settings(&self) -> Result<Option<Settings>> {
        let Some(url) = engine::url("search", &self.url, &self.url_file)? else { return Ok(None) };
        let is_plain = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '-');
        let name = self.name.trim_start_matches('-');
        if name.is_empty() || name != self.name || name.len() > 100 || !name.chars().all(is_plain) {
            bail!("search.name takes up to 100 small letters, digits and -, not in front");
        }
        if !(1..=SHARDS_MAX).contains(&self.shards) {
            bail!("search.shards takes 1 to {SHARDS_MAX}");
        }
        let settings = Settings::parse(&url).context("search.url cannot be used")?;
        if self.ca.is_empty() {
            return Ok(Some(settings));
        }
        let pem = fs::read(&self.ca).with_context(|| format!("search.ca: {} cannot be read", self.ca))?;
        settings.trusting(&pem).context("search.ca").map(Some)
    }

    /// The index of this store, if there is one. Nobody is asked yet.
    pub fn index(
        &self,
        store: Arc<MongoMovements>,
        keyring: &Keyring,
        world: &World,
    ) -> Result<Option<Arc<Index>>> {
        let Some(settings) = self.settings()? else { return Ok(None) };
        let search = Search::new(&settings).context("search.url")?;
        let naming = Naming { name: self.name.clone(), shards: self.shards };
        let key = keyring.secret("search");
        Ok(Some(Arc::new(Index::new(store, search, naming, key, world.clone(), Pace::default()))))
    }
}
