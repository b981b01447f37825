//! `ficha spool ship`: what a process recorded that will not start again.

use crate::{
    config::Config,
    folder::{Folder, taken},
    roles::Roles,
    wiring,
};
use anyhow::{Context, Result, bail};
use ficha_domain::World;
use std::path::PathBuf;

/// Moves the consultations that wait in this data folder to the store that all processes share, and takes its line away,
/// which held the others back. Twice is fine.
pub async fn ship(dir: PathBuf, config: &Config, world: &World) -> Result<()> {
    let config = Config { dir, roles: Roles::ALL, ..config.clone() };
    if config.shared().all(|store| store != "evidence") {
        bail!(
            "evidence.url is not set: a spool in front of a file is moved when its own folder is served again"
        );
    }
    let folder = Folder::existing(&config.dir)?;
    let _lock = folder.lock()?.ok_or_else(|| taken(&folder))?;
    if !folder.path.join("spool").is_dir() {
        bail!("there is no spool in {}", folder.path.display());
    }
    let keyring = folder.keys(&config, world)?;
    let evidence = wiring::open_evidence(&config, &folder.path, &keyring, world).await?;
    let waiting = evidence.figures().backlog_records;
    let moved = evidence.close().await;
    moved.context("the store does not take them; they stay where they are, run this again")?;
    let alarms = evidence.figures().alarms;
    if alarms > 0 {
        bail!(
            "{alarms} records or segments need a person's eyes: see above; they stay, and hold the lists back"
        );
    }
    eprintln!("{waiting} consultations were moved; the spool in {} is done", folder.path.display());
    Ok(())
}
