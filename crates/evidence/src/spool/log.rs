//! The segment that is written, and the next one that is being made ready.

use crate::{
    pending::Entry,
    spool::{
        disk::Disk,
        segment::{HEADER_LEN, Header, Segment},
    },
    store::{Label, SpoolId},
};
use ficha_domain::World;
use ficha_seal::Vault;
use std::{
    io::{self, ErrorKind},
    sync::{Arc, mpsc},
};

/// A consultation on its way into the spool.
pub(crate) struct Fresh {
    pub(crate) label: Label,
    pub(crate) record: Vec<u8>,
}

/// Why nothing more is written.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// The disk has no room for another segment. What is written stays, and a later try may succeed.
    Full,
    /// Writing or syncing failed: nobody knows what the disk has.
    Failed(io::Error),
}

/// What every segment of this spool is made of.
#[derive(Clone)]
pub(crate) struct Making {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) vault: Vault,
    pub(crate) world: World,
    pub(crate) spool: SpoolId,
    pub(crate) segment_bytes: usize,
}

impl Making {
    /// Makes the segment ready that begins with this sequence.
    pub(crate) fn segment(&self, first: u64) -> io::Result<Segment> {
        let header = Header { spool: self.spool, first, salt: self.world.random() };
        Segment::create(&*self.disk, &self.vault, header, self.segment_bytes)
    }
}

/// Appends records to segments. Used by one thread.
pub(crate) struct Log {
    making: Making,
    segment: Arc<Segment>,
    next: Option<mpsc::Receiver<io::Result<Segment>>>,
    sequence: u64,
    /// Where the next write goes.
    end: usize,
    /// Frames of the write to come, and how many they are.
    buffer: Vec<u8>,
    ahead: u32,
    staged: Vec<Entry>,
    closed: Vec<Arc<Segment>>,
    syncs: u64,
}

/// What a call of [`Log::commit`] has made durable.
pub(crate) struct Written<'log> {
    pub(crate) entries: std::vec::Drain<'log, Entry>,
    /// Segments that are full now.
    pub(crate) closed: std::vec::Drain<'log, Arc<Segment>>,
    pub(crate) syncs: u64,
}

impl Log {
    /// Goes on in this segment, which is ready and empty.
    pub(crate) fn new(making: Making, segment: Segment) -> Self {
        let mut log = Self {
            making,
            sequence: segment.sequences.start,
            segment: Arc::new(segment),
            next: None,
            end: HEADER_LEN,
            buffer: Vec::new(),
            ahead: 0,
            staged: Vec::new(),
            closed: Vec::new(),
            syncs: 0,
        };
        log.prepare();
        log
    }

    /// Has the next segment made ready, so that nobody waits for it when this one is full.
    fn prepare(&mut self) {
        let (made, next) = mpsc::sync_channel(1);
        let (making, first) = (self.making.clone(), self.segment.sequences.end);
        self.making.disk.background(Box::new(move || {
            let segment = making.segment(first);
            // It holds the folder's lock: let go before whoever waits goes on.
            drop(making);
            // The log may have ended meanwhile; the segment stays, and remembers the sequence.
            let _ = made.send(segment);
        }));
        self.next = Some(next);
    }

    /// Puts a record into the write to come. Writes what is there already when the segment is full.
    pub(crate) fn stage(&mut self, fresh: Fresh) -> Result<(), WriteError> {
        let Fresh { label, record } = fresh;
        let mut start = self.buffer.len();
        let mut hash = self.segment.seal_into(&mut self.buffer, self.sequence, self.ahead, &record);
        if self.end + self.buffer.len() > self.making.segment_bytes {
            self.buffer.truncate(start);
            self.roll()?;
            start = 0;
            hash = self.segment.seal_into(&mut self.buffer, self.sequence, 0, &record);
        }
        self.staged.push(Entry {
            sequence: self.sequence,
            label,
            hash,
            segment: self.segment.clone(),
            // Segments are far below 4 GiB.
            offset: (self.end + start) as u32,
            len: (self.buffer.len() - start) as u32,
            record: Some(record.into_boxed_slice()),
            previous: 0,
        });
        self.sequence += 1;
        self.ahead += 1;
        Ok(())
    }

    /// Makes everything durable that was staged.
    pub(crate) fn commit(&mut self) -> Result<Written<'_>, WriteError> {
        self.write()?;
        let syncs = std::mem::take(&mut self.syncs);
        Ok(Written { entries: self.staged.drain(..), closed: self.closed.drain(..), syncs })
    }

    /// Gives up what was staged since the last commit and, where it is written, acknowledges none of it.
    pub(crate) fn abandon(&mut self) {
        self.staged.clear();
    }

    fn write(&mut self) -> Result<(), WriteError> {
        if !self.buffer.is_empty() {
            self.segment.write(&self.buffer, self.end).map_err(WriteError::Failed)?;
            self.syncs += 1;
            self.end += self.buffer.len();
            self.buffer.clear();
            self.ahead = 0;
        }
        Ok(())
    }

    fn roll(&mut self) -> Result<(), WriteError> {
        // First: whoever finds a record in the next segment knows that everything in this one was synced.
        self.write()?;
        let next = Arc::new(self.next_segment().map_err(WriteError::of_making)?);
        self.sequence = next.sequences.start;
        self.end = HEADER_LEN;
        self.closed.push(std::mem::replace(&mut self.segment, next));
        self.prepare();
        Ok(())
    }

    /// The segment that was made ready; made here and now where that failed.
    fn next_segment(&mut self) -> io::Result<Segment> {
        match self.next.take().map(|next| next.recv()) {
            Some(Ok(Ok(segment))) => Ok(segment),
            _ => self.making.segment(self.segment.sequences.end),
        }
    }

    /// Ends. Gives the segment back when the next one is there to remember the sequence.
    pub(crate) fn end(self) -> Option<Arc<Segment>> {
        let next = self.next?.recv().ok()?.ok()?;
        debug_assert!(next.sequences.start >= self.sequence, "segments' sequences do not overlap");
        Some(self.segment)
    }
}

impl WriteError {
    /// Of a segment that could not be made ready: nothing that was acknowledged depends on it.
    fn of_making(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Failed(error),
        }
    }
}
