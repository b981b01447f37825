//! Settings: one documented file that is also what is compiled in, then the operator's file, then the environment.

use crate::{
    engine::{Engine, StoreUrl, Stores},
    front::CachePlace,
    peers::Peers,
    roles::{self, Roles},
    search::SearchIndex,
    tls::Tls,
};
use anyhow::{Context, Result, bail};
use config::{Environment, File, FileFormat};
use ficha_domain::CpfValidation;
use ficha_events::Zone;
use ficha_http::Limits;
use serde::Deserialize;
use std::{net::SocketAddr, path::PathBuf};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../ficha.default.toml");

/// The stores of an installation: files of the folder, where nothing else is said.
const STORES: [&str; 6] = ["identity", "evidence", "debts", "score", "events", "dossier"];

/// All settings; what each means is said in [`DEFAULTS`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub roles: Roles,
    pub dir: PathBuf,
    pub listen: SocketAddr,
    pub public_url: String,
    pub log: String,
    pub keys: Keys,
    pub debts: Role,
    pub score: ScoreRole,
    pub events: EventsRole,
    pub dossier: DossierRole,
    pub identity: IdentityRole,
    pub evidence: Evidence,
    pub stores: Stores,
    pub cache: CachePlace,
    pub search: SearchIndex,
    pub spool: Spool,
    pub peers: Peers,
    pub tls: Tls,
    pub limits: Limits,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    pub file: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    pub listen: String,
    pub cpf_validation: CpfValidation,
    pub url: StoreUrl,
    pub url_file: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreRole {
    pub listen: String,
    pub cpf_validation: CpfValidation,
    pub url: StoreUrl,
    pub url_file: String,
    pub scorecard: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsRole {
    pub listen: String,
    pub cpf_validation: CpfValidation,
    pub url: StoreUrl,
    pub url_file: String,
    pub zone: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DossierRole {
    pub listen: String,
    pub cpf_validation: CpfValidation,
    pub url: StoreUrl,
    pub url_file: String,
    pub keep_days: u32,
    pub budget_ms: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityRole {
    pub listen: String,
    pub url: StoreUrl,
    pub url_file: String,
    pub token_life_s: u32,
    pub algorithm: String,
    pub key_lead_s: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    pub url: StoreUrl,
    pub url_file: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spool {
    pub max_bytes: u64,
}

impl Config {
    /// Reads the settings: defaults, then `file`, then environment variables that start with `FICHA_`.
    pub fn load(file: Option<&std::path::Path>) -> Result<Self> {
        let mut builder = config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(file) = file {
            builder = builder.add_source(File::from(file).format(FileFormat::Toml));
        }
        // FICHA_CONFIG names the file above; FICHA_TEST_… speaks to the tests.
        // FICHA_PORT… and FICHA_SERVICE_… are what Kubernetes puts beside a service of this name.
        let foreign = ["FICHA_CONFIG", "FICHA_TEST_", "FICHA_PORT", "FICHA_SERVICE_"];
        let ours = std::env::vars().filter(|(key, _)| !foreign.iter().any(|start| key.starts_with(start)));
        let environment =
            Environment::with_prefix("FICHA").prefix_separator("_").separator("__").try_parsing(true);
        let environment = environment.source(Some(ours.collect()));
        let config: Self = builder
            .add_source(environment)
            .build()
            .and_then(config::Config::try_deserialize)
            .context("the settings cannot be used; each key is documented in ficha.default.toml")?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        if !(300..=900).contains(&self.identity.token_life_s) {
            bail!("identity.token_life_s takes 300 to 900 seconds");
        }
        if self.limits.concurrency == 0 || self.limits.requests_per_minute == 0 {
            bail!("limits.concurrency and limits.requests_per_minute take at least 1");
        }
        if self.spool.max_bytes < 16 << 20 {
            bail!("spool.max_bytes takes at least 16777216");
        }
        if self.stores.connections == 0 || self.stores.point_connections == 0 {
            bail!("stores.connections and stores.point_connections take at least 1");
        }
        for (key, value) in self.listeners() {
            key_address(key, value)?;
        }
        self.zone()?;
        self.tls.files()?;
        self.peers.check()?;
        self.cache.settings()?;
        if self.search.settings()?.is_some() && !self.is_shared("events") {
            bail!(
                "search.url takes what is on a MongoDB (events.url): base C in a file is searched without it"
            );
        }
        STORES.into_iter().try_for_each(|store| self.engine(store).map(drop))
    }

    /// Where base C's days begin and its months end.
    pub fn zone(&self) -> Result<Zone> {
        Zone::named(&self.events.zone).context("events.zone")
    }

    /// Refuses what a role does in a process that does not have it.
    pub fn demand(&self, role: roles::Role) -> Result<()> {
        if !self.roles.has(role) {
            let role = role.as_str();
            bail!("{role} is no role of this process; do this where it is, or name it with --role");
        }
        Ok(())
    }

    /// Whether consultations of other processes are not to be found in this one's store.
    pub fn sees_only_itself(&self) -> bool {
        !self.roles.is_all() && !self.is_shared("evidence")
    }

    /// Whether a store is of one of this process's roles.
    fn uses(&self, store: &str) -> bool {
        let is_of = |role: &roles::Role| role.as_str() == store;
        match roles::Role::ALL.into_iter().find(is_of) {
            Some(role) => self.roles.has(role),
            None => self.roles.records(),
        }
    }

    /// The engine of a store.
    pub fn engine(&self, store: &str) -> Result<Engine> {
        match self.place(store) {
            Some((url, file)) => Engine::of(store, url, file, &self.stores),
            None => Ok(Engine::Sqlite),
        }
    }

    /// Where a store is, if it can be elsewhere: its URL, or the file that holds it.
    fn place(&self, store: &str) -> Option<(&StoreUrl, &str)> {
        match store {
            "debts" => Some((&self.debts.url, &self.debts.url_file)),
            "score" => Some((&self.score.url, &self.score.url_file)),
            "events" => Some((&self.events.url, &self.events.url_file)),
            "dossier" => Some((&self.dossier.url, &self.dossier.url_file)),
            "identity" => Some((&self.identity.url, &self.identity.url_file)),
            "evidence" => Some((&self.evidence.url, &self.evidence.url_file)),
            _ => None,
        }
    }

    /// Whether a store is elsewhere.
    pub fn is_shared(&self, store: &str) -> bool {
        self.place(store).is_some_and(|(url, file)| !(url.is_empty() && file.is_empty()))
    }

    /// The stores of this process that are files of the data folder.
    pub fn files(&self) -> impl Iterator<Item = &'static str> {
        STORES.into_iter().filter(|store| self.uses(store) && !self.is_shared(store))
    }

    /// The stores of this process that are elsewhere, where other processes use them too.
    pub fn shared(&self) -> impl Iterator<Item = &'static str> {
        STORES.into_iter().filter(|store| self.uses(store) && self.is_shared(store))
    }

    /// The same with every role in one process, and every store in the folder.
    #[must_use]
    pub fn in_files(mut self) -> Self {
        self.roles = Roles::ALL;
        (self.debts.url, self.debts.url_file) = Default::default();
        (self.score.url, self.score.url_file) = Default::default();
        (self.events.url, self.events.url_file) = Default::default();
        (self.dossier.url, self.dossier.url_file) = Default::default();
        (self.identity.url, self.identity.url_file) = Default::default();
        (self.evidence.url, self.evidence.url_file) = Default::default();
        (self.search.url, self.search.url_file) = Default::default();
        self
    }

    /// The listeners of this process's single roles that are set: role, address.
    pub fn role_listeners(&self) -> Result<Vec<(&'static str, SocketAddr)>> {
        let set = self.listeners().into_iter().filter(|(role, value)| self.uses(role) && !value.is_empty());
        set.map(|(role, value)| {
            key_address(role, value).map(|address| (role, address.unwrap_or(self.listen)))
        })
        .collect()
    }

    fn listeners(&self) -> [(&'static str, &str); 5] {
        [
            ("debts", &self.debts.listen),
            ("score", &self.score.listen),
            ("events", &self.events.listen),
            ("dossier", &self.dossier.listen),
            ("identity", &self.identity.listen),
        ]
    }

    /// The issuer's name to the outside.
    pub fn issuer(&self) -> String {
        match self.public_url.trim_end_matches('/') {
            "" if self.tls.cert.is_empty() => format!("http://{}", self.listen),
            "" => format!("https://{}", self.listen),
            url => url.to_owned(),
        }
    }

    /// The file of the root keys.
    pub fn key_file(&self) -> PathBuf {
        if self.keys.file.is_empty() { self.dir.join("root.key") } else { PathBuf::from(&self.keys.file) }
    }
}

fn key_address(role: &str, value: &str) -> Result<Option<SocketAddr>> {
    if value.is_empty() {
        return Ok(None);
    }
    value.parse().map(Some).with_context(|| format!("{role}.listen takes an address such as 127.0.0.1:8001"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_documented_file_is_complete() {
        let config = Config::load(None).unwrap();
        assert_eq!(config.issuer(), "http://127.0.0.1:8080");
        let limits = Limits::default();
        assert_eq!(
            format!("{:?}", config.limits),
            format!("{limits:?}"),
            "limits are documented as they are"
        );
    }

    #[test]
    fn a_url_names_the_engine_and_is_not_printed() {
        let dir = tempfile::tempdir().unwrap();
        let (file, url) = (dir.path().join("ficha.toml"), dir.path().join("url"));
        std::fs::write(&file, format!("[debts]\nurl_file = '{}'", url.display())).unwrap();
        std::fs::write(&url, "postgres://ana:secret@host/ficha\n").unwrap();
        std::fs::set_permissions(&url, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(format!("{:#}", Config::load(Some(&file)).unwrap_err()).contains("chmod 600"));
        std::fs::set_permissions(&url, PermissionsExt::from_mode(0o600)).unwrap();
        let config = Config::load(Some(&file)).unwrap();
        assert!(matches!(config.engine("debts").unwrap(), Engine::Postgres(_)));
        assert_eq!(config.shared().collect::<Vec<_>>(), ["debts"]);
        assert_eq!(config.files().count(), 5);
        std::fs::write(&file, "[score]\nurl = 'postgres://ana:secret@host/ficha'").unwrap();
        let config = Config::load(Some(&file)).unwrap();
        assert!(!format!("{config:?}").contains("secret"));
        assert_eq!(config.in_files().shared().count(), 0);
        std::fs::write(&file, "[score]\nurl = 'mongodb://ana:secret@host/ficha'").unwrap();
        let config = Config::load(Some(&file)).unwrap();
        assert!(!format!("{config:?}").contains("secret"));
        let engine = config.engine("score").unwrap();
        assert_eq!(format!("{engine:?}"), "mongodb://host:27017/ficha");
    }

    #[test]
    fn a_process_has_the_stores_of_its_roles() {
        let of = |roles: &str| {
            let roles = roles.parse().unwrap();
            Config { roles, ..Config::load(None).unwrap() }.files().collect::<Vec<_>>()
        };
        assert_eq!(of("debts"), ["evidence", "debts"]);
        assert_eq!(of("identity"), ["identity"], "it answers about nobody");
        assert_eq!(of("dossier,identity"), ["identity", "evidence", "dossier"]);
        assert_eq!(of("debts,score,events,dossier,identity").len(), 6);
    }

    #[test]
    fn unknown_keys_and_wrong_values_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ficha.toml");
        for (text, named) in [
            ("lisen = 'x'", "lisen"),
            ("[debts]\ncpf_validation = 'none'", "cpf_validation"),
            ("[identity]\ntoken_life_s = 5", "token_life_s"),
            ("[debts]\nlisten = 'here'", "debts.listen"),
            ("[debts]\nurl = 'mongodb://host/ficha'", "debts is not kept on MongoDB"),
            ("[score]\nurl = 'mongodb://host/'", "names no database"),
            ("[score]\nurl = 'mongodb://host/ficha?w=1'", "w takes majority"),
            ("[score]\nurl = 'mysql://host/ficha'", "postgres://"),
            ("[debts]\nurl = 'postgres://host/ficha'\nurl_file = '/x'", "debts.url_file"),
            ("[score]\nurl = 'postgres://host/ficha?sslmode=full'", "sslmode"),
            ("[stores]\nconnections = 0", "stores.connections"),
            ("[cache]\nurl = 'http://host'", "redis-cluster://"),
            ("[cache]\nurl = 'redis://host'\nurl_file = '/x'", "cache.url_file"),
            ("[events]\nzone = 'Brasília'", "events.zone: `Brasília` is not a time zone"),
            ("[events]\nurl = 'postgres://host/ficha'", "events is not kept on PostgreSQL"),
            ("roles = ['debt']", "debts, score"),
            ("[search]\nurl = 'https://h:9200'", "search.url takes what is on a MongoDB"),
            ("[search]\nurl = 'https://ana:secret@h:9200/x'", "search.url cannot be used: takes https://"),
            ("[search]\nurl = 'https://h'\nca = '/none'", "search.ca: /none"),
            ("[search]\nurl = 'https://h'\nname = 'Ficha_1'", "search.name"),
            ("[search]\nurl = 'https://h'\nshards = 0", "search.shards"),
            ("[peers]\nlisten = 'here'", "peers.listen"),
            ("[peers]\nscore.keys = 'ed25519:x'", "peers.score.keys"),
            ("[peers]\nscore.key = ''", "key"),
            ("[tls]\ncert = 'x'", "tls.key"),
            ("[tls]\nclient_ca = 'x'", "tls.cert"),
            ("[peers]\ncert = 'x'\nkey = 'y'", "peers.ca"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = format!("{:#}", Config::load(Some(&file)).unwrap_err());
            assert!(error.contains(named), "{error}");
        }
    }
}
