//! Rows sorted by person in bounded memory: what does not fit waits in runs, each sorted, in a file without a name.
//!
//! The file is unlinked from the moment it is made, so nothing of anybody stays behind, however the process ends.

use crate::{
    Error,
    pack::{Pack, Unpack},
    source::Place,
};
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{BufWriter, Write},
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::mpsc::{SyncSender, sync_channel},
    thread::JoinHandle,
};

/// What rows are sorted by, then as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// [`ficha_contract::Ingest::region`]: where the person lies in the base. Two people may share one.
    pub(crate) region: u64,
    pub(crate) cpf: u64,
    /// [`crate::Row::order`].
    pub(crate) order: u64,
}

/// A row that waits.
pub(crate) struct Packed<'b> {
    pub(crate) key: Key,
    pub(crate) place: Place,
    pub(crate) body: &'b [u8],
}

/// Rows that are not sorted yet.
#[derive(Default)]
struct Heap {
    bytes: Vec<u8>,
    /// Key, and where in `bytes`.
    index: Vec<(Key, u32, u32)>,
}

impl Heap {
    fn with_room(memory: usize) -> Self {
        Self { bytes: Vec::with_capacity(memory), index: Vec::new() }
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.index.len() * size_of::<(Key, u32, u32)>()
    }

    fn sort(&mut self) {
        // Places in `bytes` grow as rows come.
        self.index.sort_unstable();
    }

    /// Place and body of a row, as packed.
    fn packed(&self, at: usize) -> &[u8] {
        let (_, from, len) = self.index[at];
        &self.bytes[from as usize..(from + len) as usize]
    }
}

/// Takes rows in the order of the file.
pub(crate) struct Sorter {
    heap: Heap,
    memory: usize,
    spiller: Option<Spiller>,
    spill: PathBuf,
    rows: u64,
}

/// Sorts and writes runs while the next one is read.
struct Spiller {
    full: SyncSender<Heap>,
    written: JoinHandle<std::io::Result<(File, Vec<Run>)>>,
}

/// From where to where in the file.
#[derive(Clone, Copy, Debug)]
struct Run {
    from: u64,
    to: u64,
}

impl Sorter {
    /// A sorter that takes about `memory` bytes: three heaps may be alive at once.
    pub(crate) fn new(memory: usize, spill: PathBuf) -> Self {
        let memory = (memory / 3).clamp(1 << 12, 1 << 30);
        Self { heap: Heap::default(), memory, spiller: None, spill, rows: 0 }
    }

    pub(crate) fn push(
        &mut self,
        key: Key,
        place: Place,
        pack: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Error> {
        let from = self.heap.bytes.len();
        let bytes = &mut self.heap.bytes;
        for number in [place.line, place.offset, place.len.into()] {
            bytes.number(number);
        }
        pack(bytes);
        // A heap is a gigabyte at most, and a row a few megabytes.
        let len = bytes.len() - from;
        self.heap.index.push((key, from as u32, len as u32));
        self.rows += 1;
        if self.heap.size() >= self.memory { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), Error> {
        let full = std::mem::replace(&mut self.heap, Heap::with_room(self.memory / 2));
        let spiller = match &self.spiller {
            Some(spiller) => spiller,
            None => self.spiller.insert(Spiller::start(tempfile::tempfile_in(&self.spill)?)),
        };
        // When it is gone, joining it tells why.
        if spiller.full.send(full).is_err() {
            return self.spiller.take().map_or(Ok(()), |spiller| spiller.finish().map(drop));
        }
        Ok(())
    }

    /// The rows, sorted.
    pub(crate) fn finish(mut self) -> Result<Sorted, Error> {
        self.heap.sort();
        let (file, runs) = match self.spiller.take() {
            Some(spiller) => spiller.finish().map(|(file, runs)| (Some(file), runs))?,
            None => (None, Vec::new()),
        };
        Sorted::open(file, &runs, self.heap, self.memory, self.rows)
    }
}

impl Spiller {
    fn start(file: File) -> Self {
        let (full, heaps) = sync_channel::<Heap>(1);
        let written = std::thread::spawn(move || {
            let mut out = BufWriter::with_capacity(1 << 20, &file);
            let (mut runs, mut from) = (Vec::new(), 0);
            for mut heap in heaps {
                heap.sort();
                let to = from + write_run(&mut out, &heap)?;
                runs.push(Run { from, to });
                from = to;
            }
            out.flush()?;
            drop(out);
            Ok((file, runs))
        });
        Self { full, written }
    }

    fn finish(self) -> Result<(File, Vec<Run>), Error> {
        drop(self.full);
        let written = self.written.join().map_err(|_| Error::Internal("sorting panicked"))?;
        Ok(written?)
    }
}

/// `region · CPF · order · length · row`, all numbers as [`Pack`] writes them but the fixed first four.
fn write_run(out: &mut impl Write, heap: &Heap) -> std::io::Result<u64> {
    let mut written = 0;
    for (at, (key, _, len)) in heap.index.iter().enumerate() {
        for number in [key.region, key.cpf, key.order] {
            out.write_all(&number.to_le_bytes())?;
        }
        out.write_all(&len.to_le_bytes())?;
        out.write_all(heap.packed(at))?;
        written += HEAD as u64 + u64::from(*len);
    }
    Ok(written)
}

const HEAD: usize = 28;

/// Rows by person.
pub(crate) struct Sorted {
    file: Option<File>,
    cursors: Vec<Cursor>,
    /// The next row of each run; runs are in the order of the file.
    next: BinaryHeap<Reverse<(Key, usize)>>,
    /// The last run never left the memory.
    heap: Heap,
    in_heap: usize,
    rows: u64,
    taken: Option<usize>,
}

struct Cursor {
    run: Run,
    buffer: Vec<u8>,
    start: usize,
    room: usize,
}

impl Sorted {
    fn open(file: Option<File>, runs: &[Run], heap: Heap, memory: usize, rows: u64) -> Result<Self, Error> {
        let room = (memory / runs.len().max(1)).clamp(1 << 14, 1 << 20);
        let cursor = |run: &Run| Cursor { run: *run, buffer: Vec::new(), start: 0, room };
        let cursors = runs.iter().map(cursor).collect();
        let next = BinaryHeap::new();
        let mut sorted = Self { file, cursors, next, heap, in_heap: 0, rows, taken: None };
        for run in 0..=runs.len() {
            sorted.offer(run)?;
        }
        Ok(sorted)
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The next row.
    pub(crate) fn next(&mut self) -> Result<Option<Packed<'_>>, Error> {
        if let Some(run) = self.taken.take() {
            self.pass(run);
            self.offer(run)?;
        }
        let Some(Reverse((key, run))) = self.next.pop() else { return Ok(None) };
        self.taken = Some(run);
        let packed = match self.cursors.get(run) {
            Some(cursor) => cursor.packed(),
            None => self.heap.packed(self.in_heap),
        };
        let mut unpack = Unpack(packed);
        let mut number = || unpack.number().ok_or(DAMAGED);
        let place = Place { line: number()?, offset: number()?, len: number()? as u32 };
        Ok(Some(Packed { key, place, body: unpack.0 }))
    }

    /// Steps over the row that was given out.
    fn pass(&mut self, run: usize) {
        match self.cursors.get_mut(run) {
            Some(cursor) => cursor.start += HEAD + cursor.len(),
            None => self.in_heap += 1,
        }
    }

    /// Puts the next row of a run among those to be chosen from.
    fn offer(&mut self, run: usize) -> Result<(), Error> {
        let key = match (self.cursors.get_mut(run), &self.file) {
            (Some(cursor), Some(file)) => cursor.load(file)?,
            _ => self.heap.index.get(self.in_heap).map(|(key, ..)| *key),
        };
        self.next.extend(key.map(|key| Reverse((key, run))));
        Ok(())
    }
}

const DAMAGED: Error = Error::Internal("the sorted rows cannot be read back");

impl Cursor {
    /// Sees to it that a whole row is in the buffer; its key.
    fn load(&mut self, file: &File) -> Result<Option<Key>, Error> {
        if !self.holds(HEAD) {
            self.read(file, HEAD)?;
        }
        if self.buffer.len() == self.start {
            return Ok(None);
        }
        let len = HEAD + self.len();
        if !self.holds(len) {
            self.read(file, len)?;
        }
        if !self.holds(len) {
            return Err(DAMAGED);
        }
        Ok(Some(Key { region: self.word(0), cpf: self.word(8), order: self.word(16) }))
    }

    fn holds(&self, len: usize) -> bool {
        self.buffer.len() - self.start >= len
    }

    fn read(&mut self, file: &File, least: usize) -> Result<(), Error> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let kept = self.buffer.len();
        let left = usize::try_from(self.run.to - self.run.from).unwrap_or(usize::MAX);
        let wanted = self.room.max(least).saturating_sub(kept).min(left);
        self.buffer.resize(kept + wanted, 0);
        file.read_exact_at(&mut self.buffer[kept..], self.run.from)?;
        self.run.from += wanted as u64;
        Ok(())
    }

    fn word(&self, at: usize) -> u64 {
        let bytes = self.buffer[self.start + at..].first_chunk();
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    fn len(&self) -> usize {
        let bytes = self.buffer[self.start + 24..].first_chunk();
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
    }

    fn packed(&self) -> &[u8] {
        let from = self.start + HEAD;
        &self.buffer[from..from + self.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(keys: &[u64], memory: usize) -> Vec<(u64, u64)> {
        let mut sorter = Sorter::new(memory, std::env::temp_dir());
        for (at, key) in (0..).zip(keys) {
            let place = Place { line: at, offset: at * 7, len: 3 };
            let key = Key { region: key % 7, cpf: *key, order: 0 };
            sorter.push(key, place, |to| to.text(&"x".repeat((at % 500) as usize))).unwrap();
        }
        let mut sorted = sorter.finish().unwrap();
        let mut rows = Vec::new();
        while let Some(row) = sorted.next().unwrap() {
            assert_eq!(row.place, Place { line: row.place.line, offset: row.place.line * 7, len: 3 });
            assert_eq!(Unpack(row.body).text().unwrap().len() as u64, row.place.line % 500);
            rows.push((row.key.cpf, row.place.line));
        }
        rows
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn rows_come_by_key_and_then_as_they_came(keys in proptest::collection::vec(0_u64..40, 0..700), memory in 0_usize..200_000) {
            let mut expected: Vec<_> = keys.iter().copied().zip(0..).collect();
            expected.sort_by_key(|(key, _)| (key % 7, *key));
            prop_assert_eq!(sorted(&keys, memory), expected);
        }
    }
}
