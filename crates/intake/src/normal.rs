//! What a value means: amounts, days, instants and CPFs in the ways people and programs write them.
//!
//! Two readings of one text are refused, never guessed: `1.234` is neither 1,23 nor 1234.

use crate::{Rules, cell::Cell};
use ficha_contract::wire::{MovementKind, PaymentType};
use ficha_domain::{Cpf, CpfValidation, Money, ObjectId, parse_instant};
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use std::borrow::Cow;

/// Why a value cannot be taken: what it should be, never what it is. ASCII, so that it reads the same in every
/// encoding that it is written beside.
pub(crate) type Reason = Cow<'static, str>;

pub(crate) const MISSING: &str = "is missing";
const PAD: &str = "has fewer than 11 digits; when its leading zeros are gone: --pad-cpf";
const AMOUNT: &str = "is an amount such as 1234.56, 1.234,56 or R$ 1.234,56";
const RANGE: &str = "lies between -999999999999.99 and 999999999999.99";
const CENTS: &str = "has more than two decimals";
const TWO_WAYS: &str = "can be read in two ways; write 1234.00 or 1.234,00";
const DAY: &str = "is a day such as 2026-11-22 or 22/11/2026";
const INSTANT: &str =
    "is an instant such as 2026-11-22T12:00:00-03:00, 2026-11-22 12:00 or 22/11/2026 12:00:00";
const TEXT: &str = "is a text";
const ID: &str = "has 24 hexadecimal digits";
const NUMBER: &str = "is a whole number";
const KIND: &str = "is Credit, Debit or empty";
const PAYMENT: &str = "is CreditCard, DebitCard, PaymentSlip, Money or empty";

pub(crate) fn cpf(cell: &Cell<'_>, rules: &Rules) -> Result<Cpf, Reason> {
    match cell {
        Cell::Missing => Err(MISSING.into()),
        Cell::Text(text) => cpf_of(text.trim(), rules),
        Cell::Integer(number) if *number >= 0 => cpf_of(&number.to_string(), rules),
        Cell::Decimal(text) => cpf_of(text, rules),
        Cell::Double(number) if number.fract() == 0.0 => cpf_of(&number.to_string(), rules),
        _ => Err("is a CPF, written as a text".into()),
    }
}

/// Zeros are put in front only of what is a CPF then, also where check digits are not asked for: ten digits of
/// somebody's eleven must not become somebody else.
fn cpf_of(text: &str, rules: &Rules) -> Result<Cpf, Reason> {
    let short = text.len() < 11 && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let read = match (short, rules.pad_cpf) {
        (true, false) => return Err(PAD.into()),
        (true, true) => Cpf::parse(&format!("{text:0>11}"), CpfValidation::Strict),
        (false, _) => Cpf::parse(text, rules.validation),
    };
    read.map_err(|error| error.to_string().into())
}

/// `None` where there is none.
pub(crate) fn money(cell: &Cell<'_>) -> Result<Option<Money>, Reason> {
    match cell {
        Cell::Missing => Ok(None),
        Cell::Text(text) if text.trim().is_empty() => Ok(None),
        Cell::Text(text) => reais(text).map(Some),
        Cell::Integer(number) => exact(*number, 0).map(Some),
        Cell::Double(number) => double(*number).map(Some),
        Cell::Decimal(text) => decimal(text).map(Some),
        _ => Err(AMOUNT.into()),
    }
}

/// An amount as people and spreadsheets write it.
fn reais(text: &str) -> Result<Money, Reason> {
    let text = text.trim();
    if let Ok(money) = text.parse() {
        return Ok(money);
    }
    let (negative, digits, symbol) = without_symbol(text);
    let plain = match (digits.split_once(','), digits.contains('.')) {
        (Some((whole, cents)), _) => {
            let whole = ungrouped(whole).ok_or(AMOUNT)?;
            format!("{whole}.{cents}")
        }
        (None, true) if digits.matches('.').count() > 1 || symbol => match ungrouped(digits) {
            Some(whole) => whole,
            None => digits.to_owned(),
        },
        (None, true) if ungrouped(digits).is_some() => return Err(TWO_WAYS.into()),
        _ => return decimal(text),
    };
    let sign = if negative { "-" } else { "" };
    format!("{sign}{plain}").parse::<Money>().map_err(|_| AMOUNT.into())
}

fn without_symbol(text: &str) -> (bool, &str, bool) {
    let minus = |text: &'_ str| text.starts_with('-');
    let negative = minus(text);
    let text = text.trim_start_matches('-').trim_start();
    let Some(rest) = text.strip_prefix("R$") else { return (negative, text, false) };
    // `trim` knows the non-breaking space that spreadsheets put here.
    let rest = rest.trim_start();
    (negative || minus(rest), rest.strip_prefix('-').unwrap_or(rest).trim_start(), true)
}

/// Digits whose points, if there are any, stand before each three.
fn ungrouped(text: &str) -> Option<String> {
    let numeric = |group: &str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = text.split('.');
    let first = groups.next().filter(|first| numeric(first))?;
    let mut whole = first.to_owned();
    for group in groups {
        if first.len() > 3 || group.len() != 3 || !numeric(group) {
            return None;
        }
        whole.push_str(group);
    }
    Some(whole)
}

/// Digits, a decimal point, an exponent; zeros beyond the cents are nothing.
fn decimal(text: &str) -> Result<Money, Reason> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.trim_start_matches('+').parse().map_err(|_| AMOUNT)?;
    let (negative, digits) = mantissa.strip_prefix('-').map_or((false, mantissa), |digits| (true, digits));
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{decimals}");
    if all.is_empty() || all.len() > 34 || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AMOUNT.into());
    }
    let number: i128 = all.parse().map_err(|_| AMOUNT)?;
    let number = if negative { -number } else { number };
    // At most 34 digits.
    scaled(number, exponent.saturating_sub(decimals.len() as i32))
}

fn exact(number: i64, exponent: i32) -> Result<Money, Reason> {
    scaled(number.into(), exponent)
}

/// `number` times ten to the `exponent`.
fn scaled(mut number: i128, exponent: i32) -> Result<Money, Reason> {
    let mut shift = exponent.saturating_add(2);
    while shift < 0 && number % 10 == 0 && number != 0 {
        number /= 10;
        shift += 1;
    }
    let cents = match (number, shift) {
        (0, _) => 0,
        (_, ..0) => return Err(CENTS.into()),
        (_, 0..=16) => number.checked_mul(10_i128.pow(shift.unsigned_abs())).unwrap_or(i128::MAX),
        _ => i128::MAX,
    };
    let money = i64::try_from(cents).ok().and_then(|cents| Money::from_cents(cents).ok());
    money.ok_or_else(|| RANGE.into())
}

/// A double's shortest form; what is as near to a cent as sums of doubles come is that cent.
fn double(number: f64) -> Result<Money, Reason> {
    if !number.is_finite() {
        return Err(AMOUNT.into());
    }
    if number.abs() >= 1e12 {
        return Err(RANGE.into());
    }
    decimal(&number.to_string()).or_else(|reason| {
        let near = format!("{number:.2}");
        let error = near.parse::<f64>().map_or(f64::INFINITY, |near| (near - number).abs());
        if error < 1e-6 { decimal(&near) } else { Err(reason) }
    })
}

/// `None` where there is none. A day has no zone: of an instant, that of UTC.
pub(crate) fn day(cell: &Cell<'_>) -> Result<Option<Date>, Reason> {
    match cell {
        Cell::Missing => Ok(None),
        Cell::Instant(at) => Ok(Some(TimeZone::UTC.to_datetime(*at).date())),
        Cell::Text(text) => match text.trim() {
            "" => Ok(None),
            text => civil(text, &TimeZone::UTC)
                .map(|at| Some(TimeZone::UTC.to_datetime(at).date()))
                .ok_or_else(|| DAY.into()),
        },
        _ => Err(DAY.into()),
    }
}

/// `None` where there is none. What says no offset is of this zone.
pub(crate) fn instant(cell: &Cell<'_>, zone: &TimeZone) -> Result<Option<Timestamp>, Reason> {
    match cell {
        Cell::Missing => Ok(None),
        Cell::Instant(at) => Ok(Some(*at)),
        Cell::Text(text) => match text.trim() {
            "" => Ok(None),
            text => civil(text, zone).map(Some).ok_or_else(|| INSTANT.into()),
        },
        _ => Err(INSTANT.into()),
    }
}

fn civil(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if !text.is_ascii() {
        return None;
    }
    if let Ok(at) = parse_instant(text) {
        return Some(at);
    }
    let (day, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let day = if day.contains('/') { brazilian(day)? } else { iso(day)? };
    let time: jiff::civil::Time = time.trim_start().parse().ok()?;
    DateTime::from_parts(day, time).to_zoned(zone.clone()).ok().map(|at| at.timestamp())
}

fn iso(text: &str) -> Option<Date> {
    let digits = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    (text.len() == 10 && (0..4).all(digits)).then(|| text.parse().ok())?
}

/// `22/11/2026`, `2/1/2026`.
fn brazilian(text: &str) -> Option<Date> {
    let mut parts = text.split('/').map(|part| {
        let numeric = part.bytes().all(|byte| byte.is_ascii_digit());
        if numeric { part.parse::<i16>().ok().map(|number| (number, part.len())) } else { None }
    });
    let mut next = |len: std::ops::RangeInclusive<usize>| {
        parts.next()?.filter(|(_, found)| len.contains(found)).map(|(number, _)| number)
    };
    let (day, month, year) = (next(1..=2)?, next(1..=2)?, next(4..=4)?);
    if parts.next().is_some() {
        return None;
    }
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// As it is; nothing where it is missing.
pub(crate) fn text(cell: Cell<'_>) -> Result<String, Reason> {
    match cell {
        Cell::Missing => Ok(String::new()),
        Cell::Text(text) => Ok(text.into_owned()),
        Cell::Integer(number) => Ok(number.to_string()),
        Cell::Double(number) => Ok(number.to_string()),
        Cell::Decimal(text) => Ok(text.into_owned()),
        Cell::Instant(_) | Cell::Other => Err(TEXT.into()),
    }
}

pub(crate) fn object_id(cell: &Cell<'_>) -> Result<Option<ObjectId>, Reason> {
    match cell {
        Cell::Missing => Ok(None),
        Cell::Text(text) if text.trim().is_empty() => Ok(None),
        Cell::Text(text) => text.trim().parse().map(Some).map_err(|_| ID.into()),
        _ => Err(ID.into()),
    }
}

pub(crate) fn whole(cell: &Cell<'_>) -> Result<Option<i64>, Reason> {
    match cell {
        Cell::Missing => Ok(None),
        Cell::Integer(number) => Ok(Some(*number)),
        Cell::Text(text) | Cell::Decimal(text) => match text.trim() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| NUMBER.into()),
        },
        _ => Err(NUMBER.into()),
    }
}

pub(crate) fn kind(cell: &Cell<'_>) -> Result<MovementKind, Reason> {
    let kinds = [MovementKind::Credit, MovementKind::Debit, MovementKind::Unknown];
    word(cell, &kinds, MovementKind::as_str).ok_or_else(|| KIND.into())
}

pub(crate) fn payment(cell: &Cell<'_>) -> Result<PaymentType, Reason> {
    let all = [
        PaymentType::CreditCard,
        PaymentType::DebitCard,
        PaymentType::PaymentSlip,
        PaymentType::Money,
        PaymentType::Unknown,
    ];
    word(cell, &all, PaymentType::as_str).ok_or_else(|| PAYMENT.into())
}

fn word<T: Copy>(cell: &Cell<'_>, words: &[T], as_str: fn(T) -> &'static str) -> Option<T> {
    let text = match cell {
        Cell::Missing => "",
        Cell::Text(text) => text.trim(),
        _ => return None,
    };
    words.iter().copied().find(|word| as_str(*word).eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests;
