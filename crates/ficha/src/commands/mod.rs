//! What each command does.

pub mod client;
pub mod demo;
pub mod doctor;
pub mod dossier;
pub mod generate;
pub mod import;
pub mod openapi;
pub mod serve;
mod view;

use crate::folder::Folder;
use anyhow::{Context, Result, bail};

/// Asks the server of this folder whether it is ready; its origin.
pub async fn ready(folder: &Folder) -> Result<String> {
    if folder.lock()?.is_some() {
        bail!("nobody serves {}", folder.path.display());
    }
    let serving = folder.serving()?;
    let answer = reqwest::Client::new()
        .get(format!("{}/readyz", serving.url))
        .timeout(std::time::Duration::from_secs(3))
        .send()
        .await
        .with_context(|| format!("the server at {} does not answer", serving.url))?;
    if !answer.status().is_success() {
        bail!(
            "the server at {} is not ready: {}",
            serving.url,
            answer.text().await.unwrap_or_default().trim()
        );
    }
    Ok(serving.url)
}
