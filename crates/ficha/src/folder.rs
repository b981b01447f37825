//! The one folder in which everything is kept.

use crate::config::Config;
use anyhow::{Context, Result, bail};
use ficha_domain::World;
use ficha_seal::{FileKeys, Keyring};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// What may lie in a folder that has no keys yet: nothing in it was sealed.
const BEFORE_KEYS: [&str; 4] = ["lock", "root.key", "demo.started", PEER_KEY];
/// By what other processes know this one; nothing is sealed with it.
const PEER_KEY: &str = "peer.key";

/// A data folder. Only one process serves it; others work beside that one.
pub struct Folder {
    /// Where.
    pub path: PathBuf,
}

/// Held by the process that serves the folder, until it ends, by whatever end.
pub struct Lock(#[expect(dead_code, reason = "holding it is its use")] File);

/// Where the process that serves a folder can be reached.
#[derive(Debug, Serialize, Deserialize)]
pub struct Serving {
    /// Its origin.
    pub url: String,
    /// The issuer in its tokens.
    pub issuer: String,
    /// Its process id.
    pub pid: u32,
}

impl Folder {
    /// The folder, made when absent, for its owner only.
    pub fn open(path: &Path) -> Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("the data folder {} cannot be made", path.display()))?;
        Ok(Self { path: path.to_owned() })
    }

    /// Takes the folder for this process; `None` when another one serves it.
    pub fn lock(&self) -> Result<Option<Lock>> {
        let path = self.path.join("lock");
        let file = private().write(true).create(true).truncate(false).open(&path);
        let file = file.with_context(|| format!("{} cannot be opened", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).context("the data folder cannot be locked"),
        }
    }

    /// The folder, which has to be there: for commands that only look.
    pub fn existing(path: &Path) -> Result<Self> {
        if !path.is_dir() {
            bail!(
                "there is no data folder {}; `ficha serve` or `ficha demo` makes it, or name another with --dir",
                path.display()
            );
        }
        Self::open(path)
    }

    /// Refuses a folder in which some stores are and others are not: a lost file must not read as an empty base.
    /// `client add` may have made the issuer's alone.
    pub fn check_whole(&self, config: &Config) -> Result<()> {
        let is_there = |name: &&str| self.path.join(format!("{name}.sqlite")).exists();
        let lost: Vec<&str> = config.files().filter(|name| !is_there(name)).collect();
        // A process of one role may have one file: that it was served before, its spool tells.
        let was_served = !config.roles.is_all() && self.path.join("spool").exists();
        let any = was_served || config.files().any(|name| name != "identity" && is_there(&name));
        if any && !lost.is_empty() {
            bail!(
                "{}.sqlite is missing in {}; put it back from your backup",
                lost.join(".sqlite, "),
                self.path.display()
            );
        }
        Ok(())
    }

    /// Whether its stores have been made.
    pub fn is_made(&self, config: &Config) -> bool {
        config.files().all(|name| self.path.join(format!("{name}.sqlite")).exists())
    }

    /// Forgets where the folder was served: by whoever has the lock, before anybody can be misled.
    pub fn forget_serving(&self) -> Result<()> {
        match fs::remove_file(self.path.join("serving.json")) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).context("serving.json cannot be removed")
            }
            _ => Ok(()),
        }
    }

    /// Brings what is in the write-ahead logs into the files, so that a copy of the files is a backup.
    pub fn settle(&self, config: &Config) -> Result<()> {
        for name in config.files() {
            let path = self.path.join(format!("{name}.sqlite"));
            ficha_sqlite::checkpoint(&path)
                .with_context(|| format!("{} cannot be settled", path.display()))?;
        }
        Ok(())
    }

    /// The keys: made when the folder is empty and the whole installation is in this process, demanded otherwise.
    /// Processes that share a store share its keys, and whoever made some of his own could read nothing of it.
    pub fn keys(&self, config: &Config, world: &World) -> Result<Keyring> {
        let file = config.key_file();
        let keys = FileKeys::at(&file);
        if !file.exists()
            && let Some(store) = config.shared().next()
        {
            bail!(
                "there is no key file {}, and {store} is shared: copy the root.key of this installation there",
                file.display()
            );
        }
        if !file.exists() && !config.roles.is_all() {
            bail!(
                "there is no key file {}; one of several processes never makes one: copy the root.key of this installation there",
                file.display()
            );
        }
        if !file.exists() && !self.holds_data() {
            keys.create(world)?;
        }
        Ok(Keyring::open(&keys)?)
    }

    /// The private key of this process, if it was made.
    pub fn peer_key(&self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let path = self.path.join(PEER_KEY);
        // A link into a volume that is not there yet is a key: who made another one would be refused by everybody.
        if path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Ok(None);
        }
        let said = || format!("{} cannot be read", path.display());
        if fs::metadata(&path).with_context(said)?.permissions().mode() & 0o077 != 0 {
            bail!("{} can be read by others; run `chmod 600` on it", path.display());
        }
        Ok(Some(Zeroizing::new(fs::read(&path).with_context(said)?)))
    }

    /// Keeps the private key of this process.
    pub fn keep_peer_key(&self, bytes: &[u8]) -> Result<()> {
        self.write_private(PEER_KEY, bytes)
    }

    fn holds_data(&self) -> bool {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.file_name())
            .any(|name| !BEFORE_KEYS.contains(&name.to_string_lossy().as_ref()))
    }

    /// Tells other processes where this one serves.
    pub fn announce(&self, serving: &Serving) -> Result<()> {
        self.write_private("serving.json", &serde_json::to_vec(serving)?)
    }

    /// Where the process that serves this folder is.
    pub fn serving(&self) -> Result<Serving> {
        let text = fs::read(self.path.join("serving.json"))
            .context("the server has not said yet where it serves")?;
        serde_json::from_slice(&text).context("serving.json cannot be read")
    }

    /// Whether a process serves this folder, or did until it was killed and its number went to another one.
    pub fn is_served(&self) -> bool {
        self.serving().is_ok_and(|serving| {
            let processes = Path::new("/proc");
            !processes.join("self").exists() || processes.join(serving.pid.to_string()).exists()
        })
    }

    /// Writes a file that only its owner can read, whole or not at all.
    pub fn write_private(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let (path, new) = (self.path.join(name), self.path.join(format!("{name}.new")));
        let write = || {
            let mut file = private().write(true).create(true).truncate(true).open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().with_context(|| format!("{} cannot be written", path.display()))
    }
}

fn private() -> fs::OpenOptions {
    let mut options = File::options();
    options.mode(0o600);
    options
}

/// Refuses to serve a folder twice, with what to do.
pub fn taken(folder: &Folder) -> anyhow::Error {
    let path = folder.path.display();
    match folder.serving() {
        Ok(serving) => anyhow::anyhow!(
            "{path} is served already, at {} (process {}); stop that one, or take another --dir",
            serving.url,
            serving.pid
        ),
        Err(_) => {
            anyhow::anyhow!("{path} is in use by another process; stop that one, or take another --dir")
        }
    }
}

/// Bytes that are free on the disk of this folder, as `df` counts them.
pub fn free_bytes(path: &Path) -> Result<u64> {
    let disk = rustix::fs::statvfs(path);
    let disk = disk.with_context(|| format!("the disk of {} says nothing", path.display()))?;
    Ok(disk.f_bavail * disk.f_frsize)
}
