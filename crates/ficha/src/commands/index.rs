//! `ficha search`: the index of base C's movements.

use crate::{config::Config, folder::Folder, progress, roles::Role, stores};
use anyhow::{Context, Result};
use ficha_domain::World;

/// Makes the index anew, while it is asked and fed.
pub async fn rebuild(config: &Config, world: &World) -> Result<()> {
    config.demand(Role::Events)?;
    let folder = Folder::existing(&config.dir)?;
    let keyring = folder.keys(config, world)?;
    let (_, index) = stores::movements(config, &folder.path, &keyring, world, None).await?;
    let index = index.context("there is no index to make: search.url is not set")?;
    let bar = progress::bar(0, "movements");
    let made = index.rebuild(|done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    let count = made.await.context("the index was not made; the one before stays")?;
    bar.finish_and_clear();
    println!("The index was made anew: {count} movements.");
    Ok(())
}
