//! `ficha generate`: the synthetic population as files that `ficha import` reads.

use crate::{cli::Form, cli::Generate, progress};
use anyhow::{Context, Result};
use ficha_domain::World;
use ficha_population::{Person, Population};
use serde::Serialize;
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

/// Writes the files; returns when they are on the disk.
pub fn run(args: &Generate, world: &World) -> Result<()> {
    let today = args.today.unwrap_or_else(|| progress::today(world));
    let population = Population::new(args.seed, today);
    fs::create_dir_all(&args.out).with_context(|| format!("{} cannot be made", args.out.display()))?;
    let mut files = Files::create(&args.out, args.format)?;
    let bar = progress::bar(args.people, "people");
    for number in 0..args.people {
        files.write(&population.person(number))?;
        bar.inc(1);
    }
    files.finish()?;
    bar.finish();
    write_note(args, today)
}

/// Says beside the data what it is: nobody may take these people for real ones.
fn write_note(args: &Generate, today: jiff::civil::Date) -> Result<()> {
    let note = serde_json::json!({
        "synthetic": true, "note": "dados sintéticos: invented people", "people": args.people, "seed": args.seed,
        "today": today.to_string(), "generator": concat!("ficha ", env!("CARGO_PKG_VERSION")),
    });
    let path = args.out.join("SYNTHETIC.json");
    fs::write(&path, format!("{note:#}\n")).with_context(|| format!("{} cannot be written", path.display()))
}

struct Files {
    form: Form,
    debts: BufWriter<File>,
    score: BufWriter<File>,
    events: BufWriter<File>,
}

impl Files {
    fn create(out: &Path, form: Form) -> Result<Self> {
        let ending = match form {
            Form::Ndjson => "ndjson",
            Form::Csv => "csv",
        };
        let create = |name: &str| {
            let path = out.join(format!("{name}.{ending}"));
            let file =
                File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
            Ok::<_, anyhow::Error>(BufWriter::with_capacity(1 << 20, file))
        };
        let mut files =
            Self { form, debts: create("debts")?, score: create("score")?, events: create("events")? };
        if matches!(form, Form::Csv) {
            files.debts.write_all(b"cpf,name,address,debt_id,value,date\n")?;
            files.score.write_all(b"cpf,name,address,date_birth,kind,value,description\n")?;
            files.events.write_all(b"cpf,id,description,value,date,type,payment_type\n")?;
        }
        Ok(files)
    }

    fn write(&mut self, person: &Person) -> Result<()> {
        match self.form {
            Form::Ndjson => self.write_json(person),
            Form::Csv => self.write_csv(person),
        }
    }

    fn write_json(&mut self, person: &Person) -> Result<()> {
        if let Some(line) = person.debts_json() {
            json_line(&mut self.debts, &line)?;
        }
        if let Some(line) = person.score_json() {
            json_line(&mut self.score, &line)?;
        }
        for line in person.events_json() {
            json_line(&mut self.events, &line)?;
        }
        Ok(())
    }

    fn write_csv(&mut self, person: &Person) -> Result<()> {
        let who = format!("{},{},{}", person.cpf, quoted(&person.name), quoted(&person.address));
        if person.in_debts && person.debts.is_empty() {
            writeln!(self.debts, "{who},,,")?;
        }
        for debt in person.debts.iter().filter(|_| person.in_debts) {
            writeln!(self.debts, "{who},,{},{}", debt.value, debt.date)?;
        }
        let items = person.patrimonies.iter().map(|item| ("patrimony", item));
        let items: Vec<_> = items.chain(person.sources_income.iter().map(|item| ("income", item))).collect();
        let birth = format!("{}T00:00:00Z", person.date_birth);
        if person.in_score && items.is_empty() {
            writeln!(self.score, "{who},{birth},,,")?;
        }
        for (kind, item) in items.into_iter().filter(|_| person.in_score) {
            writeln!(self.score, "{who},{birth},{kind},{},{}", item.value, quoted(item.description))?;
        }
        for movement in person.movements.iter().filter(|_| person.in_events) {
            let (kind, payment) = (movement.kind.as_str(), movement.payment_type.as_str());
            let description = quoted(movement.description);
            let (cpf, id, value, at) = (person.cpf, movement.id, movement.value, movement.at);
            writeln!(self.events, "{cpf},{id},{description},{value},{at},{kind},{payment}")?;
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        for file in [self.debts, self.score, self.events] {
            file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        }
        Ok(())
    }
}

fn json_line(out: &mut impl Write, line: &impl Serialize) -> Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    Ok(out.write_all(b"\n")?)
}

/// A text as a field of CSV (RFC 4180).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
