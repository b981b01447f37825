//! What is durable and not yet in the store.
//!
//! One entry per record, under 200 bytes with its place in the map: about what it takes in the spool, whose bound
//! therefore bounds this. The records themselves are held up to a bound of their own; beyond it, and after a restart,
//! the mover reads them back from the segment.
//!
//! Beside them, what the store has told of people who were asked for lately: whoever is asked for once is often asked
//! for again, by the next lender.

use crate::{
    spool::segment::{ReadError, Segment},
    store::Label,
};
use ficha_contract::LastConsultation;
use ficha_seal::BlindIndex;
use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque, hash_map},
    sync::Arc,
};

/// A record that is durable and not yet moved.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) sequence: u64,
    pub(crate) label: Label,
    pub(crate) hash: [u8; 16],
    pub(crate) segment: Arc<Segment>,
    /// Where its frame is in the segment.
    pub(crate) offset: u32,
    /// Bytes of the whole frame.
    pub(crate) len: u32,
    /// The record; `None` where it is only on the disk.
    pub(crate) record: Option<Box<[u8]>>,
    /// The same person's entry before this one; 0 where there is none that counts.
    pub(crate) previous: u64,
}

impl Entry {
    /// The record, from the disk where memory does not hold it.
    pub(crate) fn record(&self) -> Result<Cow<'_, [u8]>, ReadError> {
        match &self.record {
            Some(record) => Ok(Cow::Borrowed(record)),
            None => self.segment.read(self.sequence, self.offset, self.len).map(Cow::Owned),
        }
    }

    fn held(&self) -> usize {
        self.record.as_ref().map_or(0, |record| record.len())
    }
}

/// Beyond so many people no more are learned of, and with the next batch those who have no entry are forgotten.
const KNOWN: usize = 65_536;

/// The latest of a person's consultations.
struct Latest {
    /// The entry recorded last, where the chain of [`Entry::previous`] begins; 0 where all are in the store.
    sequence: u64,
    /// Of what is known here; `None` of somebody who was never consulted.
    last: Option<LastConsultation>,
    /// Whether the store keeps nothing later.
    known: bool,
}

/// What is known of a person's latest consultation.
pub(crate) struct Told {
    pub(crate) last: Option<LastConsultation>,
    /// Whether the store need not be asked.
    pub(crate) known: bool,
    /// Comes back with what the store says.
    pub(crate) moves: u64,
}

const NOTHING: Latest = Latest { sequence: 0, last: None, known: false };

impl Latest {
    /// Asked earlier and answered later: recorded last, but not the latest.
    fn learn(&mut self, other: Option<LastConsultation>) {
        self.last = [self.last, other].into_iter().flatten().max_by_key(|last| last.at);
    }
}

/// The entries, in order, and by person.
pub(crate) struct Pending {
    /// Those that the mover has taken and that are perhaps not in the store yet.
    moving: Arc<Vec<Entry>>,
    waiting: VecDeque<Entry>,
    people: HashMap<BlindIndex, Latest>,
    /// Segments that are written no more, oldest first.
    closed: VecDeque<Arc<Segment>>,
    held_bytes: usize,
    held_bytes_max: usize,
    /// How often entries went into the store: what it said before that is no longer the whole.
    moves: u64,
}

impl Pending {
    /// Nothing yet; holds so many bytes of record bodies.
    pub(crate) fn new(held_bytes_max: usize) -> Self {
        Self {
            moving: Arc::default(),
            waiting: VecDeque::new(),
            people: HashMap::new(),
            closed: VecDeque::new(),
            held_bytes: 0,
            held_bytes_max,
            moves: 0,
        }
    }

    /// Adds what has become durable, in order.
    pub(crate) fn add(&mut self, entries: impl Iterator<Item = Entry>) {
        for mut entry in entries {
            if entry.label.counts {
                entry.previous = self.note(entry.sequence, &entry.label);
            }
            if self.held_bytes + entry.held() > self.held_bytes_max {
                entry.record = None;
            }
            self.held_bytes += entry.held();
            self.waiting.push_back(entry);
        }
    }

    fn note(&mut self, sequence: u64, label: &Label) -> u64 {
        let latest = self.people.entry(label.person).or_insert(NOTHING);
        latest.learn(label.told());
        std::mem::replace(&mut latest.sequence, sequence)
    }

    /// Notes what the store said of a person, unless entries went into it since [`Pending::last`] was asked.
    pub(crate) fn learn(&mut self, person: BlindIndex, kept: Option<LastConsultation>, moves: u64) {
        if self.moves != moves {
            return;
        }
        let has_room = self.people.len() < KNOWN;
        let latest = match self.people.entry(person) {
            hash_map::Entry::Occupied(occupied) => occupied.into_mut(),
            hash_map::Entry::Vacant(vacant) if has_room => vacant.insert(NOTHING),
            hash_map::Entry::Vacant(_) => return,
        };
        latest.learn(kept);
        latest.known = true;
    }

    /// Notes a segment that is written no more; its entries have been added.
    pub(crate) fn close(&mut self, segment: Arc<Segment>) {
        self.closed.push_back(segment);
    }

    /// How many records are not in the store yet.
    pub(crate) fn len(&self) -> usize {
        self.moving.len() + self.waiting.len()
    }

    /// The latest consultation of a person, as far as it is known here.
    pub(crate) fn last(&self, person: BlindIndex) -> Told {
        let latest = self.people.get(&person).unwrap_or(&NOTHING);
        Told { last: latest.last, known: latest.known, moves: self.moves }
    }

    /// A person's entries that count, the one recorded last first, at most `limit`.
    pub(crate) fn of_person(&self, person: BlindIndex, limit: usize) -> Vec<Entry> {
        let first = self.people.get(&person).and_then(|latest| self.find(latest.sequence));
        let chain = std::iter::successors(first, |entry| self.find(entry.previous));
        chain.take(limit).cloned().collect()
    }

    fn find(&self, sequence: u64) -> Option<&Entry> {
        if let Ok(at) = self.moving.binary_search_by_key(&sequence, |entry| entry.sequence) {
            return self.moving.get(at);
        }
        let at = self.waiting.binary_search_by_key(&sequence, |entry| entry.sequence).ok()?;
        self.waiting.get(at)
    }

    /// The next batch for the store: the same one until it is [`Pending::finish`]ed.
    pub(crate) fn batch(&mut self, len: usize) -> Arc<Vec<Entry>> {
        if self.moving.is_empty() {
            let len = len.min(self.waiting.len());
            self.moving = Arc::new(self.waiting.drain(..len).collect());
        }
        self.moving.clone()
    }

    /// These are in the store: `last` need not know them any more, where it does not know the whole.
    pub(crate) fn forget(&mut self, moved: &[Entry]) {
        self.moves += 1;
        for Entry { sequence, label, .. } in moved {
            if let hash_map::Entry::Occupied(mut occupied) = self.people.entry(label.person)
                && occupied.get().sequence == *sequence
            {
                match occupied.get().known {
                    true => occupied.get_mut().sequence = 0,
                    false => drop(occupied.remove()),
                }
            }
        }
    }

    /// The batch is in the store and forgotten.
    pub(crate) fn finish(&mut self) {
        self.held_bytes -= self.moving.iter().map(Entry::held).sum::<usize>();
        self.moving = Arc::default();
        // Room for others: a millisecond, once for a batch.
        if self.people.len() >= KNOWN {
            self.people.retain(|_, latest| latest.sequence != 0);
        }
        if self.waiting.is_empty() {
            // What an absence of the store made grow is given back.
            self.waiting.shrink_to(4096);
            self.people.shrink_to(4096);
        }
    }

    /// The segments of which nothing is left to move; each is named once.
    pub(crate) fn done(&mut self) -> Vec<Arc<Segment>> {
        let oldest = self.moving.first().or(self.waiting.front()).map_or(u64::MAX, |entry| entry.sequence);
        let done = self.closed.iter().take_while(|segment| segment.sequences.end <= oldest).count();
        self.closed.drain(..done).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        spool::segment::Header,
        store::SpoolId,
        tests::{keyring, sim::SimDisk},
    };
    use ficha_domain::Purpose;
    use jiff::Timestamp;

    const NONE: [u64; 0] = [];

    fn segment(first: u64) -> Arc<Segment> {
        let header = Header { spool: SpoolId([1; 16]), first, salt: [0; 16] };
        Arc::new(Segment::create(&SimDisk::default(), &keyring(1).vault("spool"), header, 100).unwrap())
    }

    fn entry(segment: &Arc<Segment>, sequence: u64, at_ms: i64) -> Entry {
        let person = BlindIndex { key: 1, value: [7; 16] };
        Entry {
            sequence,
            label: Label { person, at_ms, purpose: Purpose::RiskAnalysis, counts: true },
            hash: [0; 16],
            segment: segment.clone(),
            offset: 0,
            len: 0,
            record: Some(vec![0; 10].into()),
            previous: 0,
        }
    }

    fn sequences(entries: &[Entry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.sequence).collect()
    }

    /// Moves so many to the store.
    fn take(pending: &mut Pending, len: usize) {
        let batch = pending.batch(len);
        pending.forget(&batch);
        pending.finish();
    }

    #[test]
    fn a_person_is_known_until_the_last_entry_is_moved() {
        let (segment, mut pending) = (segment(1), Pending::new(25));
        pending.add((1..=3).map(|sequence| entry(&segment, sequence, sequence as i64)));
        let person = entry(&segment, 1, 1).label.person;
        assert_eq!(sequences(&pending.of_person(person, 9)), [3, 2, 1]);
        assert_eq!(sequences(&pending.batch(1)), [1]);
        assert_eq!(sequences(&pending.batch(9)), [1], "the same until it is finished");
        assert_eq!(sequences(&pending.of_person(person, 9)), [3, 2, 1], "on the move and still known");
        for left in [&[3, 2][..], &[3], &[]] {
            take(&mut pending, 1);
            assert_eq!(sequences(&pending.of_person(person, 9)), left);
            assert_eq!(
                pending.last(person).last.map(|last| last.at.as_millisecond()),
                left.first().map(|_| 3)
            );
            assert_eq!(pending.len(), left.len());
        }
        assert_eq!(pending.held_bytes, 0);
    }

    fn at(ms: i64) -> Option<LastConsultation> {
        let at = Timestamp::from_millisecond(ms).unwrap();
        Some(LastConsultation { at, purpose: Purpose::RiskAnalysis })
    }

    #[test]
    fn what_the_store_said_stays_known_and_grows_with_what_goes_into_it() {
        let (segment, mut pending) = (segment(1), Pending::new(25));
        let person = entry(&segment, 1, 1).label.person;
        let told = |pending: &Pending| {
            let Told { last, known, .. } = pending.last(person);
            (last, known)
        };
        assert_eq!(told(&pending), (None, false));
        let moves = pending.last(person).moves;
        pending.learn(person, None, moves);
        assert_eq!(told(&pending), (None, true), "nobody ever asked for him");
        pending.add([entry(&segment, 1, 10), entry(&segment, 2, 9)].into_iter());
        assert_eq!(told(&pending), (at(10), true), "recorded last is not the latest");
        take(&mut pending, 2);
        assert_eq!(told(&pending), (at(10), true));
        assert_eq!(sequences(&pending.of_person(person, 9)), NONE);
    }

    #[test]
    fn what_the_store_said_before_it_got_more_is_not_learned() {
        let (segment, mut pending) = (segment(1), Pending::new(25));
        let person = entry(&segment, 1, 1).label.person;
        let before = pending.last(person);
        pending.add([entry(&segment, 1, 10)].into_iter());
        take(&mut pending, 1);
        pending.learn(person, None, before.moves);
        assert!(!pending.last(person).known, "the store has to be asked again");
        pending.learn(person, at(10), pending.last(person).moves);
        assert_eq!(pending.last(person).last, at(10));
    }

    #[test]
    fn people_who_are_known_are_bounded_and_change_with_each_batch() {
        let (segment, mut pending) = (segment(1), Pending::new(0));
        let person = |number: usize| BlindIndex { key: 1, value: (number as u128).to_be_bytes() };
        let waits = entry(&segment, 1, 10);
        let waiting = waits.label.person;
        pending.add([waits].into_iter());
        (0..=KNOWN).for_each(|number| pending.learn(person(number), None, 0));
        assert_eq!(pending.people.len(), KNOWN, "no more are taken, and nobody is looked for to make room");
        pending.learn(waiting, at(3), 0);
        assert!(pending.last(waiting).known, "who has an entry takes no room");
        pending.add([entry(&segment, 2, 11)].into_iter());
        let batch = pending.batch(1);
        pending.forget(&batch);
        pending.finish();
        assert_eq!(pending.people.len(), 1, "the others make room, once for a batch");
        assert_eq!(pending.last(waiting).last, at(11));
    }

    #[test]
    fn records_are_held_up_to_the_bound() {
        let (segment, mut pending) = (segment(1), Pending::new(25));
        pending.add((1..=3).map(|sequence| entry(&segment, sequence, 1)));
        assert_eq!(pending.batch(9).iter().map(Entry::held).collect::<Vec<_>>(), [10, 10, 0]);
    }

    #[test]
    fn a_segment_is_done_when_all_of_it_is_moved_and_it_is_written_no_more() {
        let (first, second, mut pending) = (segment(1), segment(101), Pending::new(0));
        pending.add([entry(&first, 1, 1), entry(&first, 2, 2), entry(&second, 101, 3)].into_iter());
        let done = |pending: &mut Pending| {
            pending.done().iter().map(|done| done.sequences.start).collect::<Vec<_>>()
        };
        take(&mut pending, 2);
        assert_eq!(done(&mut pending), NONE);
        pending.close(first);
        assert_eq!(done(&mut pending), [1]);
        assert_eq!(done(&mut pending), NONE, "named once");
        pending.close(second);
        let _on_the_move = pending.batch(1);
        assert_eq!(done(&mut pending), NONE);
        take(&mut pending, 1);
        assert_eq!(done(&mut pending), [101]);
    }
}
