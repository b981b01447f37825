//! The synthetic population into the bases.

use crate::progress;
use anyhow::Result;
use ficha_contract::{
    Ingest,
    wire::{Debt, DebtsPerson, Movement, Of, ScorePerson, Valued},
};
use ficha_population::{Item, Person, Population};
use tokio::sync::mpsc;

/// People in a transaction: large enough that its sync does not count, small enough to stay in the caches.
const BATCH: u64 = 2000;

/// The bases, as they are fed.
#[derive(Clone, Copy)]
pub struct Feeds<'a> {
    pub debts: &'a dyn Ingest<Of<DebtsPerson>>,
    pub score: &'a dyn Ingest<Of<ScorePerson>>,
    pub events: &'a dyn Ingest<Movement>,
}

/// Makes and loads `people` people; a bar shows how far it is. Loading again changes nothing.
pub async fn run(population: Population, people: u64, feeds: Feeds<'_>) -> Result<()> {
    let bar = progress::bar(people, "people");
    // One batch is made while another is written.
    let (ready, mut batches) = mpsc::channel::<Vec<Person>>(2);
    let making = tokio::task::spawn_blocking(move || {
        for first in (0..people).step_by(usize::try_from(BATCH).unwrap_or(1)) {
            let numbers = first..people.min(first + BATCH);
            let batch = numbers.map(|number| population.person(number)).collect();
            if ready.blocking_send(batch).is_err() {
                return;
            }
        }
    });
    while let Some(batch) = batches.recv().await {
        let count = batch.len() as u64;
        write(&batch, feeds).await?;
        bar.inc(count);
    }
    making.await?;
    bar.finish_and_clear();
    Ok(())
}

async fn write(batch: &[Person], feeds: Feeds<'_>) -> Result<()> {
    let debts = batch.iter().filter(|person| person.in_debts).map(debts_of).collect();
    let score = batch.iter().filter(|person| person.in_score).map(score_of).collect();
    let events = batch.iter().filter(|person| person.in_events).flat_map(events_of).collect();
    let (debts, score, events) =
        tokio::join!(feeds.debts.ingest(debts), feeds.score.ingest(score), feeds.events.ingest(events));
    debts?;
    score?;
    events?;
    Ok(())
}

fn debts_of(person: &Person) -> Of<DebtsPerson> {
    let debts =
        person.debts.iter().map(|debt| Debt { id: None, value: debt.value, date: debt.date }).collect();
    let (name, address) = (person.name.clone(), person.address.clone());
    Of { cpf: person.cpf, person: DebtsPerson { cpf: None, name, address, debts } }
}

fn score_of(person: &Person) -> Of<ScorePerson> {
    let valued = |items: &[Item]| {
        let valued = |item: &Item| Valued { value: item.value, description: item.description.to_owned() };
        items.iter().map(valued).collect()
    };
    let date_birth = person.date_birth.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|day| day.timestamp());
    let known = ScorePerson {
        cpf: None,
        name: person.name.clone(),
        address: person.address.clone(),
        date_birth,
        patrimonies: valued(&person.patrimonies),
        sources_income: valued(&person.sources_income),
    };
    Of { cpf: person.cpf, person: known }
}

fn events_of(person: &Person) -> impl Iterator<Item = Movement> {
    person.movements.iter().map(|movement| Movement {
        id: Some(movement.id),
        cpf: person.cpf.to_string(),
        description: movement.description.to_owned(),
        value: movement.value,
        date: movement.at,
        kind: movement.kind,
        payment_type: movement.payment_type,
    })
}
