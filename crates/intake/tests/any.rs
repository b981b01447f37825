//! Any file, through the whole import, into a base that only remembers.

#![expect(clippy::unwrap_used, reason = "a panic here is a failing test")]

use async_trait::async_trait;
use ficha_contract::{
    Ingest, Ingested, Problem,
    wire::{DebtsPerson, Movement, Of, ScorePerson},
};
use ficha_domain::{Cpf, CpfValidation, ObjectId};
use ficha_intake::{Batches, Encoding, Plan, Quarantine, Row, Rules, Source, Summary, Watch, run};
use jiff::tz::TimeZone;
use proptest::{collection::vec, prelude::*, sample::select};
use std::sync::{Arc, Mutex};

/// What it was given, one text a row.
struct Remembers<R> {
    told: Mutex<Vec<String>>,
    tell: fn(&R) -> String,
}

#[async_trait]
impl<R: Send + 'static> Ingest<R> for Remembers<R> {
    async fn ingest(&self, batch: Vec<R>) -> Result<Ingested, Problem> {
        self.told.lock().unwrap().extend(batch.iter().map(self.tell));
        Ok(Ingested { created: batch.len() as u64, ..Ingested::default() })
    }

    fn check(&self, _: &R) -> Result<(), Problem> {
        Ok(())
    }

    /// Against the order of CPFs, ten people in each.
    fn region(&self, cpf: Cpf) -> u64 {
        u64::MAX - cpf.as_u64() / 10
    }
}

struct Silent;

impl Watch for Silent {
    fn read(&self, _: u64) {}
    fn landed(&self, _: u64, _: u64) {}
}

fn import<R: Row>(
    bytes: &[u8],
    memory: usize,
    encoding: Encoding,
    tell: fn(&R) -> String,
) -> Option<(Summary, Vec<String>)> {
    let dir = tempfile::tempdir().unwrap();
    let rules = Rules {
        encoding,
        validation: CpfValidation::Format,
        pad_cpf: true,
        zone: TimeZone::UTC,
        derived_id: |_, cpf, ordinal| {
            let mut id = [0; 12];
            id[..8].copy_from_slice(&cpf.as_u64().to_be_bytes());
            id[8..].copy_from_slice(&(ordinal as u32).to_be_bytes());
            ObjectId(id)
        },
    };
    let spill = dir.path().to_owned();
    let plan = Plan { rules, spill, memory, as_movements: false, batches: Batches::Whole };
    let source = Source::copied("any".into(), bytes, dir.path()).unwrap();
    let base = Arc::new(Remembers { told: Mutex::default(), tell });
    let quarantine = Quarantine::at(&dir.path().join("any.quarantine"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let summary = runtime.block_on(run(source, base.clone(), plan, quarantine, Arc::new(Silent)));
    let told = std::mem::take(&mut *base.told.lock().unwrap());
    // A header without the columns is the one thing that ends an import of readable bytes.
    summary.ok().map(|summary| (summary, told))
}

fn debts(row: &Of<DebtsPerson>) -> String {
    let debts: Vec<_> = row.person.debts.iter().map(|debt| format!("{} {}", debt.value, debt.date)).collect();
    format!("{} {} {debts:?}", row.cpf, row.person.name)
}

fn score(row: &Of<ScorePerson>) -> String {
    let items = row.person.patrimonies.iter().chain(&row.person.sources_income);
    let items: Vec<_> = items.map(|item| format!("{} {}", item.value, item.description)).collect();
    format!("{} {:?} {items:?}", row.cpf, row.person.date_birth)
}

fn events(row: &Movement) -> String {
    format!("{} {:?} {} {} {}", row.cpf, row.id, row.date, row.value, row.description)
}

/// Pieces that meet in files, whole and broken.
fn some_file() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"cpf,name,address,date_birth,kind,value,description,date,type,payment_type\n",
        b"52998224725,Ana,Rua,,income,1,Pens\xe3o,2020-01-01,,\n",
        b"191,Ana,\"Rua \"\"1\"\"\",01/01/1980,,,,,,\n",
        b"{\"cpf\":\"52998224725\",\"name\":\"Ana\",\"debts\":[{\"value\":1,\"date\":\"2020-01-01\"}]}\n",
        b"{\"cpf\":191,\"date\":{\"$date\":7},\"value\":{\"$numberDecimal\":\"1\"},\"PaymentType\":\"CreditCard\"}",
        b"{\"line\":1,\"field\":\"x\",\"reason\":\"y\",\"row\":{\"cpf\":\"52998224725\"}}\n",
        b"[", b"]", b"{", b"}", b"\"", b",", b";", b"\n", b"\r\n", b"\xff", b"\xef\xbb\xbf", b"\\", b"null", b"7",
    ];
    vec(select(pieces), 0..30).prop_map(|pieces| pieces.concat())
}

fn every_row_landed_or_was_set_aside<R: Row>(
    bytes: &[u8],
    encoding: Encoding,
    tell: fn(&R) -> String,
) -> Result<(), TestCaseError> {
    let Some((summary, told)) = import(bytes, 1 << 20, encoding, tell) else { return Ok(()) };
    prop_assert!(summary.set_aside <= summary.rows);
    prop_assert_eq!(summary.quarantine.is_some(), summary.set_aside + summary.in_part > 0);
    if !R::JOINS && summary.last_purchases == 0 {
        prop_assert_eq!(told.len() as u64, summary.rows - summary.set_aside);
    }
    let (_, spilled) = import(bytes, 0, encoding, tell).unwrap();
    prop_assert_eq!(told, spilled, "however little memory there is");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_file_ends(bytes in some_file(), latin in any::<bool>()) {
        let encoding = if latin { Encoding::Latin1 } else { Encoding::Utf8 };
        every_row_landed_or_was_set_aside(&bytes, encoding, debts)?;
        every_row_landed_or_was_set_aside(&bytes, encoding, score)?;
        every_row_landed_or_was_set_aside(&bytes, encoding, events)?;
    }
}

#[test]
fn rows_of_a_person_land_together_from_all_over_the_file_along_the_base() {
    let mut csv = "cpf,name,address,value,date\n".to_owned();
    for round in 0..40 {
        for person in 0..300 {
            csv.push_str(&format!("{person:011},P{round},,{round},2020-01-01\n"));
        }
    }
    for memory in [0, 64 << 20] {
        let (summary, told) = import(csv.as_bytes(), memory, Encoding::Utf8, debts).unwrap();
        assert_eq!((summary.rows, told.len()), (12_000, 300));
        assert!(told[7].starts_with("00000000297 P39 [\"0.00 2020-01-01\", \"1.00"), "{}", told[7]);
    }
}

#[test]
fn equal_rows_without_an_id_get_one_each() {
    let row = r#"{"cpf":"52998224725","date":"2020-01-01T00:00:00Z","value":1}"#;
    let other = row.replace(":1}", ":2}");
    let (_, told) = import(format!("{row}\n{other}\n{row}").as_bytes(), 0, Encoding::Utf8, events).unwrap();
    let distinct: std::collections::BTreeSet<_> = told.iter().collect();
    assert_eq!((told.len(), distinct.len()), (3, 3), "{told:?}");
}

#[test]
fn of_nonsense_over_several_lines_only_its_own_are_lost_however_many_rows_are_read_at_once() {
    let mut csv = "cpf,name,address,value,date\n".to_owned();
    for person in 0..9000 {
        csv.push_str(&format!("{person:011},Ana,,1,2020-01-01\n"));
        if [0, 700, 701, 5000, 8999].contains(&person) {
            // A text over two lines, in a row of two fields; its second line is none either.
            csv.push_str("\"begun\nand ended\",1\n");
        }
    }
    let (summary, told) = import(csv.as_bytes(), 1 << 20, Encoding::Utf8, debts).unwrap();
    assert_eq!((summary.rows, summary.set_aside, told.len()), (9010, 10, 9000));
}
