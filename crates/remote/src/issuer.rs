//! The issuer in another process, as far as verifying needs it.

use crate::{
    Peer,
    call::{AboutIssuer, Said},
    desk::{PAGE, Told},
    peer::Failed,
};
use async_trait::async_trait;
use ficha_contract::{Issuer, PublishedKey, Revocation, StoreError};
use ficha_domain::World;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::task::JoinHandle;

/// How often the issuer is asked. Revocations are promised within five seconds, so that a few questions may fail.
const EVERY: Duration = Duration::from_secs(1);
const WITHIN: Duration = Duration::from_secs(1);

/// What this process was told by the issuer. Nobody who verifies a token waits for it: it is asked beside that. What is
/// known lies in a file too, so that a process that starts while the issuer is down verifies nevertheless.
pub struct RemoteIssuer {
    asking: Arc<Asking>,
    task: JoinHandle<()>,
}

/// Whoever asks.
pub(crate) struct Asking {
    peer: Peer,
    file: PathBuf,
    world: World,
    known: RwLock<Known>,
}

/// What is known. Nothing of it is secret: public keys, and ids of what was revoked.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    keys: Vec<PublishedKey>,
    /// Numbered here, as they came: the issuer's numbers begin anew when its store is restored or moved.
    revocations: Vec<Revocation>,
    /// The last revocation that was told, under the issuer's number.
    last: Option<Revocation>,
    /// The last number that was given here.
    given: i64,
    #[serde(skip)]
    told_at: Option<Timestamp>,
    /// Not in the file yet.
    #[serde(skip)]
    is_new: bool,
}

impl RemoteIssuer {
    /// Knows what is in the file, asks once, then again and again.
    pub async fn start(peer: Peer, file: PathBuf, world: World) -> Self {
        let asking = Arc::new(Asking::open(peer, file, world));
        asking.ask().await;
        let task = tokio::spawn({
            let asking = asking.clone();
            async move {
                loop {
                    tokio::time::sleep(EVERY).await;
                    asking.ask().await;
                }
            }
        });
        Self { asking, task }
    }

    /// How long ago the issuer answered; `None`: not since the start.
    #[must_use]
    pub fn age(&self) -> Option<SignedDuration> {
        let told_at = self.asking.known(|known| known.told_at)?;
        Some(self.asking.world.now().duration_since(told_at).max(SignedDuration::ZERO))
    }

    /// Whether it is known what its tokens are signed with.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.asking.known(|known| !known.keys.is_empty())
    }
}

impl Drop for RemoteIssuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[async_trait]
impl Issuer for RemoteIssuer {
    async fn published(&self) -> Result<Vec<PublishedKey>, StoreError> {
        self.asking.published()
    }

    async fn revocations(&self, after: i64, limit: usize) -> Result<Vec<Revocation>, StoreError> {
        Ok(self.asking.revocations(after, limit))
    }
}

impl Asking {
    fn open(peer: Peer, file: PathBuf, world: World) -> Self {
        let known = read(&file).unwrap_or_else(|error| {
            tracing::warn!(%error, file = %file.display(), "what the issuer told cannot be read");
            Known::default()
        });
        Self { peer, file, world, known: RwLock::new(known) }
    }

    fn known<T>(&self, read: impl FnOnce(&Known) -> T) -> T {
        read(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn published(&self) -> Result<Vec<PublishedKey>, StoreError> {
        let keys = self.known(|known| known.keys.clone());
        if keys.is_empty() {
            return Err(StoreError::new("the issuer has not answered yet"));
        }
        Ok(keys)
    }

    fn revocations(&self, after: i64, limit: usize) -> Vec<Revocation> {
        self.known(|known| {
            let later = known.revocations.iter().filter(|revocation| revocation.number > after);
            later.take(limit).cloned().collect()
        })
    }

    /// Asks for what is new; what is known goes on to hold where the issuer is away.
    async fn ask(&self) {
        let learned = self.learn().await;
        // Also what came before it failed, and what could not be written the last time.
        if self.known(|known| known.is_new) {
            self.keep().await;
        }
        match learned {
            Ok(()) => {}
            Err(Failed::Away | Failed::Broken | Failed::Slow) => {
                tracing::debug!("the issuer does not answer; what it told goes on to hold");
            }
            Err(failed) => tracing::warn!(why = %failed, "the issuer tells this process nothing"),
        }
    }

    /// Asks from the last revocation that is known on, that one included: where it does not come again it is over, or
    /// the issuer's numbers began anew, and all are asked for.
    async fn learn(&self) -> Result<(), Failed> {
        let mut anew = false;
        loop {
            let last = self.known(|known| known.last.clone());
            let mut told = self.told(last.as_ref().map_or(0, |last| last.number - 1)).await?;
            let full = told.revocations.len() >= PAGE;
            if let Some(last) = last {
                if told.revocations.first() != Some(&last) {
                    if std::mem::replace(&mut anew, true) {
                        return Err(Failed::Nonsense);
                    }
                    self.write(|known| known.last = None);
                    continue;
                }
                told.revocations.remove(0);
            }
            self.take_in(told);
            if !full {
                return Ok(());
            }
        }
    }

    async fn told(&self, after: i64) -> Result<Told, Failed> {
        let body = serde_json::to_vec(&AboutIssuer { after }).map_err(|_| Failed::Nonsense)?;
        match self.peer.ask(None, body.into(), WITHIN).await? {
            (Said::Issuer, told) => serde_json::from_slice(&told).map_err(|_| Failed::Nonsense),
            _ => Err(Failed::Nonsense),
        }
    }

    fn take_in(&self, told: Told) {
        let now = self.world.now();
        self.write(|known| {
            known.is_new |= known.keys != told.keys || !told.revocations.is_empty();
            known.last = told.revocations.last().cloned().or(known.last.take());
            for revocation in told.revocations {
                if !known.revocations.iter().any(|one| revocation.is_told_by(one)) {
                    known.given += 1;
                    known.revocations.push(Revocation { number: known.given, ..revocation });
                }
            }
            known.revocations.retain(|revocation| revocation.until >= now);
            known.keys = told.keys;
            known.told_at = Some(now);
        });
    }

    fn write(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner));
    }

    async fn keep(&self) {
        let bytes = self.known(serde_json::to_vec);
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || write(&file, &bytes?)).await;
        let written = written.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        self.write(|known| known.is_new = written.is_err());
        if let Err(error) = written {
            tracing::warn!(%error, file = %self.file.display(), "what the issuer told is not kept");
        }
    }
}

/// What is in the file; nothing where there is none. Whoever could write it could sign tokens: one that is open to others
/// is not believed.
fn read(path: &Path) -> io::Result<Known> {
    let mode = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Known::default()),
        found => found?.mode(),
    };
    if mode & 0o077 != 0 {
        return Err(io::Error::other("others may read or write it"));
    }
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// Writes a file for its owner, whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests;
