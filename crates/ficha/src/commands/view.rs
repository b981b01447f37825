//! A dossier as a person would like to read it in a terminal.

use serde_json::Value;
use std::fmt::Write as _;

/// How many debts and movements are shown; the rest is counted.
const ROWS: usize = 8;

/// The text of a dossier.
pub fn render(dossier: &Value) -> String {
    let mut out = String::new();
    heading(&mut out, dossier);
    let section = |name: &str| &dossier["sections"][name];
    person(&mut out, section("score"), section("debts"));
    score(&mut out, section("score"));
    debts(&mut out, section("debts"));
    belongings(&mut out, section("score"));
    events(&mut out, section("events"));
    out
}

// Writing into a String does not fail: the results of `writeln!` are dropped here and below.

fn heading(out: &mut String, dossier: &Value) {
    let complete = if dossier["complete"] == true { "complete" } else { "INCOMPLETE" };
    let _ = writeln!(
        out,
        "CPF {}   {}   {}   {complete} in {} ms",
        punctuated(text(&dossier["cpf"])),
        text(&dossier["purpose"]),
        moment(text(&dossier["composed_at"])),
        dossier["elapsed_ms"],
    );
}

fn person(out: &mut String, score: &Value, debts: &Value) {
    let known = if score["data"].is_object() { &score["data"] } else { &debts["data"] };
    if known.is_object() {
        let age = score["data"]["age"].as_i64().map_or(String::new(), |age| format!(", {age} years"));
        let _ = writeln!(out, "{}{age}\n{}", text(&known["name"]), text(&known["address"]));
    }
}

fn title(out: &mut String, name: &str, section: &Value) -> bool {
    let status = text(&section["status"]);
    let since = text(&section["updated_at"]);
    let detail = match section["reason"].as_str() {
        Some(reason) => format!("{status}: {reason}"),
        None if since.is_empty() => status.to_owned(),
        None => format!("{status}, changed {}", moment(since)),
    };
    let _ = writeln!(out, "\n{name:<10} {detail}");
    section["data"].is_object()
}

fn score(out: &mut String, section: &Value) {
    if !title(out, "SCORE", section) {
        return;
    }
    let score = &section["data"]["score"];
    let Some(value) = score["value"].as_i64() else {
        let _ = writeln!(out, "  none: {}", text(&score["no_score_reason"]));
        return;
    };
    let filled = usize::try_from(value / 25).unwrap_or_default().min(40);
    let _ = writeln!(
        out,
        "  {value:>4}  {}{}  {}",
        "█".repeat(filled),
        "░".repeat(40 - filled),
        text(&score["band"])
    );
    for reason in rows(&score["reasons"]) {
        let _ = writeln!(
            out,
            "  {:>+5}  {}",
            reason["points"].as_i64().unwrap_or_default(),
            text(&reason["text"])
        );
    }
}

fn debts(out: &mut String, section: &Value) {
    if !title(out, "DEBTS", section) {
        return;
    }
    let debts = rows(&section["data"]["debts"]);
    let _ = writeln!(out, "  {} in all, {}", debts.len(), reais(total(debts)));
    for debt in debts.iter().take(ROWS) {
        let _ = writeln!(out, "  due {}  {:>16}", day(text(&debt["date"])), reais(cents(&debt["value"])));
    }
    rest(out, debts.len());
}

fn belongings(out: &mut String, section: &Value) {
    let data = &section["data"];
    for (name, key) in [("INCOME", "sources_income"), ("ASSETS", "patrimonies")] {
        let items = rows(&data[key]);
        if data.is_object() {
            let _ = writeln!(out, "\n{name:<10} {}", reais(total(items)));
        }
        for item in items.iter().take(ROWS) {
            let _ = writeln!(out, "  {:>16}  {}", reais(cents(&item["value"])), text(&item["description"]));
        }
        rest(out, items.len());
    }
}

fn events(out: &mut String, section: &Value) {
    if !title(out, "EVENTS", section) {
        return;
    }
    let data = &section["data"];
    let consulted = match data["last_consultation"]["at"].as_str() {
        Some(at) => format!("{} for {}", moment(at), text(&data["last_consultation"]["purpose"])),
        None => "never".to_owned(),
    };
    let _ = writeln!(out, "  last consulted {consulted}");
    let purchase = &data["last_purchase"];
    if purchase.is_object() {
        let _ = writeln!(out, "  last card purchase {}", movement(purchase));
    }
    let movements = rows(&data["movements"]);
    for row in movements.iter().take(ROWS) {
        let _ = writeln!(out, "  {}", movement(row));
    }
    rest(out, movements.len());
}

fn movement(row: &Value) -> String {
    let sign = match text(&row["type"]) {
        "Credit" => "+",
        "Debit" => "-",
        _ => " ",
    };
    format!(
        "{}  {sign} {:>14}  {}",
        moment(text(&row["date"])),
        reais(cents(&row["value"])),
        text(&row["description"])
    )
}

fn rest(out: &mut String, rows: usize) {
    if rows > ROWS {
        let _ = writeln!(out, "  … and {} more", rows - ROWS);
    }
}

fn rows(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text without control characters: what a feeding system sent must not command the terminal.
fn text(value: &Value) -> &str {
    value.as_str().filter(|text| !text.chars().any(char::is_control)).unwrap_or_default()
}

fn total(items: &[Value]) -> i64 {
    items.iter().map(|item| cents(&item["value"])).sum()
}

fn cents(value: &Value) -> i64 {
    serde_json::from_value::<ficha_domain::Money>(value.clone()).map_or(0, ficha_domain::Money::cents)
}

/// An amount as Brazil writes it.
fn reais(cents: i64) -> String {
    let whole = (cents / 100).unsigned_abs().to_string();
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push('.');
        }
        grouped.push(digit);
    }
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}R$ {grouped},{:02}", (cents % 100).unsigned_abs())
}

fn punctuated(cpf: &str) -> String {
    match (cpf.get(..3), cpf.get(3..6), cpf.get(6..9), cpf.get(9..)) {
        (Some(a), Some(b), Some(c), Some(d)) => format!("{a}.{b}.{c}-{d}"),
        _ => cpf.to_owned(),
    }
}

/// A day as Brazil writes it.
fn day(date: &str) -> String {
    date.parse::<jiff::civil::Date>()
        .map_or_else(|_| date.to_owned(), |date| date.strftime("%d/%m/%Y").to_string())
}

/// An instant in Brasília.
fn moment(instant: &str) -> String {
    let brasilia = jiff::tz::TimeZone::fixed(jiff::tz::Offset::constant(-3));
    match instant.parse::<jiff::Timestamp>() {
        Ok(at) => at.to_zoned(brasilia).strftime("%d/%m/%Y %H:%M").to_string(),
        Err(_) => instant.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_a_page() {
        let dossier = serde_json::json!({
            "cpf": "52998224725", "purpose": "risk_analysis", "composed_at": "2026-11-22T12:00:00.123Z",
            "complete": false, "elapsed_ms": 3,
            "sections": {
                "debts": { "status": "fresh", "updated_at": "2026-10-02T08:00:00Z",
                    "data": { "name": "Maria", "address": "Rua A", "debts": [{ "value": "1234567.80", "date": "2018-07-07" }] } },
                "score": { "status": "fresh", "updated_at": "2026-10-02T08:00:00Z", "data": {
                    "name": "Maria", "address": "Rua A", "age": 41, "patrimonies": [],
                    "sources_income": [{ "value": "1000.00", "description": "Salário" }],
                    "score": { "value": 612, "band": "good", "reasons": [{ "points": -84, "text": "Renda mensal baixa" }] } } },
                "events": { "status": "unavailable", "reason": "timeout", "updated_at": null, "data": null },
            },
        });
        insta::assert_snapshot!(render(&dossier));
    }

    #[test]
    fn a_text_cannot_command_the_terminal() {
        assert_eq!(text(&Value::from("a\u{1b}[2J")), "");
    }
}
