//! Settings: one documented file that is also what is compiled in, then the operator's file, then the environment.

use anyhow::{Context, Result, bail};
use config::{Environment, File, FileFormat};
use ficha_domain::CpfValidation;
use ficha_http::Limits;
use serde::Deserialize;
use std::{net::SocketAddr, path::PathBuf};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../ficha.default.toml");

/// All settings; what each means is said in [`DEFAULTS`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
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
    pub spool: Spool,
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
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreRole {
    pub listen: String,
    pub cpf_validation: CpfValidation,
    pub scorecard: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsRole {
    pub listen: String,
    pub cpf_validation: CpfValidation,
    pub zone: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DossierRole {
    pub listen: String,
    pub cpf_validation: CpfValidation,
    pub keep_days: u32,
    pub budget_ms: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityRole {
    pub listen: String,
    pub token_life_s: u32,
    pub algorithm: String,
    pub key_lead_s: u32,
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
        for (key, value) in self.listeners() {
            key_address(key, value)?;
        }
        Ok(())
    }

    /// The listeners of single roles that are set: role, address.
    pub fn role_listeners(&self) -> Result<Vec<(&'static str, SocketAddr)>> {
        let set = self.listeners().into_iter().filter(|(_, value)| !value.is_empty());
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
            "" => format!("http://{}", self.listen),
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
    fn unknown_keys_and_wrong_values_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ficha.toml");
        for (text, named) in [
            ("lisen = 'x'", "lisen"),
            ("[debts]\ncpf_validation = 'none'", "cpf_validation"),
            ("[identity]\ntoken_life_s = 5", "token_life_s"),
            ("[debts]\nlisten = 'here'", "debts.listen"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = format!("{:#}", Config::load(Some(&file)).unwrap_err());
            assert!(error.contains(named), "{error}");
        }
    }
}
