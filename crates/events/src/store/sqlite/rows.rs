//! Movements as rows.

use crate::{
    Movement, Selection,
    store::codes::{KINDS, PAYMENTS, ceiling, key, kind_code, payment_code},
};
use ficha_domain::{Cpf, Money, ObjectId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};
use std::ops::ControlFlow;

/// A kept movement and the version behind its entity tag.
pub(super) struct Kept {
    pub(super) movement: Movement,
    pub(super) version: i64,
}

/// The filters of a list in SQL; its words are looked for in each row that passes. The one range over (at, id) serves
/// the cursor and the end of the period alike, so that it bounds the walk through the person's rows.
pub(super) const LIST: &str = "
    SELECT cpf, at, id, cents, kind, payment_type, description FROM movement
    WHERE cpf = ?1 AND (at, id) < (?2, ?3) AND at >= ?4 AND cents BETWEEN ?5 AND ?6
        AND (?7 IS NULL OR kind = ?7) AND (?8 IS NULL OR payment_type = ?8)
    ORDER BY at DESC, id DESC";

pub(super) fn list(
    connection: &Connection,
    cpf: Cpf,
    selection: &Selection,
) -> rusqlite::Result<Option<Vec<Movement>>> {
    let (before, before_id) = end(selection);
    let mut statement = connection.prepare_cached(LIST)?;
    let mut rows = statement.query(params![
        key(cpf),
        before,
        before_id,
        selection.from.map_or(i64::MIN, ceiling),
        selection.min.map_or(i64::MIN, Money::cents),
        selection.max.map_or(i64::MAX, Money::cents),
        selection.kind.map(kind_code),
        selection.payment_type.map(payment_code),
    ])?;
    let mut found = Vec::new();
    while found.len() < selection.limit.unwrap_or(usize::MAX)
        && let Some(row) = rows.next()?
    {
        if selection.finds(row.get_ref(6)?.as_str()?) {
            found.push(movement(row)?);
        }
    }
    Ok(if found.is_empty() && !is_known(connection, cpf)? { None } else { Some(found) })
}

/// Where the list begins: after the cursor or before the end of the period, whichever is earlier. No id is smaller
/// than the empty one.
fn end(selection: &Selection) -> (i64, &[u8]) {
    let to: (i64, &[u8]) = (selection.to.map_or(i64::MAX, ceiling), &[]);
    let after = selection.after.as_ref().map(|after| (after.date.as_millisecond(), after.id.0.as_slice()));
    after.map_or(to, |after| after.min(to))
}

fn is_known(connection: &Connection, cpf: Cpf) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM movement WHERE cpf = ?1)")?;
    statement.query_row([key(cpf)], |row| row.get(0))
}

/// Shows a person's movements, the latest first, until it is enough.
pub(super) fn each(
    connection: &Connection,
    cpf: i64,
    mut show: impl FnMut(Movement) -> ControlFlow<()>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT cpf, at, id, cents, kind, payment_type, description FROM movement
         WHERE cpf = ?1 ORDER BY at DESC, id DESC",
    )?;
    let mut rows = statement.query([cpf])?;
    while let Some(row) = rows.next()? {
        if show(movement(row)?).is_break() {
            break;
        }
    }
    Ok(())
}

/// The codes are those of `movement_card`, whose rows this reads; left to itself, SQLite would walk through all of the
/// person's movements.
pub(super) const LATEST_PURCHASE: &str = "
    SELECT cpf, at, id, cents, kind, payment_type, description FROM movement INDEXED BY movement_card
    WHERE cpf = ?1 AND kind = 2 AND payment_type = 1 ORDER BY at DESC, id DESC LIMIT 1";

pub(super) fn latest_purchase(connection: &Connection, cpf: i64) -> rusqlite::Result<Option<Movement>> {
    connection.prepare_cached(LATEST_PURCHASE)?.query_row([cpf], movement).optional()
}

pub(super) fn find(connection: &Connection, id: ObjectId) -> rusqlite::Result<Option<Kept>> {
    let mut statement = connection.prepare_cached(
        "SELECT cpf, at, id, cents, kind, payment_type, description, version FROM movement WHERE id = ?1",
    )?;
    let kept = |row: &Row<'_>| Ok(Kept { movement: movement(row)?, version: row.get(7)? });
    statement.query_row([id.0], kept).optional()
}

/// Puts a movement in; `false` when its id is there already.
pub(super) fn insert(connection: &Connection, movement: &Movement, version: i64) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO movement (cpf, at, id, version, cents, kind, payment_type, description)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
    )?;
    execute(&mut statement, movement, version).map(|rows| rows == 1)
}

pub(super) fn update(connection: &Connection, movement: &Movement, version: i64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE movement SET cpf = ?1, at = ?2, version = ?4, cents = ?5, kind = ?6, payment_type = ?7,
             description = ?8
         WHERE id = ?3",
    )?;
    execute(&mut statement, movement, version).map(drop)
}

fn execute(
    statement: &mut rusqlite::CachedStatement<'_>,
    movement: &Movement,
    version: i64,
) -> rusqlite::Result<usize> {
    statement.execute(params![
        key(movement.cpf),
        movement.date.as_millisecond(),
        movement.id.0,
        version,
        movement.value.cents(),
        kind_code(movement.kind),
        payment_code(movement.payment_type),
        movement.description,
    ])
}

pub(super) fn delete(connection: &Connection, id: ObjectId) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM movement WHERE id = ?1")?.execute([id.0]).map(drop)
}

/// Takes `count` versions that nothing had before; the last of them is returned.
pub(super) fn versions(connection: &Connection, count: usize) -> rusqlite::Result<i64> {
    let mut statement =
        connection.prepare_cached("UPDATE counter SET version = version + ?1 RETURNING version")?;
    statement.query_row([count as i64], |row| row.get(0))
}

fn movement(row: &Row<'_>) -> rusqlite::Result<Movement> {
    let number = |column| row.get::<_, i64>(column);
    let (cpf, at, cents) = (number(0)?, number(1)?, number(3)?);
    let damaged = |column| rusqlite::Error::IntegralValueOutOfRange(column, 0);
    Ok(Movement {
        cpf: u64::try_from(cpf).ok().and_then(Cpf::from_u64).ok_or_else(|| damaged(0))?,
        date: Timestamp::from_millisecond(at).map_err(|_| damaged(1))?,
        id: ObjectId(row.get(2)?),
        description: row.get(6)?,
        value: Money::from_cents(cents).map_err(|_| damaged(3))?,
        kind: KINDS.get(code(row, 4)?).copied().ok_or_else(|| damaged(4))?,
        payment_type: PAYMENTS.get(code(row, 5)?).copied().ok_or_else(|| damaged(5))?,
    })
}

fn code(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    let code: i64 = row.get(column)?;
    usize::try_from(code)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, Box::new(error)))
}
