//! What must be there after the kill.

use super::{
    model::{self, Person, sorted},
    place::{BACK, PAUSE, Place},
    work::{Op, Worker},
};
use crate::server::{Answer, Line};
use serde_json::Value;
use std::{collections::HashSet, fmt, ops::AddAssign, time::Duration};
use tokio::time::{Instant, sleep};

/// Each look at a list is one more in it, and that ends at a hundred.
const AGAIN: Duration = Duration::from_millis(500);

/// What a run of rounds saw.
#[derive(Default)]
pub struct Tally {
    kills: u64,
    writes: usize,
    /// Those of the work, and those of the checks.
    consultations: usize,
    pending_done: usize,
    pending_undone: usize,
    /// Consultations that nobody got an answer of; each may be recorded or not.
    pending_consultations: usize,
    repeated: usize,
    /// Rows of imports, and imports that were cut off between their first batch and their last.
    fed: u64,
    cut: usize,
}

impl Tally {
    /// So many rows were imported, in two halves or not.
    pub fn fed(&mut self, rows: u64, in_halves: bool) {
        self.fed += rows;
        self.cut += usize::from(in_halves);
    }

    /// So many people were asked about beside the workers' own.
    pub fn asked(&mut self, people: usize) {
        self.consultations += people;
    }

    /// The number of the next kill.
    pub fn next_kill(&mut self) -> u64 {
        self.kills += 1;
        self.kills - 1
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.kills += other.kills;
        self.writes += other.writes;
        self.consultations += other.consultations;
        self.pending_done += other.pending_done;
        self.pending_undone += other.pending_undone;
        self.pending_consultations += other.pending_consultations;
        self.repeated += other.repeated;
        self.fed += other.fed;
        self.cut += other.cut;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { writes, consultations, pending_done, pending_undone, pending_consultations, .. } = self;
        let Self { kills, repeated, fed, cut, .. } = self;
        write!(
            f,
            "{kills} kills, {writes} acknowledged writes and {consultations} answered consultations are there, none twice; of {} \
             writes cut off {pending_done} were done, {pending_undone} not, none half; {pending_consultations} \
             consultations cut off; {repeated} repetitions with the same key did nothing twice; {fed} imported rows \
             are there once, {cut} imports cut off half-way",
            pending_done + pending_undone
        )
    }
}

/// Holds a worker's memory against what came back.
pub async fn everything(worker: &mut Worker, line: &Line) {
    worker.tally.writes += worker.writes;
    let pending = worker.pending.take();
    for who in 0..worker.people.len() {
        let found = person(worker, line, who).await;
        let before = &worker.people[who].1;
        let after = pending.as_ref().filter(|op| op.who == who).map_or(before, |op| &op.after);
        assert!(found == *before || found == *after, "{found:?}\nis neither {before:?}\nnor {after:?}");
        if before != after {
            let tally = &mut worker.tally;
            *if found == *after { &mut tally.pending_done } else { &mut tally.pending_undone } += 1;
        }
    }
    if let Some(op) = pending {
        worker.tally.pending_consultations += usize::from(op.consults);
        finish(worker, line, op).await;
    }
    repeat_last(worker, line).await;
    kept_dossiers(worker, line).await;
}

/// What was cut off is asked again with the same key: once in all, whatever had become of it.
async fn finish(worker: &mut Worker, line: &Line, op: Op) {
    let (who, end) = (op.who, Instant::now() + BACK);
    let mut answer = op.send(line).await.unwrap();
    // Somebody who died may keep others from what he was about to write for a moment.
    while answer.status == 503 && Instant::now() < end {
        worker.tally.pending_consultations += usize::from(op.consults);
        sleep(PAUSE).await;
        answer = op.send(line).await.unwrap();
    }
    worker.note(op, answer);
    assert_eq!(person(worker, line, who).await, worker.people[who].1);
    worker.tally.repeated += 1;
}

/// An acknowledged write, asked again with the same key, is answered as before and done no second time.
async fn repeat_last(worker: &mut Worker, line: &Line) {
    let Some((op, first)) = worker.last_write.take() else { return };
    let again = op.send(line).await.unwrap();
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    if op.consults {
        worker.consulted.push((op.who, again.header("x-request-id").to_owned()));
    }
    assert_eq!(person(worker, line, op.who).await, worker.people[op.who].1);
    worker.tally.repeated += 1;
}

/// A person as all bases show it.
async fn person(worker: &mut Worker, line: &Line, who: usize) -> Person {
    let debts = ask(worker, line, who, "/divida/{}").await;
    let score = ask(worker, line, who, "/score/{}").await;
    let movements = ask(worker, line, who, "/financial-transactions/{}").await.json();
    let dossiers = worker.read(who, "/dossies?limit=100&cpf={}").send(line).await.unwrap();
    assert_eq!(dossiers.status, 200, "{}", dossiers.text);
    // A glance is recorded under an id of its own.
    worker.glances += 1;
    let known =
        |answer: &Answer, read: fn(&Value) -> Value| (answer.status == 200).then(|| read(&answer.json()));
    Person {
        debts: known(&debts, model::debts),
        score: known(&score, model::score),
        movements: sorted(movements.as_array().unwrap().iter().map(model::movement).collect()),
        dossiers: dossiers.json()["items"].as_array().unwrap().len(),
    }
}

async fn ask(worker: &mut Worker, line: &Line, who: usize, path: &str) -> Answer {
    let answer = worker.read(who, path).send(line).await.unwrap();
    assert!(answer.status == 200 || answer.status == 404, "{path}: {} {}", answer.status, answer.text);
    worker.consulted.push((who, answer.header("x-request-id").to_owned()));
    answer
}

/// Kept dossiers are answered to the letter.
async fn kept_dossiers(worker: &mut Worker, line: &Line) {
    for (id, text) in worker.kept.clone() {
        let who = worker.people.iter().position(|(cpf, _)| text.contains(cpf)).unwrap();
        let answer = ask(worker, line, who, &format!("/dossies/{id}")).await;
        assert_eq!(answer.text, text, "{id}");
    }
}

/// Every answered consultation is in its person's list, once.
pub async fn consultations(worker: &mut Worker, line: &Line) {
    for who in 0..worker.people.len() {
        let of_person =
            |(of, id): &(usize, String)| (*of == who).then(|| id.replace('-', "")[..24].to_owned());
        let expected: Vec<String> = worker.consulted.iter().filter_map(of_person).collect();
        assert!(expected.len() < 100, "the list ends at a hundred");
        let listed = listed(worker, line, who, &expected).await;
        let once: HashSet<&String> = listed.iter().collect();
        assert_eq!(once.len(), listed.len(), "a consultation is there twice");
    }
    worker.tally.consultations += worker.consulted.len() + worker.glances;
}

/// The list may be a moment behind: other processes move what they recorded every few seconds.
async fn listed(worker: &mut Worker, line: &Line, who: usize, expected: &[String]) -> Vec<String> {
    let end = Instant::now() + BACK;
    loop {
        let answer = ask(worker, line, who, "/consulted-cpf/{}").await.json();
        let ids = answer.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned());
        let ids: Vec<String> = ids.collect();
        let gone: Vec<&String> = expected.iter().filter(|id| !ids.contains(id)).collect();
        if gone.is_empty() {
            return ids;
        }
        assert!(Instant::now() < end, "answered consultations of person {who} are gone: {gone:?}");
        sleep(AGAIN).await;
    }
}

/// The whole record, counted: as many rows as there were answers, but for those that nobody got.
pub async fn every_record_once(place: &Place, tally: &Tally) {
    let (rows, places) = place.records().await;
    assert_eq!(rows, places, "no place of a spool twice");
    let (least, most) = (tally.consultations, tally.consultations + tally.pending_consultations);
    assert!((least..=most).contains(&rows), "{rows} records, not {least} to {most}");
}
