//! A segment: a file of frames under one header.
//!
//! `magic (8) · version (4) · spool (16) · first sequence (8) · salt (16) · CRC-32 (4)`, zeros up to 64 bytes, then
//! frames. Its keys are its own, derived from what the header says: sequences are nonces, and two segments that claim the
//! same ones (a cloned volume) still differ by their salt.

use crate::{
    spool::{
        disk::{Disk, DiskFile},
        frame::{self, Frame},
    },
    store::{RecordKey, SpoolId},
};
use ficha_seal::{OpenError, Vault};
use std::{
    io,
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
};

/// Bytes of the header, and where frames begin.
pub(crate) const HEADER_LEN: usize = 64;
const MAGIC: &[u8; 8] = b"fichaspl";
const VERSION: u32 = 1;
const CHECKED_LEN: usize = 8 + 4 + 16 + 8 + 16;
const SUFFIX: &str = ".seg";
/// A file that claims to begin later is none of ours: at full speed this is thousands of years away.
const FIRST_MAX: u64 = 1 << 62;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) spool: SpoolId,
    pub(crate) first: u64,
    pub(crate) salt: [u8; 16],
}

impl Header {
    fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&self.spool.0);
        bytes.extend_from_slice(&self.first.to_be_bytes());
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(&self.seed().to_be_bytes());
        let mut header = [0; HEADER_LEN];
        header[..bytes.len()].copy_from_slice(&bytes);
        header
    }

    /// The header at the beginning of a file; `None` where there is none of this version.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEADER_LEN>()?;
        let header = Self {
            spool: SpoolId(*bytes[12..].first_chunk()?),
            first: u64::from_be_bytes(*bytes[28..].first_chunk()?),
            salt: *bytes[36..].first_chunk()?,
        };
        (header.to_bytes() == *bytes).then_some(header)
    }

    /// The header's own checksum; the checksums of the frames begin with it.
    fn seed(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(MAGIC);
        hasher.update(&VERSION.to_be_bytes());
        hasher.update(&self.spool.0);
        hasher.update(&self.first.to_be_bytes());
        hasher.update(&self.salt);
        hasher.finalize()
    }
}

/// A segment that is written, or read again.
pub(crate) struct Segment {
    pub(crate) name: String,
    /// The sequences that are its own: as many as it has bytes, more than it can ever hold.
    pub(crate) sequences: Range<u64>,
    spool: SpoolId,
    file: Box<dyn DiskFile>,
    vault: Vault,
    seed: u32,
    /// There is something in it for a person to look at: it is not removed.
    kept: AtomicBool,
}

/// A record that cannot be read back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl Segment {
    /// Makes a segment ready: zeros and header written, synced, its name durable. Takes as long as the disk takes.
    pub(crate) fn create(disk: &dyn Disk, vault: &Vault, header: Header, len: usize) -> io::Result<Self> {
        let name = name_of(header.first);
        let made = disk.create(&name).and_then(|file| {
            let mut bytes = vec![0; len];
            bytes[..HEADER_LEN].copy_from_slice(&header.to_bytes());
            file.write_at(&bytes, 0)?;
            file.sync()?;
            disk.sync_dir()?;
            Ok(Self::new(file, vault, header, len))
        });
        if made.is_err() {
            // Half a segment would hold the name; where it cannot be removed either, the next start does it.
            let _ = disk.remove(&name);
        }
        made
    }

    /// A segment whose file is there.
    pub(crate) fn new(file: Box<dyn DiskFile>, vault: &Vault, header: Header, len: usize) -> Self {
        Self {
            name: name_of(header.first),
            sequences: header.first..header.first.saturating_add(len as u64),
            spool: header.spool,
            file,
            vault: vault.derive_for(&header.to_bytes()[..CHECKED_LEN]),
            seed: header.seed(),
            kept: AtomicBool::new(false),
        }
    }

    /// The key of one of its records.
    pub(crate) fn key(&self, sequence: u64) -> RecordKey {
        RecordKey { spool: self.spool, sequence }
    }

    /// Seals a record into a frame at the end of `buffer`; gives the seal's tag, which is the record's hash.
    pub(crate) fn seal_into(
        &self,
        buffer: &mut Vec<u8>,
        sequence: u64,
        ahead: u32,
        record: &[u8],
    ) -> [u8; 16] {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&sequence.to_be_bytes());
        let sealed = self.vault.seal(nonce, &self.key(sequence).to_bytes(), record);
        Frame { sequence, ahead, sealed: &sealed }.append_to(buffer, self.seed);
        tag(&sealed)
    }

    /// Opens the record of a frame.
    pub(crate) fn open(&self, frame: &Frame<'_>) -> Result<Vec<u8>, OpenError> {
        self.vault.open(&self.key(frame.sequence).to_bytes(), frame.sealed)
    }

    /// Everything that can be read in the segment's bytes.
    pub(crate) fn scan<'a>(&self, bytes: &'a [u8]) -> frame::Found<'a> {
        frame::scan(bytes, HEADER_LEN, self.seed, self.sequences.clone())
    }

    /// Reads a record back from the disk.
    pub(crate) fn read(&self, sequence: u64, offset: u32, len: u32) -> Result<Vec<u8>, ReadError> {
        let mut bytes = vec![0; len as usize];
        self.file.read_at(&mut bytes, u64::from(offset))?;
        let frame =
            Frame::read(&bytes, self.seed, sequence..sequence.saturating_add(1)).ok_or(OpenError::Damaged)?;
        Ok(self.open(&frame)?)
    }

    /// Writes frames and makes them durable.
    pub(crate) fn write(&self, frames: &[u8], offset: usize) -> io::Result<()> {
        self.file.write_at(frames, offset as u64)?;
        self.file.sync()
    }

    /// From now on it is not removed.
    pub(crate) fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    /// Whether it is not to be removed.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Relaxed)
    }
}

/// The last 16 bytes of something sealed: a keyed hash of it and its place (RFC 8452), free of charge. The same bytes on
/// the disk have the same one at every start, whatever key seals by then.
pub(crate) fn tag(sealed: &[u8]) -> [u8; 16] {
    sealed.last_chunk().copied().unwrap_or_default()
}

/// The name of the segment that begins with this sequence; names sort as sequences do.
pub(crate) fn name_of(first: u64) -> String {
    format!("{first:016x}{SUFFIX}")
}

/// The first sequence of the segment of this name; `None` for other files.
pub(crate) fn first_of(name: &str) -> Option<u64> {
    let first = u64::from_str_radix(name.strip_suffix(SUFFIX)?, 16).ok()?;
    (name_of(first) == name && first <= FIRST_MAX).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{keyring, sim::SimDisk};

    #[test]
    fn headers_and_names_read_back_and_damage_is_noticed() {
        let header = Header { spool: SpoolId([3; 16]), first: 0x40_0001, salt: [9; 16] };
        let bytes = header.to_bytes();
        assert_eq!(Header::read(&bytes), Some(header));
        for bit in 0..HEADER_LEN * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::read(&damaged), None, "bit {bit}");
        }
        assert_eq!(Header::read(&bytes[..HEADER_LEN - 1]), None);
        assert_eq!(first_of(&name_of(header.first)), Some(header.first));
        for other in [
            "lock",
            "spool-id",
            "1.seg",
            "+000000000000001.seg",
            "000000000000000A.seg",
            "ffffffffffffffff.seg",
        ] {
            assert_eq!(first_of(other), None, "{other}");
        }
    }

    #[test]
    fn two_segments_that_claim_the_same_sequences_differ() {
        let disk = SimDisk::default();
        let vault = keyring(1).vault("spool");
        let mut sealed = Vec::new();
        for salt in [1, 2] {
            let header = Header { spool: SpoolId([3; 16]), first: 1, salt: [salt; 16] };
            let segment = Segment::create(&disk, &vault, header, 4096).unwrap();
            let mut frame = Vec::new();
            let hash = segment.seal_into(&mut frame, 1, 0, b"the same record");
            segment.write(&frame, HEADER_LEN).unwrap();
            let len = u32::try_from(frame.len()).unwrap();
            assert_eq!(segment.read(1, 64, len).unwrap(), b"the same record");
            assert!(matches!(segment.read(2, 64, len), Err(ReadError::Open(OpenError::Damaged))));
            sealed.push((hash, frame));
            disk.remove(&segment.name).unwrap();
        }
        assert_ne!(sealed[0].0, sealed[1].0, "copies are told apart by the hash");
        let (_, other) = &sealed[1];
        let read =
            frame::scan(other, 0, Header { spool: SpoolId([3; 16]), first: 1, salt: [1; 16] }.seed(), 1..9);
        assert!(read.frames.is_empty(), "a frame of another segment never passes");
    }
}
