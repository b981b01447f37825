//! The promise: the spool loses everything that is not synced, at every possible moment, and yet every answered
//! consultation is in the store, none twice.

use super::*;
use crate::tests::{
    fuse::Fuse,
    sim::{Loss, SimDisk},
};
use std::sync::atomic::Ordering::SeqCst;

/// What becomes of each of the scenario's steps.
#[derive(Default)]
struct Run {
    answered: Vec<u64>,
    refused: Vec<u64>,
}

impl Run {
    async fn record(&mut self, service: &EvidenceService, numbers: std::ops::Range<u64>) {
        let answered = record(service, numbers.clone()).await;
        if answered { &mut self.answered } else { &mut self.refused }.extend(numbers);
    }
}

/// Who runs the scenario.
#[derive(Clone, Copy, Debug)]
struct Machine {
    tuning: Tuning,
    /// Whether the next segment is made ready early, or as late as can be.
    has_threads: bool,
    /// Whether others have the store as well.
    is_shared: bool,
}

impl Machine {
    fn store(&self) -> MemoryStore {
        if self.is_shared { MemoryStore::shared() } else { MemoryStore::default() }
    }
}

const EARLY: Machine = Machine { tuning: SMALL, has_threads: true, is_shared: false };
const LATE: Machine = Machine { tuning: READ_BACK, has_threads: false, is_shared: true };

/// Several groups, more than one segment in a group, moves between and at the end, segments removed, a second start.
async fn scenario(disk: &SimDisk, store: &MemoryStore, machine: Machine) -> Run {
    let Machine { tuning, has_threads, .. } = machine;
    disk.faults.has_no_threads.store(!has_threads, SeqCst);
    let mut run = Run::default();
    let mut numbers = 0;
    for steps in [&[1, 3, 0, 2, 9, 1, 0, 0, 4, 2][..], &[5, 0, 3]] {
        let Ok(service) = EvidenceService::start(Parts { tuning, ..parts(disk, store) }).await else {
            return run;
        };
        for step in steps {
            if *step == 0 {
                let _ = service.flush().await;
            } else {
                run.record(&service, numbers..numbers + step).await;
                numbers += step;
            }
        }
        let _ = service.close().await;
    }
    run
}

/// Starts on what the crash left, and finds everything.
async fn check(disk: &SimDisk, store: &MemoryStore, run: &Run, case: &str) {
    let service = start(disk, store).await.unwrap();
    for number in &run.answered {
        let last = service.last(person(*number)).await.unwrap().map(|last| last.at);
        assert_eq!(last, Some(consultation(*number).at), "{case}: {number} is told");
    }
    assert!(record(&service, 1000..1003).await, "{case}");
    service.close().await.unwrap();
    let figures = service.figures();
    assert_eq!((figures.alarms, figures.backlog_records, figures.backlog_bytes), (0, 0, 0), "{case}");
    let kept = kept(store);
    assert!(kept.is_sorted_by(|one, next| one < next), "{case}: {kept:?}, none is there twice");
    let is_there = |number: &u64| kept.binary_search(number).is_ok();
    assert!(run.answered.iter().chain(&[1000, 1001, 1002]).all(is_there), "{case}: {kept:?}");
    let known =
        |number: &u64| *number >= 1000 || run.answered.contains(number) || run.refused.contains(number);
    assert!(kept.iter().all(known), "{case}: {kept:?}, nothing that nobody asked");
    assert_eq!(disk.segments().len(), 1, "{case}: what is moved is removed");
    assert_eq!(store.spools(), [], "{case}: and holds nobody back");
}

fn losses(seed: u64) -> [Loss; 6] {
    let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    [
        Loss::Everything,
        Loss::Kill,
        Loss::Tails(seed),
        Loss::Tails(seed + 1),
        Loss::Pieces(seed),
        Loss::Pieces(seed + 1),
    ]
}

async fn crash_before(operation: u64, machine: Machine) -> (SimDisk, MemoryStore, Run) {
    let fuse = Arc::new(Fuse::before(operation));
    let (disk, store) = (SimDisk::with_fuse(fuse.clone()), machine.store());
    let run = scenario(&disk, &store.with_fuse(fuse), machine).await;
    (disk, store, run)
}

/// How many operations the scenario has.
async fn operations(machine: Machine) -> u64 {
    let fuse = Arc::new(Fuse::default());
    let store = machine.store();
    let run = scenario(&SimDisk::with_fuse(fuse.clone()), &store.with_fuse(fuse.clone()), machine).await;
    assert_eq!(run.answered, (0..30).collect::<Vec<_>>());
    assert_eq!(kept(&store), run.answered);
    fuse.count()
}

#[tokio::test]
async fn a_crash_at_any_moment_loses_nothing_answered_and_doubles_nothing() {
    for machine in [EARLY, LATE] {
        let operations = operations(machine).await;
        assert!(operations > 70, "{operations}: the scenario covers what it is meant to");
        println!("{} moments, {} losses at each", operations + 1, losses(0).len());
        for operation in 0..=operations {
            for loss in losses(operation) {
                let (disk, store, run) = crash_before(operation, machine).await;
                let disk = disk.after(loss, Arc::default());
                check(&disk, &store, &run, &format!("crash before {operation} of {operations}, {loss:?}"))
                    .await;
            }
        }
    }
}

#[tokio::test]
async fn a_crash_while_a_crash_is_recovered_changes_nothing() {
    // Late differs little here and costs the same: every third moment.
    for (machine, step) in [(EARLY, 1), (LATE, 3)] {
        let operations = operations(machine).await;
        let mut moments = 0;
        for operation in (0..=operations).step_by(step) {
            moments += recover_and_crash(operation, machine).await;
        }
        println!("{moments} pairs of moments");
    }
}

/// Crashes before this operation, then before every operation of the recovery and what follows; how many those were.
async fn recover_and_crash(operation: u64, machine: Machine) -> u64 {
    let mut second = 0;
    loop {
        // One loss for the first crash, another for the second, other pairs at every moment.
        let all = losses(operation * 1000 + second);
        let first_loss = all[((operation + second) % 6) as usize];
        let second_loss = all[((operation / 6 + second * 5 + 1) % 6) as usize];
        let (disk, store, mut run) = crash_before(operation, machine).await;
        let fuse = Arc::new(Fuse::before(second));
        let disk = disk.after(first_loss, fuse.clone());
        if let Ok(service) = start(&disk, &store.with_fuse(fuse.clone())).await {
            run.record(&service, 500..504).await;
            let _ = service.close().await;
        }
        let case = format!("crash before {operation}, {first_loss:?}, then before {second}, {second_loss:?}");
        check(&disk.after(second_loss, Arc::default()), &store, &run, &case).await;
        second += 1;
        if fuse.count() < second {
            return second;
        }
    }
}
