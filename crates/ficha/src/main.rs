//! **ficha**: the dossier of a CPF, from one binary.
//!
//! `cli` says what can be typed, `commands` does it, `wiring` puts the rooms together, `stores` chooses their
//! engines, `config` reads the settings, `folder` keeps everything in one place.
//!
//! # To add a command
//! A variant in `cli::Command`, a module in `commands`, an arm in [`run`]. Machine output goes to stdout, people's to
//! stderr; exit codes are 0 done, 1 failed, 2 wrong usage.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod cli;
mod commands;
mod config;
mod engine;
mod figures;
mod folder;
mod front;
mod load;
mod local;
mod peers;
mod progress;
mod roles;
mod search;
mod stores;
mod tls;
mod wiring;
mod world;

use anyhow::{Context, Result};
use clap::Parser;
use cli::{Cli, Command, Key, Search, Spool};
use commands::{client, demo, doctor, dossier, generate, import, index, openapi, ready, serve, spool};
use config::Config;
use std::{process::ExitCode, time::Duration};
use tokio::time::timeout;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// So long whoever asks about our health waits for an answer.
const HEALTH_WITHIN: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ficha: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> Result<bool> {
    let mut config = Config::load(cli.config.as_deref())?;
    if let Some(dir) = cli.dir {
        config.dir = dir;
    }
    if let Some(roles) = cli.roles {
        config.roles = roles;
    }
    let filter =
        EnvFilter::try_new(&config.log).context("`log` takes a filter such as info or ficha=debug")?;
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    // A worker keeps its read snapshot between requests, and lets go of it when it goes to sleep.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_start(ficha_sqlite::keep_snapshots_on_this_thread)
        .on_thread_park(ficha_sqlite::release_snapshots)
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(async { tokio::spawn(run(cli.command, config)).await.context("the command panicked")? })
}

async fn run(command: Command, config: Config) -> Result<bool> {
    let world = world::system();
    match command {
        Command::Demo(args) => demo::run(&args, config, &world).await?,
        Command::Serve => serve::run(config, &world).await?,
        Command::Generate(args) => generate::run(&args, &world)?,
        Command::Import(args) => import::run(&args, &config, &world).await?,
        Command::Dossier(args) => return dossier::run(&args, &config, &world).await,
        Command::Client(command) => client::run(&command, &config, &world).await?,
        Command::PeerKey => println!("{}", peers::key(&folder::Folder::open(&config.dir)?)?.public()),
        Command::Key(Key::Rotate) => client::rotate(&config, &world).await?,
        Command::Key(Key::New { file }) => client::new_root_key(&file, &world)?,
        Command::Search(Search::Rebuild) => index::rebuild(&config, &world).await?,
        Command::Migrate => migrate(&config, &world).await?,
        Command::Spool(Spool::Ship { folder }) => spool::ship(folder, &config, &world).await?,
        Command::Doctor => return doctor::run(&config, &world).await,
        Command::Openapi { out } => openapi::run(&out, config, &world).await?,
        Command::Healthcheck => {
            let folder = folder::Folder::existing(&config.dir)?;
            drop(
                timeout(HEALTH_WITHIN, ready(&config, &folder))
                    .await
                    .context("the server says nothing")??,
            );
        }
    }
    Ok(true)
}

/// Shared stores are brought up to this version here and nowhere else; opening a file does it.
async fn migrate(config: &Config, world: &ficha_domain::World) -> Result<()> {
    stores::migrate(config).await?;
    if config.shared().next().is_some() && !config.dir.is_dir() {
        return Ok(());
    }
    let folder = folder::Folder::existing(&config.dir)?;
    let _lock = folder.lock()?.ok_or_else(|| folder::taken(&folder))?;
    wiring::App::open(config, &folder, world).await?.close().await
}
