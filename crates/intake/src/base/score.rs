//! Rows of base B.

use super::{Draft, Fault, Record, Row, fill, items, unreadable};
use crate::{
    Rules,
    cell::{Cell, List},
    normal::{self, MISSING},
    pack::{Pack, Unpack},
};
use ficha_contract::wire::{Of, ScorePerson, Valued};
use ficha_domain::{Cpf, Money};
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;

#[derive(Deserialize)]
struct Json<'a> {
    #[serde(borrow, default)]
    cpf: Cell<'a>,
    #[serde(borrow, default)]
    name: Cell<'a>,
    #[serde(borrow, default)]
    address: Cell<'a>,
    #[serde(borrow, default)]
    date_birth: Cell<'a>,
    #[serde(borrow, default)]
    patrimonies: List<Item<'a>>,
    #[serde(borrow, default)]
    sources_income: List<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    value: Cell<'a>,
    #[serde(borrow, default)]
    description: Cell<'a>,
}

impl Row for Of<ScorePerson> {
    const COLUMNS: &'static [&'static str] =
        &["cpf", "name", "address", "date_birth", "kind", "value", "description"];
    const OPTIONAL: &'static [&'static str] = &[];
    const LISTS: &'static [&'static str] = &["patrimonies", "sources_income"];
    const JOINS: bool = true;
    const BATCH: usize = 2000;

    fn of_record(record: &Record<'_>, rules: &Rules) -> Result<Draft<Self>, Fault> {
        let cells = ["cpf", "name", "address", "date_birth"].map(|column| record.cell(column));
        let mut row = person(cells, rules)?;
        let (value, description) = (record.cell("value"), record.cell("description"));
        let list = match record.cell("kind") {
            Cell::Text(kind) if kind.trim() == "patrimony" => &mut row.person.patrimonies,
            Cell::Text(kind) if kind.trim() == "income" => &mut row.person.sources_income,
            Cell::Missing if value.is_missing() && description.is_missing() => {
                return Ok(Draft::whole(row.cpf, row));
            }
            _ => return Err(Fault::new("kind", "is patrimony, income, or empty in a row without a value")),
        };
        list.push(item(Item { value, description })?);
        Ok(Draft::whole(row.cpf, row))
    }

    fn of_json(json: &str, rules: &Rules) -> Result<Draft<Self>, Fault> {
        let json: Json<'_> = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
        let row = person([json.cpf, json.name, json.address, json.date_birth], rules)?;
        let mut draft = Draft::whole(row.cpf, row);
        let (faults, person) = (&mut draft.faults, &mut draft.row.person);
        let [patrimonies, sources] = Self::LISTS else { return Ok(draft) };
        (person.patrimonies, draft.kept[0]) = items(patrimonies, json.patrimonies, faults, item);
        (person.sources_income, draft.kept[1]) = items(sources, json.sources_income, faults, item);
        Ok(draft)
    }

    fn drop_item(&mut self, list: usize, at: usize) {
        let lists = [&mut self.person.patrimonies, &mut self.person.sources_income];
        if let Some(list) = lists.into_iter().nth(list) {
            list.remove(at);
        }
    }

    fn pack(&self, to: &mut Vec<u8>) {
        let person = &self.person;
        to.text(&person.name);
        to.text(&person.address);
        // Microseconds, as the base keeps them; the least number is nobody's birth.
        to.signed(person.date_birth.map_or(i64::MIN, Timestamp::as_microsecond));
        for list in [&person.patrimonies, &person.sources_income] {
            to.number(list.len() as u64);
            for item in list {
                to.signed(item.value.cents());
                to.text(&item.description);
            }
        }
    }

    fn unpack(cpf: Cpf, from: &mut Unpack<'_>) -> Option<Self> {
        let (name, address, born) = (from.text()?, from.text()?, from.signed()?);
        let date_birth = (born != i64::MIN).then(|| Timestamp::from_microsecond(born).ok());
        let date_birth = if let Some(known) = date_birth { Some(known?) } else { None };
        let (patrimonies, sources_income) = (unpack_items(from)?, unpack_items(from)?);
        let person = ScorePerson { cpf: None, name, address, date_birth, patrimonies, sources_income };
        Some(Self { cpf, person })
    }

    fn join(&mut self, later: Self) {
        let (person, later) = (&mut self.person, later.person);
        fill(&mut person.name, later.name);
        fill(&mut person.address, later.address);
        person.date_birth = later.date_birth.or(person.date_birth);
        person.patrimonies.extend(later.patrimonies);
        person.sources_income.extend(later.sources_income);
    }
}

/// Births that say no offset are days, and a birth has no zone of its own: UTC's, as the seed writes them.
fn person(cells: [Cell<'_>; 4], rules: &Rules) -> Result<Of<ScorePerson>, Fault> {
    let [cpf, name, address, date_birth] = cells;
    let cpf = normal::cpf(&cpf, rules).map_err(Fault::of("cpf"))?;
    let person = ScorePerson {
        cpf: None,
        name: normal::text(name).map_err(Fault::of("name"))?,
        address: normal::text(address).map_err(Fault::of("address"))?,
        date_birth: normal::instant(&date_birth, &TimeZone::UTC).map_err(Fault::of("date_birth"))?,
        patrimonies: Vec::new(),
        sources_income: Vec::new(),
    };
    Ok(Of { cpf, person })
}

fn item(item: Item<'_>) -> Result<Valued, Fault> {
    let value = normal::money(&item.value).map_err(Fault::of("value"))?;
    let description = normal::text(item.description).map_err(Fault::of("description"))?;
    Ok(Valued { value: value.ok_or_else(|| Fault::new("value", MISSING))?, description })
}

fn unpack_items(from: &mut Unpack<'_>) -> Option<Vec<Valued>> {
    let item = |from: &mut Unpack<'_>| {
        Some(Valued { value: Money::from_cents(from.signed()?).ok()?, description: from.text()? })
    };
    (0..from.number()?).map(|_| item(from)).collect()
}
