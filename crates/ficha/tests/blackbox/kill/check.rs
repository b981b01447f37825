//! What must be there after the kill.

use super::{
    model::{self, Person, sorted},
    work::{Line, Op, Worker},
};
use crate::server::Answer;
use serde_json::Value;
use std::{collections::HashSet, fmt, path::Path, time::Duration};

/// What a run of rounds saw.
#[derive(Default)]
pub struct Tally {
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
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { writes, consultations, pending_done, pending_undone, pending_consultations, .. } = self;
        let Self { repeated, fed, cut, .. } = self;
        write!(
            f,
            "{writes} acknowledged writes and {consultations} answered consultations are there, none twice; of {} \
             writes cut off {pending_done} were done, {pending_undone} not, none half; {pending_consultations} \
             consultations cut off; {repeated} repetitions with the same key did nothing twice; {fed} imported rows \
             are there once, {cut} imports cut off half-way",
            pending_done + pending_undone
        )
    }
}

/// Holds a worker's memory against the server that came back.
pub async fn everything(worker: &mut Worker, line: &Line, tally: &mut Tally) {
    tally.writes += worker.writes;
    let pending = worker.pending.take();
    for who in 0..worker.people.len() {
        let found = person(worker, line, who).await;
        let before = &worker.people[who].1;
        let after = pending.as_ref().filter(|op| op.who == who).map_or(before, |op| &op.after);
        assert!(found == *before || found == *after, "{found:?}\nis neither {before:?}\nnor {after:?}");
        if before != after {
            *if found == *after { &mut tally.pending_done } else { &mut tally.pending_undone } += 1;
        }
    }
    if let Some(op) = pending {
        tally.pending_consultations += usize::from(op.consults);
        finish(worker, line, op, tally).await;
    }
    repeat_last(worker, line, tally).await;
    kept_dossiers(worker, line).await;
    consultations(worker, line).await;
    tally.consultations += worker.consulted.len() + worker.glances;
}

/// What was cut off is asked again with the same key: once in all, whatever had become of it.
async fn finish(worker: &mut Worker, line: &Line, op: Op, tally: &mut Tally) {
    let who = op.who;
    let answer = line.send(&op).await.unwrap();
    worker.note(op, answer);
    assert_eq!(person(worker, line, who).await, worker.people[who].1);
    tally.repeated += 1;
}

/// An acknowledged write, asked again with the same key, is answered as before and done no second time.
async fn repeat_last(worker: &mut Worker, line: &Line, tally: &mut Tally) {
    let Some((op, first)) = worker.last_write.take() else { return };
    let again = line.send(&op).await.unwrap();
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    if op.consults {
        worker.consulted.push((op.who, again.header("x-request-id").to_owned()));
    }
    assert_eq!(person(worker, line, op.who).await, worker.people[op.who].1);
    tally.repeated += 1;
}

/// A person as all bases show it.
async fn person(worker: &mut Worker, line: &Line, who: usize) -> Person {
    let debts = ask(worker, line, who, "/divida/{}").await;
    let score = ask(worker, line, who, "/score/{}").await;
    let movements = ask(worker, line, who, "/financial-transactions/{}").await.json();
    let dossiers = line.send(&worker.read(who, "/dossies?limit=100&cpf={}")).await.unwrap();
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
    let answer = line.send(&worker.read(who, path)).await.unwrap();
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
async fn consultations(worker: &mut Worker, line: &Line) {
    for who in 0..worker.people.len() {
        let of_person =
            |(of, id): &(usize, String)| (*of == who).then(|| id.replace('-', "")[..24].to_owned());
        let expected: Vec<String> = worker.consulted.iter().filter_map(of_person).collect();
        assert!(expected.len() < 100, "the list ends at a hundred");
        let listed = listed(worker, line, who, &expected).await;
        let once: HashSet<&String> = listed.iter().collect();
        assert_eq!(once.len(), listed.len(), "a consultation is there twice");
        for id in &expected {
            assert!(once.contains(id), "the consultation {id} was answered and is gone");
        }
    }
}

/// The list may be a moment behind; then it says so, and is asked again.
async fn listed(worker: &mut Worker, line: &Line, who: usize, expected: &[String]) -> Vec<String> {
    for _ in 0..20 {
        let answer = ask(worker, line, who, "/consulted-cpf/{}").await.json();
        let ids = answer.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned());
        let ids: Vec<String> = ids.collect();
        if expected.iter().all(|id| ids.contains(id)) {
            return ids;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("answered consultations of person {who} are gone");
}

/// The whole record, counted: as many rows as there were answers, but for those that nobody got.
pub fn every_record_once(dir: &tempfile::TempDir, tally: &Tally) {
    let file = dir.path().join("evidence.sqlite");
    let (rows, places) = count(&file);
    assert_eq!(rows, places, "no place of a spool twice");
    let (least, most) = (tally.consultations, tally.consultations + tally.pending_consultations);
    assert!((least..=most).contains(&rows), "{rows} records, not {least} to {most}");
}

fn count(file: &Path) -> (usize, usize) {
    let database =
        rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let number = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() as usize;
    let places = number("SELECT count(*) FROM (SELECT DISTINCT spool, sequence FROM consultation)");
    (number("SELECT count(*) FROM consultation"), places)
}
