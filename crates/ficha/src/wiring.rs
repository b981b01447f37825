//! Everything of one process, put together.

use crate::{
    config::{Config, DossierRole},
    folder::Folder,
    stores,
};
use anyhow::{Context, Result, anyhow};
use axum::Router;
use ficha_contract::Base;
use ficha_debts::Debts;
use ficha_domain::World;
use ficha_dossier::Dossiers;
use ficha_events::{Events, Feed};
use ficha_evidence::{EvidenceService, Figures, Gate, SpoolSettings};
use ficha_http::{Metrics, Ready, Shell, document};
use ficha_identity::{Identity, IdentitySettings};
use ficha_people::{Keeping, People};
use ficha_score::{Scorecard, Scores};
use ficha_seal::Keyring;
use std::{path::Path, sync::Arc, time::Duration};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// The roles of one process.
pub struct App {
    pub debts: Debts,
    pub score: Scores,
    pub events: Arc<Events>,
    pub dossiers: Arc<Dossiers>,
    pub identity: Identity,
    pub evidence: Arc<EvidenceService>,
    pub shell: Shell,
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
        folder.check_whole(config)?;
        let keyring = folder.keys(config, world)?;
        let dir = &folder.path;
        // First, so that a server that is away or not migrated does not leave a folder with half of its files.
        stores::look(config, &keyring, world).await?;
        // Together: the disk makes each of them wait, and a first signing key takes as long as all the others.
        let (identity, (evidence, events), debts, score) = tokio::try_join!(
            open_identity(config, dir, &keyring, world),
            open_events(config, dir, &keyring, world),
            open_debts(config, dir, &keyring, world),
            open_score(config, dir, &keyring, world),
        )?;
        let bases: [Arc<dyn Base>; 3] = [Arc::new(debts.clone()), Arc::new(score.clone()), events.clone()];
        let DossierRole { keep_days, budget_ms, .. } = config.dossier;
        let settings = ficha_dossier::Settings { keep_days, budget_ms };
        let vault = keyring.vault("dossier");
        let store = stores::dossiers(config, dir, &vault).await?;
        let dossiers = Dossiers::over(store, bases, vault, world.clone(), settings)?;
        let shell = Shell::new(
            world.clone(),
            identity.verifier(),
            evidence.clone(),
            config.limits.clone(),
            metrics(&evidence),
        );
        Ok(Self { debts, score, events, dossiers, identity, evidence, shell, config: config.clone() })
    }

    /// The roles' routes.
    pub fn roles(&self) -> Vec<RoleRoutes> {
        let shell = |validation| self.shell.validating(validation);
        let config = &self.config;
        vec![
            role(
                "debts",
                ABOUT[0],
                ficha_debts::routes(self.debts.clone(), shell(config.debts.cpf_validation)),
            ),
            role(
                "score",
                ABOUT[1],
                ficha_score::routes(self.score.clone(), shell(config.score.cpf_validation)),
            ),
            role(
                "events",
                ABOUT[2],
                ficha_events::routes(self.events.clone(), shell(config.events.cpf_validation)),
            ),
            role(
                "dossier",
                ABOUT[3],
                ficha_dossier::routes(self.dossiers.clone(), shell(config.dossier.cpf_validation)),
            ),
            role("identity", ABOUT[4], self.identity.routes()),
        ]
    }

    /// The seed's routes that only a role's own listener can have, since those of debts and score are of one name.
    pub fn seed_roles(&self) -> Vec<RoleRoutes> {
        let shell = |validation| self.shell.validating(validation);
        let debts = shell(self.config.debts.cpf_validation);
        let score = shell(self.config.score.cpf_validation);
        vec![
            role("debts-seed", SEED_ABOUT[0], ficha_debts::seed_routes(self.debts.clone(), debts)),
            role("score-seed", SEED_ABOUT[1], ficha_score::seed_routes(self.score.clone(), score)),
        ]
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

    fn ready(&self) -> Ready {
        let evidence = self.evidence.clone();
        Arc::new(move || match evidence.figures().gate {
            Gate::Open => Ok(()),
            Gate::Full => Err("the spool is full: consultations cannot be recorded".to_owned()),
            Gate::Failed => Err("the spool cannot be written; see the log and restart".to_owned()),
        })
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

/// Base C, and the record of consultations, whose latest it shows.
async fn open_events(
    config: &Config,
    dir: &Path,
    keyring: &Keyring,
    world: &World,
) -> Result<(Arc<EvidenceService>, Arc<Events>)> {
    let request_max = Duration::from_secs(config.limits.request_s);
    let spool = SpoolSettings { max_bytes: config.spool.max_bytes, request_max };
    let store = stores::evidence(config, dir, &keyring.vault("evidence")).await?;
    let folder = dir.join("spool");
    let evidence = Arc::new(EvidenceService::over(store, &folder, keyring, world.clone(), spool).await?);
    let store = stores::movements(config, dir, keyring, world).await?;
    let events = Events::new(store, evidence.clone(), world.clone(), config.zone()?);
    Ok((evidence, Arc::new(events)))
}

/// Base A, also for the import, which works beside the server.
pub async fn open_debts(config: &Config, dir: &Path, keyring: &Keyring, world: &World) -> Result<Debts> {
    let vault = keyring.vault("debts");
    let store = stores::people(config, dir, "debts", &vault).await?;
    Ok(Debts::new(People::new(store, Keeping::Sealed(vault), world.clone())))
}

/// Base B, likewise.
pub async fn open_score(config: &Config, dir: &Path, keyring: &Keyring, world: &World) -> Result<Scores> {
    let vault = keyring.vault("score");
    let store = stores::people(config, dir, "score", &vault).await?;
    let people = People::new(store, Keeping::Clear(vault), world.clone());
    Ok(Scores::new(people, scorecard(config)?, world.clone()))
}

/// Base C as it is filled: who consulted whom is the server's.
pub async fn open_feed(config: &Config, dir: &Path, keyring: &Keyring, world: &World) -> Result<Feed> {
    Ok(Feed::new(stores::movements(config, dir, keyring, world).await?, world.clone()))
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

/// Figures of the record, for the operator: an answer that cannot be recorded does not leave.
fn metrics(evidence: &Arc<EvidenceService>) -> Metrics {
    let metrics = Metrics::default();
    let figure = |name, help, read: fn(Figures) -> u64| {
        let evidence = evidence.clone();
        metrics.gauge(name, help, move || i64::try_from(read(evidence.figures())).unwrap_or(i64::MAX));
    };
    figure("spool_backlog_records", "Consultations that wait to be moved to the store", |at| {
        at.backlog_records
    });
    figure("spool_backlog_bytes", "What they take of the spool's bound", |at| at.backlog_bytes);
    figure("spool_max_bytes", "The spool's bound; beyond it nothing is answered", |at| at.max_bytes);
    figure("spool_records", "Consultations recorded since the start", |at| at.records);
    figure("spool_syncs", "Syncs of the disk that recorded them", |at| at.syncs);
    figure("spool_moves_failed", "Attempts to move records to the store that failed", |at| at.moves_failed);
    figure("spool_alarms", "Records that somebody has to look at; see the log", |at| at.alarms);
    figure("spool_gate_open", "1 while answers may leave", |at| u64::from(at.gate == Gate::Open));
    metrics
}
