//! Everything of one process, put together.

use crate::{
    config::{Config, DossierRole},
    figures,
    folder::Folder,
    front::Front,
    peers::{self, Known},
    roles::Role,
    stores,
};
use anyhow::{Context, Result, anyhow, bail};
use async_trait::async_trait;
use axum::Router;
use ficha_contract::{
    Base, BaseName, Consultation, Evidence, LastConsultation, RecordRefused, StoreError, TokenVerifier,
};
use ficha_debts::Debts;
use ficha_domain::{Cpf, World};
use ficha_dossier::Dossiers;
use ficha_events::{Events, Feed};
use ficha_evidence::{EvidenceService, Gate, SpoolSettings};
use ficha_http::{Ready, Shell, document};
use ficha_identity::{Identity, IdentitySettings};
use ficha_people::{Keeping, People};
use ficha_score::{Scorecard, Scores};
use ficha_seal::Keyring;
use jiff::Timestamp;
use std::{path::Path, sync::Arc, time::Duration};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// The roles of one process.
pub struct App {
    pub debts: Option<Debts>,
    pub score: Option<Scores>,
    pub events: Option<Arc<Events>>,
    pub dossiers: Option<Arc<Dossiers>>,
    pub identity: Option<Identity>,
    /// None in a process of the issuer alone, which answers about nobody.
    pub evidence: Option<Arc<EvidenceService>>,
    /// What faces processes of the same installation, where there are any.
    pub peers: Option<Known>,
    pub shell: Shell,
    world: World,
    config: Config,
}

/// One role's routes with the document that they made.
pub struct RoleRoutes {
    pub name: &'static str,
    pub router: Router,
    pub document: OpenApi,
}

impl App {
    /// Opens every store below the folder. Whatever is wrong is said here, before anything is served.
    pub async fn open(config: &Config, folder: &Folder, world: &World) -> Result<Self> {
        peers::check(config)?;
        folder.check_whole(config)?;
        let keyring = folder.keys(config, world)?;
        let dir = &folder.path;
        // First, so that a server that is away or not migrated does not leave a folder with half of its files.
        stores::look(config, &keyring, world).await?;
        let peers = Known::open(config, folder, world).await?;
        let front = Front::open(config, &keyring, world).await?;
        let front = front.as_ref();
        let has = |role| config.roles.has(role);
        // Together: the disk makes each of them wait, and a first signing key takes as long as all the others.
        let (identity, (evidence, events), debts, score) = tokio::try_join!(
            when(has(Role::Identity), open_identity(config, dir, &keyring, world)),
            open_recorded(config, dir, &keyring, world, front),
            when(has(Role::Debts), open_debts(config, dir, &keyring, world)),
            when(has(Role::Score), open_score(config, dir, &keyring, world, front)),
        )?;
        let verifier: Arc<dyn TokenVerifier> = match (&identity, &peers) {
            (Some(identity), _) => identity.verifier(),
            (None, Some(peers)) => peers.verifier(config, world).await?,
            (None, None) => bail!("nobody verifies tokens here"),
        };
        let recorder: Arc<dyn Evidence> = match &evidence {
            Some(evidence) => evidence.clone(),
            None => Arc::new(Unrecorded),
        };
        let issuer = peers.as_ref().and_then(|peers| peers.issuer.as_ref());
        let index = events.as_ref().and_then(|events| events.index());
        let metrics = figures::of(evidence.as_ref(), issuer, index, world);
        if let Some(front) = front {
            front.tell(&metrics);
        }
        let shell = Shell::new(world.clone(), verifier, recorder, config.limits.clone(), metrics);
        let (world, config) = (world.clone(), config.clone());
        let mut app =
            Self { debts, score, events, dossiers: None, identity, evidence, peers, shell, world, config };
        if app.config.roles.has(Role::Dossier) {
            app.dossiers = Some(app.open_dossiers(dir, &keyring).await?);
        }
        Ok(app)
    }

    /// Dossiers of the bases that are here, and of those that are elsewhere.
    async fn open_dossiers(&self, dir: &Path, keyring: &Keyring) -> Result<Arc<Dossiers>> {
        let (config, world) = (&self.config, &self.world);
        let here = self.bases();
        let base = |role| {
            let found = here.iter().find(|(here, ..)| *here == role).map(|(.., base)| base.clone());
            match (found, &self.peers) {
                (Some(base), _) => Ok(base),
                (None, Some(peers)) => peers.base(role, config, world),
                (None, None) => bail!("{} is nowhere", role.as_str()),
            }
        };
        let bases = [base(Role::Debts)?, base(Role::Score)?, base(Role::Events)?];
        let DossierRole { keep_days, budget_ms, .. } = config.dossier;
        let settings = ficha_dossier::Settings { keep_days, budget_ms };
        let vault = keyring.vault("dossier");
        let store = stores::dossiers(config, dir, &vault).await?;
        Ok(Dossiers::over(store, bases, vault, world.clone(), settings)?)
    }

    /// The bases that are here.
    pub fn bases(&self) -> Vec<(Role, BaseName, Arc<dyn Base>)> {
        let debts = self.debts.clone().map(|base| Arc::new(base) as Arc<dyn Base>);
        let score = self.score.clone().map(|base| Arc::new(base) as Arc<dyn Base>);
        let events = self.events.clone().map(|base| base as Arc<dyn Base>);
        let all = [
            (Role::Debts, BaseName::Debts, debts),
            (Role::Score, BaseName::Score, score),
            (Role::Events, BaseName::Events, events),
        ];
        all.into_iter().filter_map(|(role, name, base)| Some((role, name, base?))).collect()
    }

    /// Moves what waits to the store of consultations, and stops.
    pub async fn close(&self) -> Result<()> {
        match &self.evidence {
            Some(evidence) => Ok(evidence.close().await?),
            None => Ok(()),
        }
    }

    /// The roles' routes.
    pub fn roles(&self) -> Vec<RoleRoutes> {
        let shell = |validation| self.shell.validating(validation);
        let config = &self.config;
        let debts = self.debts.clone().map(|base| {
            role("debts", ABOUT[0], ficha_debts::routes(base, shell(config.debts.cpf_validation)))
        });
        let score = self.score.clone().map(|base| {
            role("score", ABOUT[1], ficha_score::routes(base, shell(config.score.cpf_validation)))
        });
        let events = self.events.clone().map(|base| {
            role("events", ABOUT[2], ficha_events::routes(base, shell(config.events.cpf_validation)))
        });
        let dossier = self.dossiers.clone().map(|dossiers| {
            role("dossier", ABOUT[3], ficha_dossier::routes(dossiers, shell(config.dossier.cpf_validation)))
        });
        let identity = self.identity.as_ref().map(|identity| role("identity", ABOUT[4], identity.routes()));
        [debts, score, events, dossier, identity].into_iter().flatten().collect()
    }

    /// The seed's routes that only a role's own listener can have, since those of debts and score are of one name.
    pub fn seed_roles(&self) -> Vec<RoleRoutes> {
        let shell = |validation| self.shell.validating(validation);
        let config = &self.config;
        let debts = self.debts.clone().map(|base| {
            let routes = ficha_debts::seed_routes(base, shell(config.debts.cpf_validation));
            role("debts-seed", SEED_ABOUT[0], routes)
        });
        let score = self.score.clone().map(|base| {
            let routes = ficha_score::seed_routes(base, shell(config.score.cpf_validation));
            role("score-seed", SEED_ABOUT[1], routes)
        });
        debts.into_iter().chain(score).collect()
    }

    /// Every document: the roles', and those of the seed's routes.
    pub fn documents(&self) -> Vec<(&'static str, OpenApi)> {
        let all = self.roles().into_iter().chain(self.seed_roles());
        all.map(|role| (role.name, role.document)).collect()
    }

    /// The common origin: all roles, the documentation, and the shell around them.
    pub fn common(&self) -> Router {
        let all = self.roles().into_iter().fold(Router::new(), |all, role| all.merge(role.router));
        ficha_http::wrap(all.merge(ficha_http::docs(self.documents())), &self.shell, self.ready())
    }

    /// A role's own listener: its routes, the seed's of that role, and the issuer's.
    pub fn single(&self, name: &str) -> Router {
        let seed = format!("{name}-seed");
        let wanted = |role: &RoleRoutes| [name, &seed, "identity"].contains(&role.name);
        let all = self.roles().into_iter().chain(self.seed_roles());
        let routes = all.filter(wanted).fold(Router::new(), |all, role| all.merge(role.router));
        ficha_http::wrap(routes, &self.shell, self.ready())
    }

    /// What other processes ask of this one; nothing where there are none.
    pub fn desks(&self) -> Result<Option<Router>> {
        let Some(peers) = &self.peers else { return Ok(None) };
        let desks = peers.desks(self, &self.config, &self.world)?;
        Ok(Some(ficha_http::wrap(desks, &self.shell, self.ready())))
    }

    fn ready(&self) -> Ready {
        let evidence = self.evidence.clone();
        let issuer = self.peers.as_ref().and_then(|peers| peers.issuer.clone());
        Arc::new(move || {
            match evidence.as_ref().map(|evidence| evidence.figures().gate) {
                None | Some(Gate::Open) => {}
                Some(Gate::Full) => {
                    return Err("the spool is full: consultations cannot be recorded".to_owned());
                }
                Some(Gate::Failed) => {
                    return Err("the spool cannot be written; see the log and restart".to_owned());
                }
            }
            match &issuer {
                None => Ok(String::new()),
                Some(issuer) if !issuer.is_known() => Err("the issuer has not told its keys yet".to_owned()),
                Some(issuer) => Ok(match issuer.age() {
                    Some(age) => format!("the issuer answered {} s ago", age.as_secs()),
                    None => {
                        "the issuer has not answered since the start; what it told before holds".to_owned()
                    }
                }),
            }
        })
    }
}

/// Opens what is wanted.
async fn when<T>(wanted: bool, open: impl Future<Output = Result<T>>) -> Result<Option<T>> {
    if wanted { open.await.map(Some) } else { Ok(None) }
}

/// In the place of the record, where there is nobody to answer about.
struct Unrecorded;

#[async_trait]
impl Evidence for Unrecorded {
    async fn record(&self, _: Vec<Consultation>) -> Result<(), RecordRefused> {
        Err(RecordRefused::Failed)
    }

    async fn last(&self, _: Cpf) -> Result<Option<LastConsultation>, StoreError> {
        Err(StoreError::new("nothing is recorded in this process"))
    }

    async fn of_person(&self, _: Cpf, _: usize) -> Result<Vec<Consultation>, StoreError> {
        Err(StoreError::new("nothing is recorded in this process"))
    }

    fn complete_until(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

const ABOUT: [&str; 5] = [
    "Base A: what a person owes. Sealed at rest.",
    "Base B: what a person owns and earns, and the score computed from it.",
    "Base C: what happened lately: last consultation, movements, last card purchase.",
    "The dossier of a CPF, composed from the three bases inside one budget.",
    "The issuer of access tokens (OAuth 2.0).",
];

const SEED_ABOUT: [&str; 2] = [
    "Base A as the seed's clients know it. Only on the role's own listener (`debts.listen`).",
    "Base B as the seed's clients know it. Only on the role's own listener (`score.listen`).",
];

fn role(name: &'static str, about: &str, routes: OpenApiRouter) -> RoleRoutes {
    let (router, api) = routes.split_for_parts();
    RoleRoutes { name, router, document: document(api, name, about) }
}

/// The record of consultations, and base C, which shows the latest.
async fn open_recorded(
    config: &Config,
    dir: &Path,
    keyring: &Keyring,
    world: &World,
    front: Option<&Front>,
) -> Result<(Option<Arc<EvidenceService>>, Option<Arc<Events>>)> {
    let Some(evidence) = when(config.roles.records(), open_evidence(config, dir, keyring, world)).await?
    else {
        return Ok((None, None));
    };
    let movements = stores::movements(config, dir, keyring, world, front);
    let movements = when(config.roles.has(Role::Events), movements).await?;
    let zone = config.zone()?;
    let events = movements.map(|(store, index)| {
        Arc::new(Events::new(store, evidence.clone(), world.clone(), zone).with_index(index))
    });
    if events.is_some() && config.sees_only_itself() {
        tracing::warn!("evidence.url is not set: base C shows the consultations of this process only");
    }
    Ok((Some(evidence), events))
}

/// The record of consultations.
pub async fn open_evidence(
    config: &Config,
    dir: &Path,
    keyring: &Keyring,
    world: &World,
) -> Result<Arc<EvidenceService>> {
    let request_max = Duration::from_secs(config.limits.request_s);
    let alone = config.roles.is_all();
    let spool = SpoolSettings { max_bytes: config.spool.max_bytes, request_max, alone };
    let store = stores::evidence(config, dir, &keyring.vault("evidence")).await?;
    let folder = dir.join("spool");
    Ok(Arc::new(EvidenceService::over(store, &folder, keyring, world.clone(), spool).await?))
}

/// Base A, also for the import, which works beside the server.
pub async fn open_debts(config: &Config, dir: &Path, keyring: &Keyring, world: &World) -> Result<Debts> {
    let vault = keyring.vault("debts");
    let store = stores::people(config, dir, "debts", &vault).await?;
    Ok(Debts::new(People::new(store, Keeping::Sealed(vault), world.clone())))
}

/// Base B, likewise.
pub async fn open_score(
    config: &Config,
    dir: &Path,
    keyring: &Keyring,
    world: &World,
    front: Option<&Front>,
) -> Result<Scores> {
    let vault = keyring.vault("score");
    let store = stores::score(config, dir, &vault, front).await?;
    let people = People::new(store, Keeping::Clear(vault), world.clone());
    Ok(Scores::new(people, scorecard(config)?, world.clone()))
}

/// Base C as it is filled: who consulted whom is the server's.
pub async fn open_feed(
    config: &Config,
    dir: &Path,
    keyring: &Keyring,
    world: &World,
    front: Option<&Front>,
) -> Result<Feed> {
    Ok(Feed::new(stores::movements(config, dir, keyring, world, front).await?.0, world.clone()))
}

/// The issuer, also for commands that work beside the server.
pub async fn open_identity(
    config: &Config,
    dir: &Path,
    keyring: &Keyring,
    world: &World,
) -> Result<Identity> {
    let algorithm = config.identity.algorithm.parse();
    let settings = IdentitySettings {
        token_life_s: config.identity.token_life_s,
        key_lead_s: config.identity.key_lead_s,
        algorithm: algorithm.map_err(|()| anyhow!("identity.algorithm takes EdDSA, ES256 or RS256"))?,
        ..IdentitySettings::new(config.issuer())
    };
    let vault = keyring.vault("identity");
    let store = stores::identity(config, dir, &vault).await?;
    Ok(Identity::over(store, vault, world.clone(), settings).await?)
}

fn scorecard(config: &Config) -> Result<Scorecard> {
    let file = Some(Path::new(&config.score.scorecard)).filter(|file| !file.as_os_str().is_empty());
    Scorecard::open(file).context("score.scorecard cannot be used")
}
