//! The thread "spool": takes everything that waits, writes it once, syncs it once, answers all.

use crate::{
    shared::{Gate, Room, Shared},
    spool::{
        frame,
        log::{Fresh, Log, WriteError},
        segment,
    },
};
use ficha_contract::RecordRefused;
use ficha_seal::Vault;
use std::{
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

/// So many callers wait in the queue before others have to wait for a place in it.
const QUEUE: usize = 4096;
/// So many callers are served by one sync at most: bounds the time until the first of them is answered.
const GROUP: usize = 1024;

/// Hands consultations to the thread.
pub(crate) struct Writer {
    queue: mpsc::Sender<Request>,
    shared: Arc<Shared>,
    /// Bytes of a frame besides its record.
    overhead: usize,
}

enum Request {
    Record(Recording),
    Stop(oneshot::Sender<()>),
}

struct Recording {
    fresh: Vec<Fresh>,
    room: Room,
    answer: oneshot::Sender<Result<(), RecordRefused>>,
}

/// What comes after a group.
enum After {
    More,
    Stop(oneshot::Sender<()>),
    NobodyLeft,
}

impl Writer {
    /// Starts the thread on this log; `vault` is the one that the log seals with.
    pub(crate) fn start(log: Log, vault: &Vault, shared: Arc<Shared>) -> io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let thread = Serving { log, waiting, shared: shared.clone() };
        std::thread::Builder::new().name("spool".to_owned()).spawn(move || thread.serve())?;
        let overhead = frame::HEADER_LEN + vault.seal([0; 12], &[], &[]).len();
        Ok(Self { queue, shared, overhead })
    }

    /// Waits until all of them are durable.
    pub(crate) async fn record(&self, fresh: Vec<Fresh>) -> Result<(), RecordRefused> {
        if self.shared.gate() == Gate::Failed {
            return Err(RecordRefused::Failed);
        }
        let room = self.room(&fresh)?;
        let (answer, answered) = oneshot::channel();
        let request = Request::Record(Recording { fresh, room, answer });
        self.queue.send(request).await.map_err(|_| RecordRefused::Failed)?;
        // Nobody answers when the thread has stopped.
        answered.await.unwrap_or(Err(RecordRefused::Failed))
    }

    fn room(&self, fresh: &[Fresh]) -> Result<Room, RecordRefused> {
        let frame_len = |fresh: &Fresh| self.overhead + fresh.record.len();
        let largest = self.shared.tuning.segment_bytes - segment::HEADER_LEN;
        if fresh.iter().any(|fresh| frame_len(fresh) > largest) {
            return Err(RecordRefused::Full);
        }
        let bytes: usize = fresh.iter().map(frame_len).sum();
        Room::take(&self.shared, bytes as u64).ok_or(RecordRefused::Full)
    }

    /// Writes what waits, then ends the thread. Whoever comes later is refused.
    pub(crate) async fn stop(&self) {
        let (stopped, wait) = oneshot::channel();
        if self.queue.send(Request::Stop(stopped)).await.is_ok() {
            // Nothing is sent: it is dropped when the thread has ended.
            let _ = wait.await;
        }
    }
}

/// What the thread owns.
struct Serving {
    log: Log,
    waiting: mpsc::Receiver<Request>,
    shared: Arc<Shared>,
}

impl Serving {
    fn serve(mut self) {
        let mut group = Vec::with_capacity(GROUP);
        let mut not_before = Instant::now();
        loop {
            let after = self.gather(&mut group, not_before);
            let is_busy = group.len() > 1;
            not_before = Instant::now() + if is_busy { self.shared.tuning.pace } else { Duration::ZERO };
            let is_failed = !group.is_empty() && self.serve_group(&mut group).is_err();
            match after {
                After::Stop(stopped) => return self.stop(Some(stopped)),
                After::NobodyLeft => return,
                After::More if is_failed => return self.stop(None),
                After::More => {}
            }
        }
    }

    /// What waits. Where the last sync had more than one caller, more are coming, and a moment's patience makes one sync
    /// of what would be four, each of which costs as much processor time as a dossier. A lone caller never waits.
    #[expect(clippy::disallowed_methods, reason = "nobody tells that no more callers come")]
    fn gather(&mut self, group: &mut Vec<Recording>, not_before: Instant) -> After {
        let mut next = self.waiting.blocking_recv();
        if next.is_some() {
            std::thread::sleep(not_before.saturating_duration_since(Instant::now()));
        }
        loop {
            match next {
                Some(Request::Record(recording)) => group.push(recording),
                Some(Request::Stop(stopped)) => return After::Stop(stopped),
                None => return After::NobodyLeft,
            }
            if group.len() == GROUP {
                return After::More;
            }
            let Ok(request) = self.waiting.try_recv() else { return After::More };
            next = Some(request);
        }
    }

    fn serve_group(&mut self, group: &mut Vec<Recording>) -> io::Result<()> {
        match self.write(group) {
            Ok(records) => {
                self.shared.records.fetch_add(records, Relaxed);
                answer(group, Ok(()), Room::keep);
                Ok(())
            }
            Err(WriteError::Full) => {
                self.log.abandon();
                self.shared.set_full(true);
                tracing::error!("the spool's disk is full; nothing is answered until there is room");
                answer(group, Err(RecordRefused::Full), drop);
                Ok(())
            }
            Err(WriteError::Failed(error)) => {
                self.shared.fail();
                tracing::error!(%error, "the spool cannot be written; nothing is answered until a restart");
                answer(group, Err(RecordRefused::Failed), drop);
                Err(error)
            }
        }
    }

    fn write(&mut self, group: &mut [Recording]) -> Result<u64, WriteError> {
        for fresh in group.iter_mut().flat_map(|recording| recording.fresh.drain(..)) {
            self.log.stage(fresh)?;
        }
        let written = self.log.commit()?;
        self.shared.syncs.fetch_add(written.syncs, Relaxed);
        let records = written.entries.len() as u64;
        let mut pending = self.shared.pending();
        // Before the answers: what is answered is known to `last`.
        pending.add(written.entries);
        written.closed.for_each(|segment| pending.close(segment));
        if pending.len() >= self.shared.tuning.wake_at {
            self.shared.wake.notify_one();
        }
        Ok(records)
    }

    /// Ends the log, then refuses who waits in the queue.
    fn stop(self, stopped: Option<oneshot::Sender<()>>) {
        let Self { log, mut waiting, shared } = self;
        if let Some(segment) = log.end().filter(|_| shared.gate() != Gate::Failed) {
            shared.pending().close(segment);
        }
        // Answers that are dropped refuse. Until nobody has a place in the queue any more: what a caller puts into a
        // queue whose end is merely gone would wait there for ever.
        waiting.close();
        while waiting.blocking_recv().is_some() {}
        drop(stopped);
    }
}

fn answer(group: &mut Vec<Recording>, answer: Result<(), RecordRefused>, room: fn(Room)) {
    for recording in group.drain(..) {
        room(recording.room);
        // An error: the caller has gone; what is durable is kept all the same.
        let _ = recording.answer.send(answer);
    }
}
