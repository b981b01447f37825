//! Roles in other processes: where they are, by which keys they are known, and what they may ask here.

use crate::{config::Config, folder::Folder, roles::Role, tls, wiring::App};
use anyhow::{Context, Result, bail};
use axum::Router;
use ficha_contract::Base;
use ficha_domain::World;
use ficha_http::TlsFiles;
use ficha_identity::Verifier;
use ficha_remote::{ClientTls, Desk, Peer, PeerKey, PublicKey, RemoteBase, RemoteIssuer, client_tls};
use serde::Deserialize;
use std::{net::SocketAddr, sync::Arc};

/// The file that remembers what the issuer told.
const TOLD: &str = "issuer.json";

/// Section `[peers]` of the settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    pub listen: String,
    pub cert: String,
    pub key: String,
    pub ca: String,
    pub debts: At,
    pub score: At,
    pub events: At,
    pub dossier: At,
    pub identity: At,
}

/// A role elsewhere.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct At {
    pub url: String,
    pub keys: String,
}

impl Peers {
    pub fn at(&self, role: Role) -> &At {
        match role {
            Role::Debts => &self.debts,
            Role::Score => &self.score,
            Role::Events => &self.events,
            Role::Dossier => &self.dossier,
            Role::Identity => &self.identity,
        }
    }

    /// The address for other processes.
    pub fn address(&self) -> Result<Option<SocketAddr>> {
        match self.listen.as_str() {
            "" => Ok(None),
            text => text.parse().map(Some).context("peers.listen takes an address such as 10.0.0.5:8090"),
        }
    }

    /// What can be read, and makes sense whatever roles this process has.
    pub fn check(&self) -> Result<()> {
        for role in Role::ALL {
            self.keys(role)?;
        }
        if !self.dossier.url.is_empty() {
            bail!(
                "peers.dossier.url is for nothing: nobody asks the dossier; its keys are those that may ask bases"
            );
        }
        if self.files()?.is_some() && self.ca.is_empty() {
            bail!("peers.cert needs peers.ca: the authority that the others have to come from");
        }
        self.address().map(drop)
    }

    /// What processes show each other, and whom they take: each shows a certificate, where one does.
    pub fn files(&self) -> Result<Option<TlsFiles>> {
        tls::files("peers", [&self.cert, &self.key, &self.ca])
    }

    fn keys(&self, role: Role) -> Result<Vec<PublicKey>> {
        let words = self.at(role).keys.split([',', ' ']).filter(|word| !word.is_empty());
        let keys = words.map(str::parse).collect::<Result<_, _>>();
        keys.with_context(|| format!("peers.{}.keys", role.as_str()))
    }
}

/// What this process is to others, where anything of its installation is elsewhere.
pub struct Known {
    me: Arc<PeerKey>,
    tls: Option<Arc<ClientTls>>,
    pub issuer: Option<Arc<RemoteIssuer>>,
}

/// Refuses roles that could not do their work.
pub fn check(config: &Config) -> Result<()> {
    let (roles, peers) = (config.roles, &config.peers);
    for role in Role::ALL.into_iter().filter(|role| roles.has(*role)) {
        if !peers.at(role).url.is_empty() {
            let role = role.as_str();
            bail!("{role} is a role of this process, and peers.{role}.url says that it is elsewhere");
        }
    }
    let mut needed = vec![Role::Identity];
    if roles.has(Role::Dossier) {
        needed.extend([Role::Debts, Role::Score, Role::Events]);
    }
    for role in needed.into_iter().filter(|role| !roles.has(*role)) {
        let (at, role) = (peers.at(role), role.as_str());
        if at.url.is_empty() || at.keys.is_empty() {
            bail!(
                "{role} is no role of this process: peers.{role}.url and peers.{role}.keys say where it is and how it is known"
            );
        }
    }
    if !roles.has(Role::Identity) && config.public_url.is_empty() {
        bail!("public_url is the issuer's name in tokens: away from the issuer it has to be said");
    }
    Ok(())
}

/// This process's own key, made when it is first needed.
pub fn key(folder: &Folder) -> Result<PeerKey> {
    let bytes = match folder.peer_key()? {
        Some(bytes) => bytes,
        None => {
            let bytes = PeerKey::generate()?;
            folder.keep_peer_key(&bytes)?;
            bytes
        }
    };
    PeerKey::from_pkcs8(&bytes).with_context(|| format!("the peer.key in {}", folder.path.display()))
}

impl Known {
    /// Nothing where the whole installation is in this process and nobody asks it.
    pub async fn open(config: &Config, folder: &Folder, world: &World) -> Result<Option<Self>> {
        if config.roles.is_all() && config.peers.listen.is_empty() {
            return Ok(None);
        }
        let tls = config.peers.files()?.map(client_tls).transpose()?.map(Arc::new);
        let mut known = Self { me: Arc::new(key(folder)?), tls, issuer: None };
        if !config.roles.has(Role::Identity) {
            let peer = known.peer(Role::Identity, config, world)?;
            let issuer = RemoteIssuer::start(peer, folder.path.join(TOLD), world.clone()).await;
            known.issuer = Some(Arc::new(issuer));
        }
        Ok(Some(known))
    }

    fn peer(&self, role: Role, config: &Config, world: &World) -> Result<Peer> {
        let (keys, name) = (config.peers.keys(role)?, role.as_str());
        let peer = Peer::new(
            name,
            &config.peers.at(role).url,
            keys,
            self.me.clone(),
            self.tls.clone(),
            world.clone(),
        );
        peer.with_context(|| format!("peers.{name}.url"))
    }

    /// A base that is elsewhere.
    pub fn base(&self, role: Role, config: &Config, world: &World) -> Result<Arc<dyn Base>> {
        Ok(Arc::new(RemoteBase::new(self.peer(role, config, world)?)))
    }

    /// Who verifies tokens here, where the issuer is elsewhere.
    pub async fn verifier(&self, config: &Config, world: &World) -> Result<Arc<Verifier>> {
        let issuer = self.issuer.clone().context("the issuer is in this process")?;
        Ok(Verifier::away(issuer, &config.issuer(), world.clone()).await?)
    }

    /// What this process answers to others.
    pub fn desks(&self, app: &App, config: &Config, world: &World) -> Result<Router> {
        let desk = |role: Role, askers| Desk::new(role.as_str(), self.me.clone(), askers, world.clone());
        let dossiers = config.peers.keys(Role::Dossier)?;
        let mut routes = Router::new();
        for (role, name, base) in app.bases() {
            routes = routes.merge(desk(role, dossiers.clone()).base(name, base));
        }
        if let Some(identity) = &app.identity {
            let all =
                Role::ALL.into_iter().map(|role| config.peers.keys(role)).collect::<Result<Vec<_>>>()?;
            routes = routes.merge(desk(Role::Identity, all.concat()).issuer(identity.shown()));
        }
        Ok(routes)
    }
}
