//! Rows of base A.

use super::{Draft, Fault, Record, Row, fill, items, unreadable};
use crate::{
    Rules,
    cell::{Cell, List},
    normal::{self, MISSING},
    pack::{Pack, Unpack},
};
use ficha_contract::wire::{Debt, DebtsPerson, Of};
use ficha_domain::{Cpf, Money};
use jiff::civil::Date;
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
    debts: List<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    id: Cell<'a>,
    #[serde(borrow, default)]
    value: Cell<'a>,
    #[serde(borrow, default)]
    date: Cell<'a>,
}

impl Row for Of<DebtsPerson> {
    const COLUMNS: &'static [&'static str] = &["cpf", "name", "address"];
    const OPTIONAL: &'static [&'static str] = &["debt_id", "value", "date"];
    const LISTS: &'static [&'static str] = &["debts"];
    const JOINS: bool = true;
    const BATCH: usize = 2000;

    fn of_record(record: &Record<'_>, rules: &Rules) -> Result<Draft<Self>, Fault> {
        let [id, value, date] = ["debt_id", "value", "date"].map(|column| record.cell(column));
        let none = id.is_missing() && value.is_missing() && date.is_missing();
        let mut row = person(["cpf", "name", "address"].map(|column| record.cell(column)), rules)?;
        if !none {
            row.person.debts.push(debt(&Item { id, value, date }, "debt_id")?);
        }
        Ok(Draft::whole(row.cpf, row))
    }

    fn of_json(json: &str, rules: &Rules) -> Result<Draft<Self>, Fault> {
        let json: Json<'_> = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
        let row = person([json.cpf, json.name, json.address], rules)?;
        let mut draft = Draft::whole(row.cpf, row);
        let (debts, kept) = items("debts", json.debts, &mut draft.faults, |item| debt(&item, "id"));
        draft.row.person.debts = debts;
        draft.kept[0] = kept;
        Ok(draft)
    }

    fn drop_item(&mut self, _list: usize, at: usize) {
        self.person.debts.remove(at);
    }

    fn pack(&self, to: &mut Vec<u8>) {
        to.text(&self.person.name);
        to.text(&self.person.address);
        to.number(self.person.debts.len() as u64);
        for debt in &self.person.debts {
            to.number(debt.id.map_or(0, |id| id as u64));
            to.signed(debt.value.cents());
            to.signed(debt.date.year().into());
            to.signed(debt.date.day_of_year().into());
        }
    }

    fn unpack(cpf: Cpf, from: &mut Unpack<'_>) -> Option<Self> {
        let (name, address, count) = (from.text()?, from.text()?, from.number()?);
        let debts = (0..count).map(|_| unpack_debt(from)).collect::<Option<_>>()?;
        Some(Self { cpf, person: DebtsPerson { cpf: None, name, address, debts } })
    }

    fn join(&mut self, later: Self) {
        fill(&mut self.person.name, later.person.name);
        fill(&mut self.person.address, later.person.address);
        self.person.debts.extend(later.person.debts);
    }
}

fn person(cells: [Cell<'_>; 3], rules: &Rules) -> Result<Of<DebtsPerson>, Fault> {
    let [cpf, name, address] = cells;
    let cpf = normal::cpf(&cpf, rules).map_err(Fault::of("cpf"))?;
    let name = normal::text(name).map_err(Fault::of("name"))?;
    let address = normal::text(address).map_err(Fault::of("address"))?;
    Ok(Of { cpf, person: DebtsPerson { cpf: None, name, address, debts: Vec::new() } })
}

fn debt(item: &Item<'_>, id_name: &str) -> Result<Debt, Fault> {
    // Zero is no number of anything, and stands for none while a row waits.
    let id = normal::whole(&item.id).map_err(Fault::of(id_name))?;
    if id == Some(0) {
        return Err(Fault::new(id_name, "is a number from 1, or left out"));
    }
    let value = normal::money(&item.value).map_err(Fault::of("value"))?;
    let date = normal::day(&item.date).map_err(Fault::of("date"))?;
    Ok(Debt {
        id,
        value: value.ok_or_else(|| Fault::new("value", MISSING))?,
        date: date.ok_or_else(|| Fault::new("date", MISSING))?,
    })
}

fn unpack_debt(from: &mut Unpack<'_>) -> Option<Debt> {
    let id = Some(from.number()? as i64).filter(|id| *id != 0);
    let value = Money::from_cents(from.signed()?).ok()?;
    let (year, day) = (from.signed()?, from.signed()?);
    let first = Date::new(i16::try_from(year).ok()?, 1, 1).ok()?;
    let date = first.with().day_of_year(i16::try_from(day).ok()?).build().ok()?;
    Some(Debt { id, value, date })
}
