//! A disk that forgets what was not synced.

use crate::{
    spool::disk::{Disk, DiskFile, Job},
    tests::fuse::Fuse,
};
use ficha_domain::{Random, SeededRandom};
use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

/// What a crash takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    /// The process alone: what the machine holds in memory is read again, and can still be lost by the next crash.
    Kill,
    /// Everything that was not synced.
    Everything,
    /// Of every file, all unsynced writes behind a point, which may be inside a write.
    Tails(u64),
    /// Any pieces of unsynced writes, any unsynced names.
    Pieces(u64),
}

type Content = Arc<Mutex<Bytes>>;

/// A file: what is synced, and what was written since.
#[derive(Clone, Default)]
struct Bytes {
    synced: Vec<u8>,
    writes: Vec<(usize, Vec<u8>)>,
}

/// A folder: the names that are synced, and what was done to them since.
#[derive(Clone, Default)]
struct Folder {
    synced: BTreeMap<String, Content>,
    changes: Vec<(String, Option<Content>)>,
}

/// Cloning shares it.
#[derive(Clone, Default)]
pub(crate) struct SimDisk {
    folder: Arc<Mutex<Folder>>,
    fuse: Arc<Fuse>,
    pub(crate) faults: Arc<Faults>,
}

/// What a test does to the disk while it runs.
#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) syncs_fail: AtomicBool,
    pub(crate) is_full: AtomicBool,
    /// Nothing is done in the background: whoever waits for it does it himself.
    pub(crate) has_no_threads: AtomicBool,
    /// Whoever syncs waits until this is free.
    pub(crate) hold: Mutex<()>,
}

fn apply(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    let end = offset + written.len();
    bytes.resize(bytes.len().max(end), 0);
    bytes[offset..end].copy_from_slice(written);
}

impl Bytes {
    fn now(&self) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        self.writes.iter().for_each(|(offset, written)| apply(&mut bytes, *offset, written));
        bytes
    }

    fn survive(&self, loss: Loss, chance: &SeededRandom) -> Self {
        let mut synced = self.synced.clone();
        match loss {
            Loss::Kill => return self.clone(),
            Loss::Everything => {}
            Loss::Tails(_) => {
                let total: usize = self.writes.iter().map(|(_, written)| written.len()).sum();
                let mut left = below(chance, total + 1);
                for (offset, written) in &self.writes {
                    apply(&mut synced, *offset, &written[..left.min(written.len())]);
                    left = left.saturating_sub(written.len());
                }
            }
            Loss::Pieces(_) => {
                let piece_len = 16 << below(chance, 6);
                for (offset, written) in &self.writes {
                    for (index, piece) in
                        written.chunks(piece_len).enumerate().filter(|_| below(chance, 2) == 0)
                    {
                        apply(&mut synced, offset + index * piece_len, piece);
                    }
                }
            }
        }
        Self { synced, writes: Vec::new() }
    }
}

fn below(chance: &SeededRandom, bound: usize) -> usize {
    let mut bytes = [0; 8];
    chance.fill(&mut bytes);
    usize::try_from(u64::from_le_bytes(bytes) % bound as u64).unwrap()
}

impl Folder {
    fn now(&self) -> BTreeMap<String, Content> {
        self.with(|_| true)
    }

    fn with(&self, mut keep: impl FnMut(usize) -> bool) -> BTreeMap<String, Content> {
        let mut names = self.synced.clone();
        for (_, (name, content)) in self.changes.iter().enumerate().filter(|(index, _)| keep(*index)) {
            match content {
                Some(content) => names.insert(name.clone(), content.clone()),
                None => names.remove(name),
            };
        }
        names
    }
}

impl SimDisk {
    /// A new disk whose machine crashes by this fuse.
    pub(crate) fn with_fuse(fuse: Arc<Fuse>) -> Self {
        Self { fuse, ..Self::default() }
    }

    /// The disk after a crash, in a machine with another fuse.
    pub(crate) fn after(&self, loss: Loss, fuse: Arc<Fuse>) -> Self {
        let folder = self.folder.lock().unwrap();
        let (Loss::Tails(seed) | Loss::Pieces(seed)) = loss else {
            return Self::with(copy(&folder, loss, &SeededRandom::new(0)), fuse);
        };
        Self::with(copy(&folder, loss, &SeededRandom::new(seed)), fuse)
    }

    fn with(folder: Folder, fuse: Arc<Fuse>) -> Self {
        Self { folder: Arc::new(Mutex::new(folder)), fuse, faults: Arc::default() }
    }

    /// Changes a byte of a file, as a failing disk does.
    pub(crate) fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let content = self.folder.lock().unwrap().now()[name].clone();
        change(&mut content.lock().unwrap().synced);
    }

    /// Puts a copy of a file of another disk here.
    pub(crate) fn copy_from(&self, other: &Self, name: &str) {
        let bytes = other.folder.lock().unwrap().now()[name].lock().unwrap().now();
        let content = Arc::new(Mutex::new(Bytes { synced: bytes, writes: Vec::new() }));
        self.folder.lock().unwrap().changes.push((name.to_owned(), Some(content)));
    }

    /// Everything that can be read, as bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let names = self.folder.lock().unwrap().now();
        names.values().flat_map(|content| content.lock().unwrap().now()).collect()
    }

    /// The names of the segments.
    pub(crate) fn segments(&self) -> Vec<String> {
        let mut names = self.list().unwrap();
        names.retain(|name| name != "spool-id");
        names
    }

    fn folder(&self) -> io::Result<MutexGuard<'_, Folder>> {
        self.fuse.burn()?;
        Ok(self.folder.lock().unwrap())
    }

    fn file(&self, content: Content) -> Box<dyn DiskFile> {
        Box::new(SimFile { content, disk: self.clone() })
    }
}

fn copy(folder: &Folder, loss: Loss, chance: &SeededRandom) -> Folder {
    let keep = |content: &Content| Arc::new(Mutex::new(content.lock().unwrap().survive(loss, chance)));
    if let Loss::Kill = loss {
        // The same file stands behind the synced name and behind the change that made it.
        let mut made: Vec<(Content, Content)> = Vec::new();
        let mut same = |content: &Content| {
            if let Some((_, copy)) = made.iter().find(|(original, _)| Arc::ptr_eq(original, content)) {
                return copy.clone();
            }
            made.push((content.clone(), keep(content)));
            made[made.len() - 1].1.clone()
        };
        let synced = folder.synced.iter().map(|(name, content)| (name.clone(), same(content))).collect();
        let changes = folder
            .changes
            .iter()
            .map(|(name, content)| (name.clone(), content.as_ref().map(&mut same)))
            .collect();
        return Folder { synced, changes };
    }
    let until = below(chance, folder.changes.len() + 1);
    let names = folder.with(|index| match loss {
        Loss::Kill | Loss::Everything => false,
        Loss::Tails(_) => index < until,
        Loss::Pieces(_) => below(chance, 2) == 0,
    });
    let synced = names.iter().map(|(name, content)| (name.clone(), keep(content))).collect();
    Folder { synced, changes: Vec::new() }
}

impl Disk for SimDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut folder = self.folder()?;
        if self.faults.is_full.load(SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if folder.now().contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let content = Content::default();
        folder.changes.push((name.to_owned(), Some(content.clone())));
        Ok(self.file(content))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let found = self.folder.lock().unwrap().now().get(name).cloned();
        found.map(|content| self.file(content)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.folder.lock().unwrap().now().into_keys().collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut folder = self.folder()?;
        if !folder.now().contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        folder.changes.push((name.to_owned(), None));
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut folder = self.folder()?;
        folder.synced = folder.now();
        folder.changes.clear();
        Ok(())
    }

    fn background(&self, job: Job) {
        if !self.faults.has_no_threads.load(SeqCst) {
            job();
        }
    }
}

struct SimFile {
    content: Content,
    disk: SimDisk,
}

impl DiskFile for SimFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.fuse.burn()?;
        self.content.lock().unwrap().writes.push((usize::try_from(offset).unwrap(), bytes.to_vec()));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let _free = self.disk.faults.hold.lock().unwrap();
        self.disk.fuse.burn()?;
        if self.disk.faults.syncs_fail.load(SeqCst) {
            return Err(io::Error::other("the disk fails"));
        }
        let mut content = self.content.lock().unwrap();
        *content = Bytes { synced: content.now(), writes: Vec::new() };
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = self.read()?;
        let offset = usize::try_from(offset).unwrap();
        let part = bytes.get(offset..offset + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(part);
        Ok(())
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        Ok(self.content.lock().unwrap().now())
    }
}
