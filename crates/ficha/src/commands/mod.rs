//! What each command does.

pub mod client;
pub mod demo;
pub mod doctor;
pub mod dossier;
pub mod generate;
pub mod import;
pub mod index;
pub mod openapi;
pub mod serve;
pub mod spool;
mod view;

use crate::{config::Config, folder::Folder, local};
use anyhow::{Context, Result, bail};

/// A server that is ready.
pub struct Ready {
    /// Its origin.
    pub url: String,
    /// What else it says of itself.
    pub said: String,
}

/// Asks the server of this folder whether it is ready. The lock is left alone: who tries it while a server starts takes
/// it away from that one.
pub async fn ready(config: &Config, folder: &Folder) -> Result<Ready> {
    let serving = folder.serving().with_context(|| format!("nobody serves {}", folder.path.display()))?;
    let answer = local::get(config, &format!("{}/readyz", serving.url), &[]).await;
    let (status, body) = answer.with_context(|| format!("the server at {} does not answer", serving.url))?;
    let text = String::from_utf8_lossy(&body);
    if !status.is_success() {
        bail!("the server at {} is not ready: {}", serving.url, text.trim());
    }
    let said = text.lines().skip(1).collect::<Vec<_>>().join("; ");
    Ok(Ready { url: serving.url, said })
}
