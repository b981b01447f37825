//! Rows of base C.

use super::{Draft, Fault, Record, Row, unreadable};
use crate::{
    Rules,
    cell::Cell,
    normal::{self, MISSING},
    pack::{Pack, Unpack},
};
use ficha_contract::wire::{Movement, MovementKind, PaymentType};
use ficha_domain::{Cpf, Money, ObjectId};
use jiff::Timestamp;
use serde::Deserialize;
use std::hash::{DefaultHasher, Hash, Hasher};

#[derive(Deserialize)]
struct Json<'a> {
    #[serde(borrow, default, alias = "_id")]
    id: Cell<'a>,
    #[serde(borrow, default)]
    cpf: Cell<'a>,
    #[serde(borrow, default)]
    description: Cell<'a>,
    #[serde(borrow, default)]
    value: Cell<'a>,
    #[serde(borrow, default)]
    date: Cell<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Cell<'a>,
    #[serde(borrow, default, rename = "PaymentType", alias = "payment_type")]
    payment_type: Cell<'a>,
}

const KINDS: [MovementKind; 3] = [MovementKind::Unknown, MovementKind::Credit, MovementKind::Debit];
const PAYMENTS: [PaymentType; 5] = [
    PaymentType::Unknown,
    PaymentType::CreditCard,
    PaymentType::DebitCard,
    PaymentType::PaymentSlip,
    PaymentType::Money,
];

impl Row for Movement {
    const COLUMNS: &'static [&'static str] = &["cpf", "description", "value", "date", "type", "payment_type"];
    const OPTIONAL: &'static [&'static str] = &["id"];
    const LISTS: &'static [&'static str] = &[];
    const JOINS: bool = false;
    const BATCH: usize = 20_000;

    fn of_record(record: &Record<'_>, rules: &Rules) -> Result<Draft<Self>, Fault> {
        let cell = |column| record.cell(column);
        let json = Json {
            id: cell("id"),
            cpf: cell("cpf"),
            description: cell("description"),
            value: cell("value"),
            date: cell("date"),
            kind: cell("type"),
            payment_type: cell("payment_type"),
        };
        movement(json, "payment_type", rules)
    }

    fn of_json(json: &str, rules: &Rules) -> Result<Draft<Self>, Fault> {
        let json: Json<'_> = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
        let untyped = json.kind.is_missing() && !json.id.is_missing();
        let draft = movement(json, "PaymentType", rules)?;
        let last_purchase = untyped && draft.row.payment_type == PaymentType::CreditCard;
        Ok(Draft { last_purchase, ..draft })
    }

    fn drop_item(&mut self, _list: usize, _at: usize) {}

    fn order(&self) -> u64 {
        if self.id.is_some() {
            return 0;
        }
        let mut hash = DefaultHasher::new();
        (self.date.as_millisecond(), self.value.cents(), &self.description).hash(&mut hash);
        (self.kind.as_str(), self.payment_type.as_str()).hash(&mut hash);
        hash.finish() | 1
    }

    fn name(&mut self, cpf: Cpf, rules: &Rules, ordinal: u64) {
        if self.id.is_none() {
            self.id = Some((rules.derived_id)(self, cpf, ordinal));
        }
    }

    fn pack(&self, to: &mut Vec<u8>) {
        to.push(u8::from(self.id.is_some()));
        to.extend(self.id.iter().flat_map(|id| id.0));
        to.text(&self.description);
        to.signed(self.value.cents());
        to.signed(self.date.as_microsecond());
        to.push(KINDS.iter().position(|kind| *kind == self.kind).unwrap_or_default() as u8);
        to.push(PAYMENTS.iter().position(|payment| *payment == self.payment_type).unwrap_or_default() as u8);
    }

    fn unpack(cpf: Cpf, from: &mut Unpack<'_>) -> Option<Self> {
        let id = if byte(from)? == 1 {
            let (id, rest) = from.0.split_first_chunk()?;
            from.0 = rest;
            Some(ObjectId(*id))
        } else {
            None
        };
        Some(Self {
            id,
            cpf: cpf.to_string(),
            description: from.text()?,
            value: Money::from_cents(from.signed()?).ok()?,
            date: Timestamp::from_microsecond(from.signed()?).ok()?,
            kind: *KINDS.get(usize::from(byte(from)?))?,
            payment_type: *PAYMENTS.get(usize::from(byte(from)?))?,
        })
    }

    fn join(&mut self, _later: Self) {}
}

fn byte(from: &mut Unpack<'_>) -> Option<u8> {
    let (byte, rest) = from.0.split_first()?;
    from.0 = rest;
    Some(*byte)
}

fn movement(json: Json<'_>, payment_name: &str, rules: &Rules) -> Result<Draft<Movement>, Fault> {
    let cpf = normal::cpf(&json.cpf, rules).map_err(Fault::of("cpf"))?;
    let date = normal::instant(&json.date, &rules.zone).map_err(Fault::of("date"))?;
    let row = Movement {
        id: normal::object_id(&json.id).map_err(Fault::of("id"))?,
        cpf: cpf.to_string(),
        description: normal::text(json.description).map_err(Fault::of("description"))?,
        value: normal::money(&json.value).map_err(Fault::of("value"))?.unwrap_or_default(),
        date: date.ok_or_else(|| Fault::new("date", MISSING))?,
        kind: normal::kind(&json.kind).map_err(Fault::of("type"))?,
        payment_type: normal::payment(&json.payment_type).map_err(Fault::of(payment_name))?,
    };
    Ok(Draft::whole(cpf, row))
}
