//! Where rows come from: a file that can be read twice.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::Path,
};

/// A file of rows. What is set aside is read a second time, as it came; so a pipe is copied first.
pub struct Source {
    name: String,
    file: File,
    bytes: u64,
}

/// Where a row stands in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its first line, counted from 1.
    pub line: u64,
    pub(crate) offset: u64,
    pub(crate) len: u32,
}

impl Source {
    /// A file by its path. What is no regular file is copied as [`Source::copied`] does.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(path: &Path, spill: &Path) -> io::Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Self::copied(name, file, spill);
        }
        Ok(Self { name, file, bytes: metadata.len() })
    }

    /// What can be read once only, such as the standard input, copied into a file without a name in the folder
    /// `spill`: however this process ends, it is gone with it.
    ///
    /// # Errors
    /// The disk's, or the reader's.
    pub fn copied(name: String, mut from: impl Read, spill: &Path) -> io::Result<Self> {
        let mut file = tempfile::tempfile_in(spill)?;
        let bytes = io::copy(&mut from, &mut file)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { name, file, bytes })
    }

    /// Its name, without its folder.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long it is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    /// A row as it came.
    pub(crate) fn raw(&self, place: Place) -> io::Result<Vec<u8>> {
        let mut raw = vec![0; place.len as usize];
        self.file.read_exact_at(&mut raw, place.offset)?;
        Ok(raw)
    }
}
