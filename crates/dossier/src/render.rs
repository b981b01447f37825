//! A dossier as bytes: sections are copied, nothing is parsed or printed again.

use crate::compose::Composed;
use bytes::Bytes;
use ficha_contract::{BaseName, ErrorCode, Problem, Section, SectionStatus, UnavailableReason};
use ficha_domain::{Cpf, Purpose};
use jiff::{Timestamp, fmt::temporal::DateTimePrinter};
use serde_json::json;
use std::io::Write;
use uuid::Uuid;

/// What stands before the sections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) cpf: Cpf,
    pub(crate) purpose: Purpose,
    pub(crate) composed_at: Timestamp,
    pub(crate) complete: bool,
    pub(crate) budget_ms: u32,
}

/// More than everything around the three bodies takes.
const FRAME: usize = 960;
const INSTANT: DateTimePrinter = DateTimePrinter::new();
const INSTANT_MS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// The answer; `kept` is the id and the number of a dossier that is kept.
pub(crate) fn dossier(head: &Head, composed: &Composed, kept: Option<(Uuid, u64)>) -> Bytes {
    let bodies = composed.sections.iter().filter_map(|section| section.body.as_ref()).map(Bytes::len);
    let mut json = Json(Vec::with_capacity(FRAME + bodies.sum::<usize>()));
    json.head(head, composed, kept);
    for (name, section) in BaseName::ALL.into_iter().zip(&composed.sections) {
        json.text(if name == BaseName::Debts { "\"" } else { ",\"" }).text(name.as_str()).text("\":");
        json.section(section);
    }
    json.text("}}");
    json.0.into()
}

/// One section alone.
pub(crate) fn section(section: &Section) -> String {
    let mut json = Json(Vec::with_capacity(FRAME));
    json.section(section);
    String::from_utf8(json.0).unwrap_or_default()
}

/// What a section became, and why it is not there.
pub(crate) type Became = (SectionStatus, Option<UnavailableReason>);

/// The states of the sections, of which a required one is missing: no data, no times.
pub(crate) fn required_missing(sections: &[Became; 3], missing: &[BaseName]) -> Problem {
    let names: Vec<&str> = missing.iter().map(|name| name.as_str()).collect();
    let detail =
        format!("Required, and not to be had within `max_age` and `budget_ms`: {}.", names.join(", "));
    let state = |(status, reason): &Became| match reason {
        Some(reason) => json!({ "status": status, "reason": reason }),
        None => json!({ "status": status }),
    };
    let sections = BaseName::ALL.into_iter().zip(sections);
    let sections: serde_json::Map<_, _> =
        sections.map(|(name, became)| (name.as_str().to_owned(), state(became))).collect();
    let problem = Problem::new(ErrorCode::RequiredSectionUnavailable).detail(detail);
    Problem { sections: Some(sections.into()), ..problem }
}

/// A buffer of JSON. Nothing that is written with it needs escaping, and writing into memory does not fail.
struct Json(Vec<u8>);

impl Json {
    fn head(&mut self, head: &Head, composed: &Composed, kept: Option<(Uuid, u64)>) {
        match kept {
            Some((id, number)) => {
                self.text("{\"id\":\"");
                self.text(id.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()));
                self.text("\",\"number\":").number(number);
            }
            None => {
                self.text("{\"id\":null,\"number\":null");
            }
        }
        let _ = write!(self.0, ",\"cpf\":\"{}\"", head.cpf);
        self.text(",\"purpose\":\"").text(head.purpose.as_str()).text("\",\"composed_at\":");
        self.instant(&INSTANT_MS, Some(head.composed_at));
        self.text(",\"complete\":").text(if head.complete { "true" } else { "false" });
        self.text(",\"budget_ms\":").number(head.budget_ms.into());
        self.text(",\"elapsed_ms\":").number(composed.elapsed_ms).text(",\"sections\":{");
    }

    fn section(&mut self, section: &Section) {
        self.text("{\"status\":\"").text(section.status.as_str()).text("\",\"as_of\":");
        self.instant(&INSTANT, section.as_of).text(",\"updated_at\":").instant(&INSTANT, section.updated_at);
        self.text(",\"source\":\"").text(section.source.as_str());
        self.text("\",\"elapsed_ms\":").number(section.elapsed_ms);
        if let Some(reason) = section.reason {
            self.text(",\"reason\":\"").text(reason.as_str()).text("\"");
        }
        self.text(",\"data\":");
        match &section.body {
            Some(body) => self.0.extend_from_slice(body),
            None => {
                self.text("null");
            }
        }
        self.text("}");
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        let _ = write!(self.0, "{number}");
        self
    }

    fn instant(&mut self, printer: &DateTimePrinter, instant: Option<Timestamp>) -> &mut Self {
        let Some(instant) = instant else { return self.text("null") };
        self.text("\"");
        let _ = printer.print_timestamp(&instant, &mut self.0);
        self.text("\"")
    }
}
