//! `ficha openapi`: the documents that are committed in `openapi/`.

use crate::{config::Config, folder::Folder, wiring::App};
use anyhow::{Context, Result};
use ficha_domain::World;
use std::{fs, path::Path};

/// Writes one document a role, and one for the seed's routes of a role that has some, as the routes make them. They are
/// made on an empty folder of their own.
pub async fn run(out: &Path, mut config: Config, world: &World) -> Result<()> {
    let scratch = std::env::temp_dir().join(format!("ficha-openapi-{}", world.new_id()));
    config = config.in_files();
    config.dir = scratch.clone();
    let written = write(out, &config, world).await;
    fs::remove_dir_all(&scratch).context("the temporary folder cannot be removed")?;
    written
}

async fn write(out: &Path, config: &Config, world: &World) -> Result<()> {
    let folder = Folder::open(&config.dir)?;
    let app = App::open(config, &folder, world).await?;
    fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
    for (name, document) in app.documents() {
        let path = out.join(format!("{name}.json"));
        let json = document.to_pretty_json()?;
        fs::write(&path, format!("{json}\n"))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    app.close().await
}
