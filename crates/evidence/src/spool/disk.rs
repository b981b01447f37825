//! The seam to the disk: one implementation for the machine, one that crashes on purpose.

use crate::EvidenceError;
use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Work beside the caller's.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// A folder of files, and what survives in it.
///
/// After a loss of power a file's name is there when [`Disk::sync_dir`] was called after [`Disk::create`], its bytes are
/// there when [`DiskFile::sync`] was called after they were written. Anything else may be there, or not, or in part.
pub(crate) trait Disk: Send + Sync {
    /// A new file; an error when the name is taken.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// A file that is there.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Takes a file away. Not synced: one that comes back is read again, and known by the store.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes the names durable.
    fn sync_dir(&self) -> io::Result<()>;
    /// Does the work beside the caller's own; at once where a test wants the same order every time.
    fn background(&self, job: Job);
}

/// A file of the folder.
pub(crate) trait DiskFile: Send + Sync {
    /// Writes all bytes at this offset.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes everything that was written durable.
    fn sync(&self) -> io::Result<()>;
    /// Fills the buffer from this offset.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// The whole file.
    fn read(&self) -> io::Result<Vec<u8>>;
}

/// A folder of the machine, locked for as long as this lives.
pub(crate) struct RealDisk {
    dir: PathBuf,
    _lock: File,
}

impl RealDisk {
    /// Opens the folder, made when absent; nobody else may enter while it is open.
    pub(crate) fn open(dir: &Path) -> Result<Self, EvidenceError> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(dir.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(EvidenceError::Locked(dir.to_owned())),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    fn file(&self, name: &str, create: bool) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(create).mode(0o600);
        Ok(Box::new(options.open(self.dir.join(name))?))
    }
}

impl Disk for RealDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.file(name, true)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.file(name, false)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        fs::read_dir(&self.dir)?.map(name).collect()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.dir.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    fn background(&self, job: Job) {
        // Whoever waits for a job that found no thread sees it gone, and does the work himself.
        let _ = std::thread::Builder::new().name("spool-next".to_owned()).spawn(job);
    }
}

impl DiskFile for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.metadata()?.len()).map_err(io::Error::other)?];
        self.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}
