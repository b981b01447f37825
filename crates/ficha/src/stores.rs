//! Each store on the engine that its URL names: the only place that chooses one.

use crate::{config::Config, engine::Engine, front::Front};
use anyhow::{Context, Error, Result, anyhow};
use ficha_domain::World;
use ficha_dossier::{DossierStore, PostgresDossiers, SqliteDossiers};
use ficha_events::{CachedMovements, Index, MongoMovements, MovementStore, SqliteMovements};
use ficha_evidence::{ConsultationStore, PostgresStore, SqliteStore};
use ficha_identity::{IdentityStore, PostgresIdentity, SqliteIdentity};
use ficha_people::{CachedPeople, MongoPeople, PeopleStore, PostgresPeople, SqlitePeople};
use ficha_seal::{Keyring, Vault};
use std::{path::Path, sync::Arc};

/// The documents of base A or B.
pub async fn people(config: &Config, dir: &Path, name: &str, vault: &Vault) -> Result<Arc<dyn PeopleStore>> {
    let engine = config.engine(name)?;
    Ok(match &engine {
        Engine::Sqlite => Arc::new(SqlitePeople::open(&file(dir, name), vault).await?),
        Engine::Postgres(at) => Arc::new(told(name, &engine, PostgresPeople::open(at, name, vault).await)?),
        Engine::Mongo(at) => Arc::new(told(name, &engine, MongoPeople::open(at, name, vault).await)?),
    })
}

/// The documents of base B: read often, so behind the cache where others share them.
pub async fn score(
    config: &Config,
    dir: &Path,
    vault: &Vault,
    front: Option<&Front>,
) -> Result<Arc<dyn PeopleStore>> {
    let store = people(config, dir, "score", vault).await?;
    Ok(match front.filter(|_| config.is_shared("score")) {
        Some(front) => Arc::new(CachedPeople::new(store, front.score.clone())),
        None => store,
    })
}

/// The movements of base C, likewise, and their index where there is one.
pub async fn movements(
    config: &Config,
    dir: &Path,
    keyring: &Keyring,
    world: &World,
    front: Option<&Front>,
) -> Result<(Arc<dyn MovementStore>, Option<Arc<Index>>)> {
    let (zone, blinding, engine) = (config.zone()?, keyring.secret("events"), config.engine("events")?);
    Ok(match &engine {
        Engine::Sqlite => {
            (Arc::new(SqliteMovements::open(&file(dir, "events"), zone, blinding).await?), None)
        }
        Engine::Mongo(at) => {
            let store = MongoMovements::open(at, zone, blinding, world.clone()).await;
            let store = Arc::new(told("events", &engine, store)?);
            let index = config.search.index(store.clone(), keyring, world)?;
            match front {
                Some(front) => (Arc::new(CachedMovements::new(store, front.events.clone())), index),
                None => (store, index),
            }
        }
        Engine::Postgres(_) => return Err(not_there("events")),
    })
}

/// The dossiers that are kept.
pub async fn dossiers(config: &Config, dir: &Path, vault: &Vault) -> Result<Arc<dyn DossierStore>> {
    let engine = config.engine("dossier")?;
    Ok(match &engine {
        Engine::Sqlite => Arc::new(SqliteDossiers::open(&file(dir, "dossier"), vault).await?),
        Engine::Postgres(at) => Arc::new(told("dossier", &engine, PostgresDossiers::open(at, vault).await)?),
        Engine::Mongo(_) => return Err(not_there("dossier")),
    })
}

/// Clients, keys and revocations.
pub async fn identity(config: &Config, dir: &Path, vault: &Vault) -> Result<Arc<dyn IdentityStore>> {
    let engine = config.engine("identity")?;
    Ok(match &engine {
        Engine::Sqlite => Arc::new(SqliteIdentity::open(dir, vault).await?),
        Engine::Postgres(at) => Arc::new(told("identity", &engine, PostgresIdentity::open(at, vault).await)?),
        Engine::Mongo(_) => return Err(not_there("identity")),
    })
}

/// Consultations, behind the spool.
pub async fn evidence(config: &Config, dir: &Path, vault: &Vault) -> Result<Arc<dyn ConsultationStore>> {
    let engine = config.engine("evidence")?;
    Ok(match &engine {
        Engine::Sqlite => Arc::new(SqliteStore::open(&file(dir, "evidence"), vault).await?),
        Engine::Postgres(at) => {
            Arc::new(told("evidence", &engine, PostgresStore::open(at, "evidence", vault).await)?)
        }
        Engine::Mongo(_) => return Err(not_there("evidence")),
    })
}

/// Looks into every shared store: it is there, of this version, and written with these keys.
pub async fn look(config: &Config, keyring: &Keyring, world: &World) -> Result<()> {
    for name in config.shared() {
        told(name, &config.engine(name)?, look_into(config, name, keyring, world).await)?;
    }
    Ok(())
}

/// Looks into one of them.
pub async fn look_into(config: &Config, name: &'static str, keyring: &Keyring, world: &World) -> Result<()> {
    let at = config.engine(name)?;
    open(config, name, &at, keyring, world).await.map_err(|closed| closed.error)
}

/// Makes the stores that are shared, or brings them up to this version. Twice, and by several at once, is safe.
pub async fn migrate(config: &Config) -> Result<()> {
    for (name, at) in shared(config)? {
        let migrated = match (name, &at) {
            ("dossier", Engine::Postgres(at)) => PostgresDossiers::migrate(at).await.map_err(Error::from),
            ("identity", Engine::Postgres(at)) => PostgresIdentity::migrate(at).await.map_err(Error::from),
            ("evidence", Engine::Postgres(at)) => PostgresStore::migrate(at, name).await.map_err(Error::from),
            ("events", Engine::Mongo(at)) => {
                MongoMovements::migrate(at, config.zone()?).await.map_err(Error::from)
            }
            (_, Engine::Postgres(at)) => PostgresPeople::migrate(at, name).await.map_err(Error::from),
            ("score", Engine::Mongo(at)) => MongoPeople::migrate(at, name).await.map_err(Error::from),
            _ => Err(not_there(name)),
        };
        told(name, &at, migrated)?;
    }
    Ok(())
}

/// The first of the stores that are shared which somebody has made already.
pub async fn first_made(config: &Config, keyring: &Keyring, world: &World) -> Result<Option<&'static str>> {
    for (name, at) in shared(config)? {
        match open(config, name, &at, keyring, world).await {
            Err(Closed { why: Why::NotMade, .. }) => {}
            Ok(()) | Err(Closed { why: Why::OtherKeys, .. }) => return Ok(Some(name)),
            Err(Closed { why: Why::Other, error }) => told(name, &at, Err(error))?,
        }
    }
    Ok(None)
}

/// A shared store that does not open.
struct Closed {
    why: Why,
    error: Error,
}

enum Why {
    NotMade,
    OtherKeys,
    Other,
}

impl From<ficha_postgres::Error> for Closed {
    fn from(error: ficha_postgres::Error) -> Self {
        let why = match error {
            ficha_postgres::Error::NotMigrated(_) => Why::NotMade,
            ficha_postgres::Error::WrongKey { .. } => Why::OtherKeys,
            _ => Why::Other,
        };
        Self { why, error: error.into() }
    }
}

impl From<ficha_mongo::Error> for Closed {
    fn from(error: ficha_mongo::Error) -> Self {
        let why = match error {
            ficha_mongo::Error::NotMigrated(_) => Why::NotMade,
            ficha_mongo::Error::WrongKey { .. } => Why::OtherKeys,
            _ => Why::Other,
        };
        Self { why, error: error.into() }
    }
}

async fn open(
    config: &Config,
    name: &'static str,
    at: &Engine,
    keyring: &Keyring,
    world: &World,
) -> Result<(), Closed> {
    let vault = keyring.vault(name);
    match (name, at) {
        ("dossier", Engine::Postgres(at)) => drop(PostgresDossiers::open(at, &vault).await?),
        ("identity", Engine::Postgres(at)) => drop(PostgresIdentity::open(at, &vault).await?),
        ("evidence", Engine::Postgres(at)) => drop(PostgresStore::open(at, name, &vault).await?),
        (_, Engine::Postgres(at)) => drop(PostgresPeople::open(at, name, &vault).await?),
        ("score", Engine::Mongo(at)) => drop(MongoPeople::open(at, name, &vault).await?),
        ("events", Engine::Mongo(at)) => {
            let zone = config.zone().map_err(|error| Closed { why: Why::Other, error })?;
            drop(MongoMovements::open(at, zone, keyring.secret(name), world.clone()).await?);
        }
        _ => return Err(Closed { why: Why::Other, error: not_there(name) }),
    }
    Ok(())
}

fn shared(config: &Config) -> Result<Vec<(&'static str, Engine)>> {
    config.shared().map(|name| Ok((name, config.engine(name)?))).collect()
}

fn file(dir: &Path, name: &str) -> std::path::PathBuf {
    dir.join(format!("{name}.sqlite"))
}

/// The settings were checked against it.
fn not_there(name: &str) -> Error {
    anyhow!("{name} cannot be kept there")
}

fn told<T, E: Into<Error>>(name: &str, at: &Engine, done: Result<T, E>) -> Result<T> {
    done.map_err(Into::into).with_context(|| format!("{name} at {at:?}"))
}
