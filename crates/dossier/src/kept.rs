//! A kept dossier, as somebody may see it now.

use crate::{
    compose,
    outcome::{self, States},
    render,
};
use bytes::Bytes;
use ficha_contract::{BaseName, Problem, SectionStatus};
use ficha_domain::{Cpf, Purpose, ScopeSet};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;
use std::sync::Arc;
use uuid::Uuid;

/// What a list tells of a kept dossier, in the order of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Listed {
    pub(crate) id: Uuid,
    pub(crate) number: u64,
    pub(crate) cpf: Cpf,
    pub(crate) purpose: Purpose,
    #[serde(serialize_with = "to_the_millisecond")]
    pub(crate) composed_at: Timestamp,
    pub(crate) complete: bool,
    #[serde(rename = "sections", serialize_with = "by_name")]
    pub(crate) states: States,
    pub(crate) client: Arc<str>,
}

fn to_the_millisecond<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{instant:.3}"))
}

fn by_name<S: Serializer>(states: &States, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(states.len()))?;
    for (name, state) in BaseName::ALL.into_iter().zip(states) {
        map.serialize_entry(&name, state)?;
    }
    map.end()
}

impl Listed {
    /// What these rights show of it: the state of a section tells of the person too.
    pub(crate) fn shown_to(self, scopes: ScopeSet) -> Self {
        let mut states = self.states;
        for name in hidden(states, scopes) {
            states[name as usize] = SectionStatus::Denied;
        }
        Self { states, complete: outcome::is_complete(states), ..self }
    }
}

/// The sections that are there and that these rights do not show.
fn hidden(states: States, scopes: ScopeSet) -> impl Iterator<Item = BaseName> {
    let sections = BaseName::ALL.into_iter().zip(states);
    let hides = move |(name, state): &(BaseName, SectionStatus)| {
        *state != SectionStatus::Denied && !scopes.contains(compose::read_scope(*name))
    };
    sections.filter(hides).map(|(name, _)| name)
}

/// A kept dossier, opened.
pub(crate) struct Kept {
    pub(crate) listed: Listed,
    /// The bytes that were answered when it was composed.
    pub(crate) body: Bytes,
}

impl Kept {
    /// The bytes as they were answered, or with the sections that these rights no longer show as `denied`.
    pub(crate) fn shown_to(self, scopes: ScopeSet) -> Result<(Bytes, States), Problem> {
        let hidden: Vec<BaseName> = hidden(self.listed.states, scopes).collect();
        let states = self.listed.shown_to(scopes).states;
        let body = if hidden.is_empty() { self.body } else { without(&self.body, &hidden)? };
        Ok((body, states))
    }
}

/// A dossier as it is read back; its parts stay as they were written.
#[derive(Deserialize, Serialize)]
struct Whole<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    number: u64,
    cpf: &'a RawValue,
    purpose: &'a RawValue,
    composed_at: &'a RawValue,
    complete: bool,
    budget_ms: u32,
    elapsed_ms: u64,
    sections: Sections<'a>,
}

#[derive(Deserialize, Serialize)]
struct Sections<'a> {
    #[serde(borrow)]
    debts: &'a RawValue,
    #[serde(borrow)]
    score: &'a RawValue,
    #[serde(borrow)]
    events: &'a RawValue,
}

/// One section is denied at least, so it is not complete.
fn without(body: &[u8], hidden: &[BaseName]) -> Result<Bytes, Problem> {
    let denied = RawValue::from_string(render::section(&compose::denied())).map_err(unreadable)?;
    let mut whole: Whole<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    whole.complete = false;
    for name in hidden {
        match name {
            BaseName::Debts => whole.sections.debts = &denied,
            BaseName::Score => whole.sections.score = &denied,
            BaseName::Events => whole.sections.events = &denied,
        }
    }
    serde_json::to_vec(&whole).map(Bytes::from).map_err(unreadable)
}

/// Without serde's words, which may repeat what they could not read.
fn unreadable(_: serde_json::Error) -> Problem {
    Problem::internal("a kept dossier does not read back")
}
