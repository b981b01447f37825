//! `ficha import`: files into a base.

use crate::{
    cli::{self, Base},
    config::Config,
    folder::{Folder, taken},
    front::Front,
    progress,
    wiring::{self, App},
};
use anyhow::{Context, Result, bail};
use clap::CommandFactory;
use ficha_contract::Ingest;
use ficha_domain::{CpfValidation, World};
use ficha_intake::{Batches, Encoding, Plan, Quarantine, Row, Rules, Source, Summary, Watch};
use indicatif::ProgressBar;
use jiff::tz::TimeZone;
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

/// Imports the files one after the other: equal rows of one file are several things, of two files the same thing told
/// twice.
pub async fn run(args: &cli::Import, config: &Config, world: &World) -> Result<()> {
    if args.quarantine.is_some() && args.files.len() > 1 {
        let what = "--quarantine takes the rows of one file; import the files one by one";
        cli::Cli::command().error(clap::error::ErrorKind::ArgumentConflict, what).exit();
    }
    if let Some(taken) = args.quarantine.as_deref().filter(|path| path.symlink_metadata().is_ok()) {
        bail!("--quarantine takes the name of a new file; {} is there already", taken.display());
    }
    config.demand(args.base.role())?;
    let folder = Arc::new(Folder::open(&config.dir)?);
    make_whole(config, &folder, world).await?;
    let keyring = folder.keys(config, world)?;
    let dir = &folder.path;
    let front = Front::open(config, &keyring, world).await?;
    match args.base {
        Base::Debts => {
            let base = wiring::open_debts(config, dir, &keyring, world).await?;
            all(args, config, &folder, config.debts.cpf_validation, Arc::new(base)).await
        }
        Base::Score => {
            let base = wiring::open_score(config, dir, &keyring, world, front.as_ref()).await?;
            all(args, config, &folder, config.score.cpf_validation, Arc::new(base)).await
        }
        Base::Events => {
            let base = wiring::open_feed(config, dir, &keyring, world, front.as_ref()).await?;
            all(args, config, &folder, config.events.cpf_validation, Arc::new(base)).await
        }
    }
}

/// A folder has all stores or none: in an empty one they are made before the first row, as `ficha serve` makes them.
async fn make_whole(config: &Config, folder: &Folder, world: &World) -> Result<()> {
    folder.check_whole(config)?;
    if folder.is_made(config) {
        return Ok(());
    }
    let _lock = folder.lock()?.ok_or_else(|| taken(folder))?;
    App::open(config, folder, world).await?.close().await
}

async fn all<R: Row>(
    args: &cli::Import,
    config: &Config,
    folder: &Arc<Folder>,
    validation: CpfValidation,
    base: Arc<dyn Ingest<R>>,
) -> Result<()> {
    // A file has one writer, which a server may be; a shared store has many.
    let is_file = config.files().any(|name| name == args.base.name());
    let beside = is_file.then(|| folder.clone());
    let is_served = beside.as_ref().is_some_and(|folder| folder.is_served());
    let plan = plan(args, config, folder, validation, is_served)?;
    for file in &args.files {
        let said = || format!("importing {}", file.display());
        let source = open(args, file, &folder.path).with_context(said)?;
        let quarantine = Quarantine::at(&quarantine_of(args, &source, &folder.path));
        let watch = Arc::new(Shown::new(&source, beside.clone()));
        let summary = ficha_intake::run(source, base.clone(), plan.clone(), quarantine, watch.clone());
        let summary = summary.await.with_context(said)?;
        watch.bar.finish_and_clear();
        say(args, &summary)?;
    }
    Ok(())
}

fn plan(
    args: &cli::Import,
    config: &Config,
    folder: &Folder,
    validation: CpfValidation,
    is_served: bool,
) -> Result<Plan> {
    let zone = TimeZone::get(&config.events.zone).context("events.zone")?;
    let rules = Rules {
        encoding: match args.encoding {
            cli::Encoding::Utf8 => Encoding::Utf8,
            cli::Encoding::Latin1 => Encoding::Latin1,
        },
        validation: match args.cpf_validation {
            None => validation,
            Some(cli::Validation::Strict) => CpfValidation::Strict,
            Some(cli::Validation::Format) => CpfValidation::Format,
        },
        pad_cpf: args.pad_cpf,
        zone,
        derived_id: ficha_events::derived_id,
    };
    let memory = usize::try_from(args.memory << 20).unwrap_or(usize::MAX);
    let batches = match args.batch {
        Some(size) => Batches::Of(size as usize),
        None if is_served => Batches::Short,
        None => Batches::Whole,
    };
    Ok(Plan { rules, spill: folder.path.clone(), memory, as_movements: args.as_movements, batches })
}

fn open(args: &cli::Import, file: &Path, spill: &Path) -> io::Result<Source> {
    if file == Path::new("-") {
        return Source::copied(format!("{}.stdin", args.base.name()), io::stdin().lock(), spill);
    }
    Source::open(file, spill)
}

/// Beside the data folder, not in it: what lies there in clear has not gone through the seal.
fn quarantine_of(args: &cli::Import, source: &Source, dir: &Path) -> PathBuf {
    let beside = || {
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let name = format!("{}.quarantine", source.name());
        dir.parent().map_or_else(|| dir.join(&name), |parent| parent.join(&name))
    };
    args.quarantine.clone().unwrap_or_else(beside)
}

/// A bar of bytes while the file is read, then of rows while they land.
struct Shown {
    bar: ProgressBar,
    landing: OnceLock<()>,
    /// Where a server may write to the same file.
    beside: Option<Arc<Folder>>,
}

impl Shown {
    fn new(source: &Source, beside: Option<Arc<Folder>>) -> Self {
        Self { bar: progress::bytes(source.bytes()), landing: OnceLock::new(), beside }
    }
}

impl Watch for Shown {
    fn read(&self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    fn landed(&self, rows: u64, of: u64) {
        self.landing.get_or_init(|| progress::turn_to(&self.bar, of, "rows"));
        self.bar.set_position(rows);
        tracing::debug!(rows, of, "landed");
    }

    fn others_write(&self) -> bool {
        self.beside.as_ref().is_some_and(|folder| folder.is_served())
    }
}

fn say(args: &cli::Import, summary: &Summary) -> Result<()> {
    if args.json {
        println!("{}", serde_json::to_string(summary)?);
        return Ok(());
    }
    let what = match args.base {
        Base::Debts | Base::Score => "people",
        Base::Events => "movements",
    };
    let Summary { file, rows, ingested, .. } = summary;
    println!("{file}: {rows} rows");
    println!(
        "  {what}: {} new, {} changed, {} there already",
        ingested.created, ingested.replaced, ingested.unchanged
    );
    if !summary.columns_ignored.is_empty() {
        println!("  columns that this base does not know, not taken: {}", summary.columns_ignored.join(", "));
    }
    if summary.last_purchases > 0 {
        println!(
            "  a collection of last purchases: not taken, the last purchase is found among the movements"
        );
        println!("  (--as-movements takes them as movements)");
    }
    if let Some(quarantine) = &summary.quarantine {
        println!("  set aside: {} rows, and {} in part", summary.set_aside, summary.in_part);
        println!("  mend and import: {}", quarantine.display());
    }
    Ok(())
}
