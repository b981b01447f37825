//! What a person must look like, as far as the server said so.

use serde_json::{Value, json};

/// Seeded chance (SplitMix64): a round is repeated by its seed.
pub struct Chance(u64);

impl Chance {
    pub fn of(seed: u64, round: u64) -> Self {
        Self(seed ^ round.wrapping_mul(0xA076_1D64_78BD_642F))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }
}

/// What can be read of a person. Ids are left out: those of a write without an answer are not known. What is compared
/// is unique within a run, so a write done twice shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Person {
    pub debts: Option<Value>,
    pub score: Option<Value>,
    pub movements: Vec<Value>,
    /// How many dossiers are kept.
    pub dossiers: usize,
}

impl Person {
    /// The debts, each with its value and date.
    pub fn owed(&self) -> Vec<Value> {
        self.debts.as_ref().map(|person| person["debts"].as_array().unwrap().clone()).unwrap_or_default()
    }

    pub fn owing(mut self, debts: Vec<Value>) -> Self {
        let person = self.debts.as_mut().unwrap();
        person["debts"] = sorted(debts).into();
        self
    }

    pub fn with_movements(mut self, movements: Vec<Value>) -> Self {
        self.movements = sorted(movements);
        self
    }
}

/// Base A's answer, or what was sent to it, as far as the two agree.
pub fn debts(json: &Value) -> Value {
    let debts = json["debts"].as_array().unwrap().iter().map(debt).collect();
    json!({ "name": json["name"], "address": json["address"], "debts": sorted(debts) })
}

pub fn debt(json: &Value) -> Value {
    json!({ "value": json["value"], "date": json["date"] })
}

/// Base B's.
pub fn score(json: &Value) -> Value {
    let items = |name: &str| {
        let items = json[name].as_array().unwrap().iter();
        sorted(
            items.map(|item| json!({ "value": item["value"], "description": item["description"] })).collect(),
        )
    };
    json!({ "name": json["name"], "address": json["address"],
        "patrimonies": items("patrimonies"), "sources_income": items("sources_income") })
}

/// Base C's. Instants come back in the base's zone, so they are not compared.
pub fn movement(json: &Value) -> Value {
    json!({ "description": json["description"], "value": json["value"].as_f64(), "type": json["type"] })
}

pub fn sorted(mut values: Vec<Value>) -> Vec<Value> {
    values.sort_by_key(Value::to_string);
    values
}
