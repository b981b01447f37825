//! Engines that outlive the command: a process of ours holds them, and a locked file says that it is there.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{self, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::{ENGINES, Engines};
use crate::server::first_line;
use crate::{cargo, tree};

/// What the holder tells of itself. It is true as long as the holder locks the file.
#[derive(Serialize, Deserialize)]
struct Held {
    process: u32,
    /// Each engine's variable and address.
    urls: BTreeMap<String, String>,
}

pub(super) fn up() -> Result<()> {
    let held = match held()? {
        Some((held, _)) => held,
        None => start()?,
    };
    for (variable, url) in &held.urls {
        println!("export {variable}={url}");
    }
    Ok(())
}

/// Starts the holder away from this terminal. It says one word when all is ready, and why not in its log.
fn start() -> Result<Held> {
    let log = folder()?.join("log");
    let log_file = File::create(&log).with_context(|| format!("making {}", log.display()))?;
    let mut holder = Command::new(env::current_exe().context("where this program is")?);
    holder.args(["engines", "hold"]).process_group(0);
    for kind in &ENGINES {
        // An address that `up` gave to this shell before is of one that is gone.
        holder.env_remove(kind.variable);
    }
    let mut holder = holder.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log_file).spawn()?;
    let output = holder.stdout.take().context("the holder has no output")?;
    if first_line(output).is_err() {
        bail!("no engine runs: {}", fs::read_to_string(&log).unwrap_or_default().trim());
    }
    Ok(held()?.context("the holder is gone again")?.0)
}

pub(super) fn hold() -> Result<()> {
    let mut file = state()?;
    file.try_lock().context("somebody holds them already")?;
    let engines = Engines::for_tests(true)?;
    let urls = engines.started().map(|(variable, url)| (variable.to_owned(), url.to_owned())).collect();
    file.set_len(0)?;
    file.write_all(&serde_json::to_vec(&Held { process: process::id(), urls })?)?;
    println!("ready");
    loop {
        thread::park();
    }
}

/// The holder's engines end with it.
pub(super) fn down() -> Result<()> {
    let Some((held, file)) = held()? else {
        println!("none runs");
        return Ok(());
    };
    cargo::must(Command::new("sh").args(["-c", &format!("kill {}", held.process)]))?;
    file.lock().context("waiting for the holder's end")?;
    println!("ended: {}", list(&held));
    Ok(())
}

pub(super) fn status() -> Result<()> {
    match held()? {
        Some((held, _)) => println!("held by process {}: {}", held.process, list(&held)),
        None => println!("none runs"),
    }
    Ok(())
}

fn list(held: &Held) -> String {
    held.urls.iter().map(|(variable, url)| format!("{variable}={url}")).collect::<Vec<_>>().join(" ")
}

/// What the holder says, if there is one: then, and only then, its process's id is its own.
fn held() -> Result<Option<(Held, File)>> {
    let mut file = state()?;
    match file.try_lock() {
        Ok(()) => return Ok(None),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error).context("looking for a holder"),
    }
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).context("reading what is held")?;
    let held = serde_json::from_str(&text).context("the engines are just being started")?;
    Ok(Some((held, file)))
}

fn state() -> Result<File> {
    let path = folder()?.join("state.json");
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    opened.with_context(|| format!("opening {}", path.display()))
}

fn folder() -> Result<PathBuf> {
    let folder = tree::root().join("target/engines");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}
