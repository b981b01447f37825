//! A compose project, as the specification's library writes it out.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// The image that this version of ficha is built as.
pub(super) const IMAGE: &str = concat!("ficha:", env!("CARGO_PKG_VERSION"));

#[derive(Deserialize)]
pub(super) struct Project {
    pub(super) services: BTreeMap<String, Service>,
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    pub(super) networks: BTreeMap<String, Network>,
}

#[derive(Deserialize)]
pub(super) struct Service {
    pub(super) image: String,
    #[serde(default)]
    pub(super) command: Option<Vec<String>>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, Option<String>>,
    #[serde(default)]
    pub(super) secrets: Vec<Mounted>,
    #[serde(default)]
    pub(super) volumes: Vec<Mounted>,
    #[serde(default)]
    pub(super) networks: BTreeMap<String, Option<Joined>>,
    #[serde(default)]
    pub(super) ports: Vec<Port>,
    #[serde(default)]
    pub(super) depends_on: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) read_only: bool,
    #[serde(default)]
    pub(super) cap_drop: Vec<String>,
    #[serde(default)]
    pub(super) security_opt: Vec<String>,
    #[serde(default)]
    pub(super) restart: String,
    #[serde(default)]
    pub(super) healthcheck: Option<Value>,
    #[serde(default)]
    pub(super) deploy: Value,
    #[serde(default)]
    pub(super) user: String,
}

/// A secret, or a folder, and where it is inside.
#[derive(Deserialize)]
pub(super) struct Mounted {
    #[serde(default)]
    pub(super) source: String,
    #[serde(default)]
    pub(super) target: String,
}

#[derive(Deserialize)]
pub(super) struct Joined {
    #[serde(default)]
    pub(super) aliases: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Port {
    pub(super) target: u16,
    #[serde(default)]
    pub(super) host_ip: String,
}

#[derive(Deserialize)]
pub(super) struct Secret {
    pub(super) file: String,
}

#[derive(Deserialize)]
pub(super) struct Network {
    #[serde(default)]
    pub(super) internal: bool,
}

impl Project {
    pub(super) fn parse(json: &str) -> Result<Self> {
        serde_json::from_str(json).context("what the library says of a compose file")
    }

    /// The processes of ours.
    pub(super) fn ours(&self) -> impl Iterator<Item = (&str, &Service)> {
        self.services
            .iter()
            .filter(|(_, service)| service.is_ours())
            .map(|(name, service)| (name.as_str(), service))
    }
}

impl Service {
    pub(super) fn is_ours(&self) -> bool {
        self.image == IMAGE
    }

    /// Whether it ends by itself.
    pub(super) fn is_one_shot(&self) -> bool {
        self.restart == "no"
    }
}
