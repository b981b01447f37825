//! Hot records: read in one step, kept in step with the movements.

use super::rows;
use crate::{
    LastPurchase, Zone,
    hot::{Digest, LAYOUT},
};
use ficha_sqlite::{Database, Error};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::ops::ControlFlow;

/// People whose records are made anew in one transaction.
const STEP: i64 = 500;

/// Copies the record from the page that it lies on into the answer, once.
pub(super) fn append(connection: &Connection, cpf: i64, answer: &mut Vec<u8>) -> rusqlite::Result<Timestamp> {
    let mut statement =
        connection.prepare_cached("SELECT updated_at, last_purchase, rest FROM hot WHERE cpf = ?1")?;
    statement.query_row([cpf], |row| {
        let (last_purchase, rest) = (row.get_ref(1)?.as_bytes()?, row.get_ref(2)?.as_bytes()?);
        answer.reserve(last_purchase.len() + rest.len());
        answer.extend_from_slice(last_purchase);
        answer.extend_from_slice(rest);
        instant(row, 0)
    })
}

pub(super) fn last_purchase(connection: &Connection, cpf: i64) -> rusqlite::Result<LastPurchase> {
    let mut statement =
        connection.prepare_cached("SELECT nullif(last_purchase, 'null') FROM hot WHERE cpf = ?1")?;
    statement.query_row([cpf], |row| Ok(LastPurchase { json: row.get(0)? }))
}

fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let out_of_range = |_| rusqlite::Error::IntegralValueOutOfRange(column, 0);
    Timestamp::from_millisecond(row.get(column)?).map_err(out_of_range)
}

/// Makes a person's record anew from his movements. Costs as much as the movements of his latest twelve months.
pub(super) fn refresh(
    connection: &Connection,
    zone: &Zone,
    cpf: i64,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut digest = Digest::new(zone);
    rows::each(connection, cpf, |movement| {
        if digest.add(movement) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    let last_purchase = rows::latest_purchase(connection, cpf)?;
    let unwritable = |error| rusqlite::Error::ToSqlConversionFailure(Box::new(error));
    match digest.finish(last_purchase.as_ref()).map_err(unwritable)? {
        Some(hot) => connection
            .prepare_cached("INSERT OR REPLACE INTO hot VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![cpf, now.as_millisecond(), hot.last_purchase, hot.rest])
            .map(drop),
        None => connection.prepare_cached("DELETE FROM hot WHERE cpf = ?1")?.execute([cpf]).map(drop),
    }
}

/// Makes all records anew when the file's are of another layout or zone. Killed on the way, it begins again.
pub(super) async fn renew(database: &Database, zone: &Zone) -> Result<(), Error> {
    let wanted = format!("{LAYOUT} {}", zone.name());
    let found = database.read(|connection| {
        connection.query_row("SELECT layout FROM hot_layout", [], |row| row.get::<_, String>(0)).optional()
    })?;
    if found.as_ref() == Some(&wanted) {
        return Ok(());
    }
    if found.is_some() {
        tracing::info!(file = database.file_name(), "making the hot records of base C anew");
    }
    let mut last = -1;
    loop {
        let zone = zone.clone();
        match database.write(move |connection| renew_after(connection, &zone, last)).await?? {
            Some(cpf) => last = cpf,
            None => break,
        }
    }
    database.write(move |connection| note_layout(connection, &wanted)).await??;
    Ok(())
}

/// The people after `last`, a step of them; returns the last of these.
fn renew_after(connection: &Connection, zone: &Zone, last: i64) -> rusqlite::Result<Option<i64>> {
    let mut people =
        connection.prepare_cached("SELECT cpf, updated_at FROM hot WHERE cpf > ?1 ORDER BY cpf LIMIT ?2")?;
    let people: Vec<(i64, Timestamp)> = people
        .query_map([last, STEP], |row| Ok((row.get(0)?, instant(row, 1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (cpf, updated_at) in &people {
        refresh(connection, zone, *cpf, *updated_at)?;
    }
    Ok(people.last().map(|(cpf, _)| *cpf))
}

fn note_layout(connection: &Connection, layout: &str) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM hot_layout", [])?;
    connection.execute("INSERT INTO hot_layout VALUES (?1)", [layout]).map(drop)
}
