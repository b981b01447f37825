//! Each store on the engine that its URL names: the only place that chooses one.

use crate::{config::Config, engine::Engine};
use anyhow::{Context, Result};
use ficha_dossier::{DossierStore, PostgresDossiers, SqliteDossiers};
use ficha_evidence::{ConsultationStore, PostgresStore, SqliteStore};
use ficha_identity::{IdentityStore, PostgresIdentity, SqliteIdentity};
use ficha_people::{PeopleStore, PostgresPeople, SqlitePeople};
use ficha_postgres::{Error, Settings};
use ficha_seal::{Keyring, Vault};
use std::{path::Path, sync::Arc};

/// The documents of base A or B.
pub async fn people(config: &Config, dir: &Path, name: &str, vault: &Vault) -> Result<Arc<dyn PeopleStore>> {
    Ok(match config.engine(name)? {
        Engine::Sqlite => Arc::new(SqlitePeople::open(&file(dir, name), vault).await?),
        Engine::Postgres(at) => Arc::new(told(name, &at, PostgresPeople::open(&at, name, vault).await)?),
    })
}

/// The dossiers that are kept.
pub async fn dossiers(config: &Config, dir: &Path, vault: &Vault) -> Result<Arc<dyn DossierStore>> {
    Ok(match config.engine("dossier")? {
        Engine::Sqlite => Arc::new(SqliteDossiers::open(&file(dir, "dossier"), vault).await?),
        Engine::Postgres(at) => Arc::new(told("dossier", &at, PostgresDossiers::open(&at, vault).await)?),
    })
}

/// Clients, keys and revocations.
pub async fn identity(config: &Config, dir: &Path, vault: &Vault) -> Result<Arc<dyn IdentityStore>> {
    Ok(match config.engine("identity")? {
        Engine::Sqlite => Arc::new(SqliteIdentity::open(dir, vault).await?),
        Engine::Postgres(at) => Arc::new(told("identity", &at, PostgresIdentity::open(&at, vault).await)?),
    })
}

/// Consultations, behind the spool.
pub async fn evidence(config: &Config, dir: &Path, vault: &Vault) -> Result<Arc<dyn ConsultationStore>> {
    Ok(match config.engine("evidence")? {
        Engine::Sqlite => Arc::new(SqliteStore::open(&file(dir, "evidence"), vault).await?),
        Engine::Postgres(at) => {
            Arc::new(told("evidence", &at, PostgresStore::open(&at, "evidence", vault).await)?)
        }
    })
}

/// Looks into every shared store: it is there, of this version, and written with these keys.
pub async fn look(config: &Config, keyring: &Keyring) -> Result<()> {
    for (name, at) in shared(config)? {
        told(name, &at, open(name, &at, keyring).await)?;
    }
    Ok(())
}

/// Makes the stores that are shared, or brings them up to this version. Twice, and by several at once, is safe.
pub async fn migrate(config: &Config) -> Result<()> {
    for (name, at) in shared(config)? {
        let migrated = match name {
            "dossier" => PostgresDossiers::migrate(&at).await,
            "identity" => PostgresIdentity::migrate(&at).await,
            "evidence" => PostgresStore::migrate(&at, name).await,
            _ => PostgresPeople::migrate(&at, name).await,
        };
        told(name, &at, migrated)?;
    }
    Ok(())
}

/// The first of the stores that are shared which somebody has made already.
pub async fn first_made(config: &Config, keyring: &Keyring) -> Result<Option<&'static str>> {
    for (name, at) in shared(config)? {
        match open(name, &at, keyring).await {
            Err(Error::NotMigrated(_)) => {}
            Ok(()) | Err(Error::WrongKey { .. }) => return Ok(Some(name)),
            other => told(name, &at, other)?,
        }
    }
    Ok(None)
}

async fn open(name: &'static str, at: &Settings, keyring: &Keyring) -> Result<(), Error> {
    let vault = keyring.vault(name);
    match name {
        "dossier" => PostgresDossiers::open(at, &vault).await.map(drop),
        "identity" => PostgresIdentity::open(at, &vault).await.map(drop),
        "evidence" => PostgresStore::open(at, name, &vault).await.map(drop),
        _ => PostgresPeople::open(at, name, &vault).await.map(drop),
    }
}

fn shared(config: &Config) -> Result<Vec<(&'static str, Settings)>> {
    let mut shared = Vec::new();
    for name in config.shared() {
        if let Engine::Postgres(at) = config.engine(name)? {
            shared.push((name, *at));
        }
    }
    Ok(shared)
}

fn file(dir: &Path, name: &str) -> std::path::PathBuf {
    dir.join(format!("{name}.sqlite"))
}

fn told<T>(name: &str, at: &Settings, done: Result<T, Error>) -> Result<T> {
    done.with_context(|| format!("{name} at {at:?}"))
}
