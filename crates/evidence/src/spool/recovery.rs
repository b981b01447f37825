//! What a start finds in the folder.

use crate::{
    EvidenceError,
    pending::Entry,
    record,
    spool::{
        disk::Disk,
        frame::Frame,
        segment::{self, HEADER_LEN, Header, Segment},
    },
    store::{Label, SpoolId},
};
use ficha_domain::World;
use ficha_seal::{OpenError, Vault};
use std::{io, sync::Arc};

/// The file that names the spool: 16 random bytes and their CRC-32.
const ID_FILE: &str = "spool-id";
/// Sequence 0 means "none".
const FIRST_SEQUENCE: u64 = 1;

/// What a start finds.
pub(crate) struct Recovered {
    pub(crate) spool: SpoolId,
    /// Everything that is durable and perhaps not in the store, in order. Without bodies.
    pub(crate) entries: Vec<Entry>,
    /// The segments in which they are, oldest first.
    pub(crate) closed: Vec<Arc<Segment>>,
    /// Files in which nothing was ever written; to be removed once the next segment is there.
    pub(crate) unused: Vec<String>,
    /// The next segment's first sequence, above everything that was ever written here.
    pub(crate) first: u64,
    /// What could not be read although it should have been. It stays where it is.
    pub(crate) alarms: u64,
}

/// Reads the folder. Changes nothing but a missing `spool-id`.
pub(crate) struct Recovery<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) world: &'a World,
    /// Opens what the spool has sealed.
    pub(crate) vault: &'a Vault,
    /// Finds people in the store.
    pub(crate) people: &'a Vault,
    pub(crate) segment_bytes: usize,
}

impl Recovery<'_> {
    /// Reads everything.
    pub(crate) fn run(&self) -> Result<Recovered, EvidenceError> {
        let mut names = self.disk.list()?;
        names.sort_unstable();
        let segments: Vec<(u64, &String)> =
            names.iter().filter_map(|name| Some((segment::first_of(name)?, name))).collect();
        let mut recovered = Recovered {
            spool: self.spool_id(names.iter().any(|name| name == ID_FILE), segments.is_empty())?,
            entries: Vec::new(),
            closed: Vec::new(),
            unused: Vec::new(),
            first: FIRST_SEQUENCE,
            alarms: 0,
        };
        for (first, name) in segments {
            self.segment(first, name, &mut recovered)?;
        }
        Ok(recovered)
    }

    fn spool_id(&self, is_there: bool, is_new: bool) -> Result<SpoolId, EvidenceError> {
        if is_there {
            let file = self.disk.open(ID_FILE)?;
            let bytes = file.read()?;
            if let Some((id, checksum)) = bytes.split_first_chunk()
                && checksum == crc32fast::hash(id).to_be_bytes()
            {
                // A process that was killed may have left it in the machine's memory only.
                file.sync()?;
                return Ok(SpoolId(*id));
            }
        }
        match is_new {
            true => Ok(self.new_spool_id(is_there)?),
            false => Err(EvidenceError::SpoolId),
        }
    }

    /// Made before the first segment: what a crash left of it is safely made anew.
    fn new_spool_id(&self, is_torn: bool) -> io::Result<SpoolId> {
        if is_torn {
            self.disk.remove(ID_FILE)?;
        }
        let id: [u8; 16] = self.world.random();
        let file = self.disk.create(ID_FILE)?;
        file.write_at(&[&id[..], &crc32fast::hash(&id).to_be_bytes()].concat(), 0)?;
        file.sync()?;
        self.disk.sync_dir()?;
        Ok(SpoolId(id))
    }

    fn segment(&self, first: u64, name: &str, recovered: &mut Recovered) -> Result<(), EvidenceError> {
        let file = self.disk.open(name)?;
        let bytes = file.read()?;
        let len = bytes.len().max(self.segment_bytes);
        recovered.first = recovered.first.max(first.saturating_add(len as u64));
        match Header::read(&bytes) {
            Some(header) if header.spool == recovered.spool && header.first == first => {
                let segment = Arc::new(Segment::new(file, self.vault, header, len));
                self.frames(&segment, &bytes, recovered)
            }
            None if is_blank(&bytes) => {
                recovered.unused.push(name.to_owned());
                Ok(())
            }
            header => {
                recovered.alarms += 1;
                let reason = if header.is_some() { "belongs to another spool" } else { "has no header" };
                tracing::error!(
                    segment = name,
                    reason,
                    "a segment of the spool cannot be read and is left alone"
                );
                Ok(())
            }
        }
    }

    fn frames(
        &self,
        segment: &Arc<Segment>,
        bytes: &[u8],
        recovered: &mut Recovered,
    ) -> Result<(), EvidenceError> {
        let found = segment.scan(bytes);
        let mut damages = found.damages;
        for (offset, frame) in &found.frames {
            match self.entry(segment, *offset, frame) {
                Ok(entry) => recovered.entries.push(entry),
                Err(OpenError::UnknownKey) => return Err(EvidenceError::WrongKey(segment.name.clone())),
                Err(OpenError::Damaged) => damages += 1,
            }
        }
        if damages > 0 {
            segment.keep();
            recovered.alarms += damages;
            tracing::error!(
                segment = segment.name,
                damages,
                "records of the spool are damaged; the segment is kept"
            );
        }
        if damages == 0 && is_blank(bytes) {
            recovered.unused.push(segment.name.clone());
        } else {
            recovered.closed.push(segment.clone());
        }
        Ok(())
    }

    fn entry(&self, segment: &Arc<Segment>, offset: usize, frame: &Frame<'_>) -> Result<Entry, OpenError> {
        let record = segment.open(frame)?;
        let consultation = record::decode(&record).ok_or(OpenError::Damaged)?;
        Ok(Entry {
            sequence: frame.sequence,
            label: Label::of(self.people, &consultation),
            hash: segment::tag(frame.sealed),
            segment: segment.clone(),
            // Segments are far below 4 GiB.
            offset: offset as u32,
            len: frame.len() as u32,
            record: None,
            previous: 0,
        })
    }
}

/// Whether no frame was ever written: a crash while the segment was made ready, or one that was not needed yet.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.get(HEADER_LEN..).unwrap_or_default().iter().all(|byte| *byte == 0)
}
