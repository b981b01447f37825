//! Three foreign bases, with the faults that such bases have, through `ficha import`: each of their people is served
//! as somebody else wrote them down, and what is not is set aside.

use crate::import::{Place, counts, seen};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../intake/tests/data");

fn documents(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(Path::new(DATA).join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An amount with two decimals, of whatever type it was.
fn two_decimals(amount: &Value) -> String {
    let text = amount["$numberDecimal"].as_str().or(amount["$numberInt"].as_str()).or(amount.as_str());
    let text = text.map_or_else(|| amount.to_string(), |text| text.replace("R$ 1.234,56", "1234.56"));
    format!("{:.2}", text.parse::<f64>().unwrap())
}

fn instant(date: &Value) -> Option<Timestamp> {
    date["$date"].as_str().or(date.as_str()).map(|text| text.parse().unwrap())
}

/// The rows that base A's dump inserts into a table.
fn rows_of_alpha(table: &str) -> Vec<Vec<String>> {
    let sql = fs::read_to_string(Path::new(DATA).join("alpha.sql")).unwrap();
    let begin = sql.split_once(&format!("INSERT INTO {table} (")).unwrap().1;
    begin.split_once(";\n").unwrap().0.lines().skip(1).map(values_of).collect()
}

/// `(1, 'D''Ávila, Ana', 7.50),` as its values.
fn values_of(line: &str) -> Vec<String> {
    let line = line.trim().trim_end_matches([',', ';']).trim_start_matches('(').trim_end_matches(')');
    let (mut values, mut quoted) = (vec![String::new()], false);
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\'' if quoted && chars.peek() == Some(&'\'') => values.last_mut().unwrap().extend(chars.next()),
            '\'' => quoted = !quoted,
            ',' if !quoted => values.push(String::new()),
            ' ' if !quoted => {}
            _ => values.last_mut().unwrap().push(char),
        }
    }
    values
}

/// Base A as `psql` would export it: customers with their debts, `LEFT JOIN`.
fn export_of_alpha() -> String {
    let debts = rows_of_alpha("debts_debt");
    let mut csv = "cpf,name,address,debt_id,value,date\n".to_owned();
    for customer in rows_of_alpha("debts_customer") {
        let who = customer[1..].iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(",");
        let own: Vec<_> = debts.iter().filter(|debt| debt[3] == customer[0]).collect();
        if own.is_empty() {
            csv.push_str(&format!("{who},,,\n"));
        }
        for debt in own {
            csv.push_str(&format!("{who},{},{},{}\n", debt[0], debt[1], debt[2]));
        }
    }
    csv
}

/// Name and address as the last row says; id, value and day of the debts of all rows.
type Person = (String, String, BTreeSet<(i64, String, String)>);

/// Base A's people by the digits of their CPF.
fn people_of_alpha() -> BTreeMap<String, Person> {
    let debts = rows_of_alpha("debts_debt");
    let mut people = BTreeMap::<_, Person>::new();
    for customer in rows_of_alpha("debts_customer") {
        let person = people.entry(customer[1].replace(['.', '-'], "")).or_default();
        (person.0, person.1) = (customer[2].clone(), customer[3].clone());
        let own = debts.iter().filter(|debt| debt[3] == customer[0]);
        let money = |text: &str| format!("{:.2}", text.parse::<f64>().unwrap());
        person.2.extend(own.map(|debt| (debt[0].parse().unwrap(), money(&debt[1]), debt[2].clone())));
    }
    people
}

#[tokio::test]
async fn base_a_by_its_export() {
    let place = Place::new();
    let csv = place.file("alpha.csv", export_of_alpha());
    let summary = place.import("debts", &csv, &["--cpf-validation", "format"]);
    assert_eq!(counts(&summary)[1..], [1, 0, 260, 0, 0]);
    let quarantine = place.quarantine("alpha.csv");
    let (_, set_aside) = quarantine.trim_end().split_once('\n').unwrap();
    assert!(set_aside.contains("\"cpf\",\"has fewer than 11 digits"), "{set_aside}");
    assert!(set_aside.ends_with(",\"1234567890\",\"Curto Demais\",\"Rua Chapecó, 1\",,,"), "{set_aside}");
    let again = place.import("debts", &csv, &["--cpf-validation", "format"]);
    assert_eq!(counts(&again)[1..], [1, 0, 0, 0, 260]);

    let server = place.serve();
    let token = server.token("read write").await;
    let mut people = people_of_alpha();
    people.remove("1234567890").unwrap();
    assert!(people.contains_key("00000000299") && people.values().any(|person| person.1.is_empty()));
    for (cpf, (name, address, debts)) in &people {
        let written = format!("{}.{}.{}-{}", &cpf[..3], &cpf[3..6], &cpf[6..9], &cpf[9..]);
        let person = seen(&server, &token, &format!("/divida/{written}")).await;
        assert_eq!(person, seen(&server, &token, &format!("/divida/{cpf}")).await, "by either form");
        assert_eq!([&person["cpf"], &person["name"], &person["address"]], [cpf, name, address]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let served = person["debts"].as_array().unwrap().iter();
        let served =
            served.map(|debt| (debt["id"].as_i64().unwrap(), text(&debt["value"]), text(&debt["date"])));
        assert_eq!(&served.collect::<BTreeSet<_>>(), debts, "{cpf}");
    }
    assert_eq!(people["00007919034"].0, "JOÃO SOUZA MÜLLER", "ids 11 and 261 are one person");
    for nobody in ["01234567890", "12345678900"] {
        let answer = server.get(&token, &format!("/divida/{nobody}")).await;
        assert_eq!(answer.status, 404, "ten digits are nobody's");
    }
}

#[test]
fn base_a_where_check_digits_are_asked_for() {
    let place = Place::new();
    let csv = place.file("alpha.csv", export_of_alpha());
    assert_eq!(counts(&place.import("debts", &csv, &[]))[1..], [2, 0, 259, 0, 0]);
    let quarantine = place.quarantine("alpha.csv");
    assert!(quarantine.contains("2,\"cpf\",\"the check digits of this CPF do not hold"), "{quarantine}");
    assert!(quarantine.contains(",\"00000000299\",\"Zélia D'Ávila Gonçalves\""), "{quarantine}");
}

#[tokio::test]
async fn base_b_as_it_is() {
    let name = "beta.customer_document.ndjson";
    let (place, file) = (Place::new(), Path::new(DATA).join(name));
    assert_eq!(counts(&place.import("score", &file, &[])), [280, 1, 0, 279, 0, 0]);
    let quarantine: Value = serde_json::from_str(&place.quarantine(name)).unwrap();
    assert_eq!([&quarantine["line"], &quarantine["field"]], [&json!(52), &json!("cpf")]);
    assert!(quarantine["reason"].as_str().unwrap().contains("--pad-cpf"), "{quarantine}");
    assert_eq!(counts(&place.import("score", &file, &["--pad-cpf"])), [280, 0, 0, 1, 0, 279]);

    let server = place.serve();
    let token = server.token("read write").await;
    let (mut without_birth, mut without_income) = (0, 0);
    for document in documents(name) {
        let cpf = document["cpf"].as_str().map_or("00056224923".to_owned(), str::to_owned);
        let person = seen(&server, &token, &format!("/score/{cpf}")).await;
        assert_eq!([&person["name"], &person["address"]], [&document["name"], &document["address"]]);
        assert_eq!(instant(&person["date_birth"]), instant(&document["date_birth"]));
        assert_eq!(person["age"].is_null(), document["date_birth"].is_null());
        without_birth += u32::from(document["date_birth"].is_null());
        without_income += u32::from(document.get("sources_income").is_none());
        for list in ["patrimonies", "sources_income"] {
            let written = document[list].as_array().into_iter().flatten();
            let written: Vec<_> =
                written.map(|item| (json!(two_decimals(&item["value"])), &item["description"])).collect();
            let served = person[list].as_array().unwrap().iter();
            let served: Vec<_> = served.map(|item| (item["value"].clone(), &item["description"])).collect();
            assert_eq!(served, written, "{list}");
        }
    }
    assert!(without_birth > 0 && without_income > 0, "the faults are in the file");
}

/// What base C should serve of a movement, whatever the collection left out of it.
fn whole(movement: &Value) -> Value {
    let text = |field: &str| movement.get(field).cloned().unwrap_or_else(|| json!(""));
    json!({
        "id": movement["_id"]["$oid"],
        "description": text("description"),
        "value": movement.get("value").map_or_else(|| "0.00".to_owned(), two_decimals),
        "date": instant(&movement["date"]).unwrap().as_millisecond(),
        "type": text("type"),
        "PaymentType": text("PaymentType"),
    })
}

#[tokio::test]
async fn base_c_as_it_is() {
    let [transactions, purchases] = ["capa.FinancialTransactions.ndjson", "capa.LastPurchases.ndjson"];
    let (place, files) = (Place::new(), [transactions, purchases].map(|name| Path::new(DATA).join(name)));
    assert_eq!(counts(&place.import("events", &files[0], &[])), [2162, 0, 0, 2162, 0, 0]);
    let passed_over = place.import("events", &files[1], &[]);
    assert_eq!((&passed_over["last_purchases"], counts(&passed_over)), (&json!(622), [622, 0, 0, 0, 0, 0]));
    assert_eq!(counts(&place.import("events", &files[0], &[])), [2162, 0, 0, 0, 0, 2162]);

    let server = place.serve();
    let token = server.token("read write").await;
    let movements = documents(transactions);
    let missing = |field: &str| movements.iter().filter(|movement| movement.get(field).is_none()).count();
    assert!(missing("value") > 0 && missing("type") > 0, "the faults are in the file");
    assert!(movements.iter().any(|movement| movement["date"].is_string()), "the faults are in the file");
    let mut people = BTreeMap::<_, Vec<Value>>::new();
    for movement in &movements {
        people.entry(movement["cpf"].as_str().unwrap()).or_default().push(whole(movement));
    }
    for (cpf, mut expected) in people {
        let served = seen(&server, &token, &format!("/financial-transactions/{cpf}")).await;
        let mut served: Vec<_> = served.as_array().unwrap().clone();
        for movement in &mut served {
            movement["value"] = json!(two_decimals(&movement["value"]));
            movement["date"] = json!(instant(&movement["date"]).unwrap().as_millisecond());
            movement.as_object_mut().unwrap().remove("cpf");
        }
        let order = |movement: &Value| movement["id"].as_str().unwrap().to_owned();
        served.sort_by_key(order);
        expected.sort_by_key(order);
        assert_eq!(served, expected);
        let by_card =
            expected.iter().filter(|row| row["type"] == "Debit" && row["PaymentType"] == "CreditCard");
        let latest = by_card.max_by_key(|row| row["date"].as_i64()).map(|row| row["id"].clone());
        let answer = seen(&server, &token, &format!("/evento/ultcompracartao/{cpf}")).await;
        assert_eq!(answer["last_purchase"]["id"], latest.unwrap_or_default(), "the latest by date");
    }
    let other = Place::new();
    assert_eq!(counts(&other.import("events", &files[1], &["--as-movements"])), [622, 0, 0, 622, 0, 0]);
}
