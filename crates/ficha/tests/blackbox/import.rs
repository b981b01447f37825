//! `ficha import`, as an operator has it.

use crate::server::{CPF, OTHER_CPF, Server, command};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::Arc,
};

/// A data folder inside one for files, so that what lies beside it lies there too.
pub struct Place {
    _around: tempfile::TempDir,
    path: PathBuf,
    dir: Arc<tempfile::TempDir>,
}

impl Place {
    pub fn new() -> Self {
        let around = tempfile::tempdir().unwrap();
        let path = around.path().to_owned();
        let data = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir_in(&path);
        Self { _around: around, dir: Arc::new(data.unwrap()), path }
    }

    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Imports a file; the summary.
    pub fn import(&self, base: &str, file: &Path, more: &[&str]) -> Value {
        let output =
            command(self.dir.path()).args(["import", base, "--json"]).args(more).arg(file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn serve(&self) -> Server {
        Server::start_in(self.dir.clone(), &[("FICHA_DEBTS__CPF_VALIDATION", "format")])
    }

    pub fn quarantine(&self, name: &str) -> String {
        fs::read_to_string(self.path.join(format!("{name}.quarantine"))).unwrap()
    }
}

/// Rows, set aside, in part; created, replaced, unchanged.
pub fn counts(summary: &Value) -> [u64; 6] {
    ["rows", "set_aside", "in_part", "created", "replaced", "unchanged"]
        .map(|key| summary[key].as_u64().unwrap())
}

/// What a person of base A, B or C looks like to a client.
pub async fn seen(server: &Server, token: &str, path: &str) -> Value {
    let answer = server.get(token, path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

/// Each fault with the field and the reason that are told of it.
#[test]
fn faults_are_told_by_line_field_and_reason() {
    let place = Place::new();
    let csv = format!(
        "cpf;name;address;value;date\n{CPF};Ana;Rua 1;1.234,56;07/07/2018\n52998224724;Ana;;1;2018-07-07\n\
         {CPF};Ana;;1.234;2018-07-07\n{CPF};Ana;;-1;2018-07-07\n{CPF};Ana;;1;31/02/2018\n{CPF};Ana;;;2018-07-07\n\
         {CPF};{long};;1;2018-07-07\n{CPF};Ana\n{CPF};\"Ana;;1;2018-07-07\n{OTHER_CPF};;Rua 2;1;2018-07-07\n",
        long = "a".repeat(201)
    );
    let file = place.file("faults.csv", csv);
    assert_eq!(counts(&place.import("debts", &file, &[])), [10, 9, 0, 1, 0, 0]);
    let told: Vec<_> = place
        .quarantine("faults.csv")
        .lines()
        .map(|line| line.split(';').take(3).collect::<Vec<_>>().join(" ").replace('"', ""))
        .collect();
    let expected = [
        "line field reason",
        "3 cpf the check digits of this CPF do not hold",
        "4 value can be read in two ways",
        "5 value is not negative",
        "6 date is a day such as 2026-11-22 or 22/11/2026",
        "7 value is missing",
        "8 name takes 0 to 200 characters, without control characters",
        "9 row has 2 fields",
        "10 row a quotation mark is opened and not closed",
        "11 name takes 1 to 200 characters, without control characters",
    ];
    assert_eq!(told, expected);
    let mode = fs::metadata(place.path.join("faults.csv.quarantine")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_quarantine_file_is_mended_and_imported() {
    let place = Place::new();
    let good = json!({ "cpf": CPF, "name": "Ana", "address": "", "date_birth": null,
        "patrimonies": [{ "value": "mil", "description": "Carro" }, { "value": "5.00", "description": "Moto" }] });
    let file = place.file("people.json", format!("[{good},\n{{\"cpf\": \"{CPF}\"\n]"));
    assert_eq!(counts(&place.import("score", &file, &[])), [2, 1, 1, 1, 0, 0]);
    let quarantine = place.quarantine("people.json");
    assert!(quarantine.contains("patrimonies[0].value"), "{quarantine}");
    let mended = quarantine.replace("\"mil\"", "\"1000.00\"");
    let path = place.file("people.json.quarantine", mended);
    assert_eq!(counts(&place.import("score", &path, &[])), [2, 1, 0, 0, 1, 0]);
    assert_eq!(counts(&place.import("score", &path, &[])), [2, 1, 0, 0, 0, 1]);

    let file = place
        .file("people.csv", b"cpf,name,address,value,date\n191,Jo\xe3o,\"Rua \"\"B\"\", 1\",1,2020-01-01\n");
    assert_eq!(counts(&place.import("debts", &file, &["--encoding", "latin1"])), [1, 1, 0, 0, 0, 0]);
    let path = place.path.join("people.csv.quarantine");
    assert_eq!(counts(&place.import("debts", &path, &["--encoding", "latin1"])), [1, 1, 0, 0, 0, 0]);
    let twice = fs::read(place.path.join("people.csv.quarantine.quarantine")).unwrap();
    assert_eq!(twice, fs::read(&path).unwrap(), "set aside again, it is the same but for its line");
    assert_eq!(
        counts(&place.import("debts", &path, &["--encoding", "latin1", "--pad-cpf"])),
        [1, 0, 0, 1, 0, 0]
    );
}

#[test]
fn columns_that_are_not_taken_are_told() {
    let place = Place::new();
    let file = place.file("other.csv", format!("cpf,name,address,amount,due\n{CPF},Ana,,7,2020-01-01\n"));
    let summary = place.import("debts", &file, &[]);
    assert_eq!(summary["columns_ignored"], json!(["amount", "due"]), "{summary}");
}

#[test]
fn a_quarantine_file_takes_nobodys_place() {
    let place = Place::new();
    let wrong = |name: &str| format!("cpf,name,address,value,date\n11111111111,{name},,1,2020-01-01\n");
    let kept: Vec<String> = ["Ana", "Bia", "Caio"]
        .map(|name| {
            let summary = place.import("debts", &place.file("same.csv", wrong(name)), &[]);
            fs::read_to_string(summary["quarantine"].as_str().unwrap()).unwrap()
        })
        .into();
    assert!(kept[0].contains("Ana") && kept[1].contains("Bia") && kept[2].contains("Caio"), "{kept:?}");
    assert!(place.quarantine("same.csv").contains("Ana"), "the first is where it was");

    let (file, store) = (place.file("other.csv", wrong("Davi")), place.dir.path().join("debts.sqlite"));
    let before = fs::read(&store).unwrap();
    let output = command(place.dir.path())
        .args(["import", "debts"])
        .arg(&file)
        .arg("--quarantine")
        .arg(&store)
        .output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is there already"));
    assert_eq!(fs::read(&store).unwrap(), before);
}

#[tokio::test]
async fn equal_rows_of_a_file_are_several_and_come_once() {
    let place = Place::new();
    let row = format!("{CPF},,Pão,12.5,2020-01-01T00:00:00Z,Debit,Money\n");
    let csv = format!("cpf,id,description,value,date,type,payment_type\n{}", row.repeat(3));
    let file = place.file("events.csv", csv);
    assert_eq!(counts(&place.import("events", &file, &[])), [3, 0, 0, 3, 0, 0]);
    assert_eq!(counts(&place.import("events", &file, &[])), [3, 0, 0, 0, 0, 3]);
    let row = format!(
        "\u{feff}cpf;name;address;value;date\n{CPF};Ana;;1,5;2020-01-01\n529.982.247-25;;Rua;1,5;2020-01-01\n"
    );
    let file = place.file("debts.csv", row);
    assert_eq!(counts(&place.import("debts", &file, &[])), [2, 0, 0, 1, 0, 0]);
    assert_eq!(counts(&place.import("debts", &file, &[])), [2, 0, 0, 0, 0, 1]);
    let server = place.serve();
    let token = server.token("read write").await;
    let person = seen(&server, &token, &format!("/divida/{CPF}")).await;
    assert_eq!((&person["name"], &person["address"]), (&json!("Ana"), &json!("Rua")));
    assert_eq!(person["debts"].as_array().unwrap().len(), 2);
    let all = seen(&server, &token, &format!("/financial-transactions/{CPF}")).await;
    assert_eq!(all.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn beside_a_running_server_from_the_standard_input() {
    let place = Place::new();
    let server = place.serve();
    let token = server.token("read write").await;
    server.fill(&token).await;
    let mut import = command(server.dir.path())
        .args(["import", "events", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let row = json!({ "cpf": CPF, "date": "2026-11-01T00:00:00Z", "value": 7, "description": "Pix" });
    write!(import.stdin.take().unwrap(), "{row}\nnonsense\n").unwrap();
    let output = import.wait_with_output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(counts(&summary), [2, 1, 0, 1, 0, 0]);
    let all = seen(&server, &token, &format!("/financial-transactions/{CPF}")).await;
    assert_eq!(all.as_array().unwrap().len(), 2, "seen at once");
    assert!(place.quarantine("events.stdin").contains("nonsense"));
}

#[test]
fn what_is_no_file_of_rows_fails_and_says_why() {
    let place = Place::new();
    let header = place.file("header.csv", "cpf,nome\n1,2\n");
    let double = place.file("double.csv", "cpf,name,address,value,date,value\n");
    let old = place.file("old.csv", "cpf,name,address,value,date\r52998224725,Ana,,1,2020-01-01\r");
    let wide = place.file("wide.csv", b"\xff\xfec\0p\0f\0");
    for (args, code, said) in [
        (vec!["import", "debts", header.to_str().unwrap()], 1, "no column name, address"),
        (vec!["import", "debts", wide.to_str().unwrap()], 1, "UTF-16"),
        (vec!["import", "debts", double.to_str().unwrap()], 1, "the column value twice"),
        (vec!["import", "debts", old.to_str().unwrap()], 1, "line ends"),
        (vec!["import", "debts", "nowhere.csv"], 1, "nowhere.csv"),
        (vec!["import", "debts"], 2, "FILE"),
        (vec!["import", "assets", "x"], 2, "assets"),
        (vec!["import", "debts", "a", "b", "--quarantine", "q"], 2, "one file"),
    ] {
        let output = command(place.dir.path()).args(&args).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
    }
}

/// Killed when some batches are in and others are not, then repeated: as if it had never been interrupted.
#[tokio::test]
async fn killed_in_the_middle_and_repeated() {
    let (whole, killed) = (Place::new(), Place::new());
    let out = whole.path.join("files");
    let generate = ["generate", "--people", "1500", "--today", "2026-11-22", "--format", "csv", "--out"];
    assert!(command(whole.dir.path()).args(generate).arg(&out).output().unwrap().status.success());
    for base in ["debts", "events"] {
        let file = out.join(format!("{base}.csv"));
        let expected = whole.import(base, &file, &[]);
        let ended = kill_after(command(killed.dir.path()), base, &file, 50, 1);
        assert!(ended.signal().is_some(), "{ended}");
        let rest = killed.import(base, &file, &[]);
        let [created, unchanged] = ["created", "unchanged"].map(|key| rest[key].as_u64().unwrap());
        assert!(created > 0 && unchanged > 0, "some was in, some was not: {rest}");
        assert_eq!(Some(created + unchanged), expected["created"].as_u64(), "nothing lost, nothing twice");
        assert_eq!(rest["replaced"], 0);
    }
    let left: Vec<_> =
        fs::read_dir(killed.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let known = |name: &str| name.contains(".sqlite") || ["root.key", "lock", "spool"].contains(&name);
    assert!(left.iter().all(|name| known(name.to_str().unwrap())), "{left:?}");
    let (whole, killed) = (whole.serve(), killed.serve());
    let (token, other) = (whole.token("read write").await, killed.token("read write").await);
    let rows = fs::read_to_string(out.join("debts.csv")).unwrap();
    for cpf in rows.lines().skip(1).step_by(211).map(|row| &row[..11]) {
        for path in [format!("/divida/{cpf}"), format!("/financial-transactions/{cpf}")] {
            let (a, b) = (whole.get(&token, &path).await, killed.get(&other, &path).await);
            assert_eq!((a.status, stripped(&a.text)), (b.status, stripped(&b.text)), "{path}");
        }
    }
}

/// Without what each installation gives by itself: ids of people and debts, and the id of the request.
pub fn stripped(text: &str) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(object) => {
                let own = object.get("id").is_some_and(Value::is_number);
                object.retain(|key, _| !(own && key == "id") && key != "customer" && key != "request_id");
                object.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::from_str(text).unwrap_or_default();
    strip(&mut value);
    value
}

/// Has this command import a file in batches of this size, and kills it when so many have landed; how it ended.
pub fn kill_after(mut command: Command, base: &str, file: &Path, batch: u64, landed: usize) -> ExitStatus {
    let import = command.args(["import", base, "--batch", &batch.to_string()]).arg(file);
    let import = import.env("FICHA_LOG", "debug").stdout(Stdio::null()).stderr(Stdio::piped());
    let mut import = import.spawn().unwrap();
    let lines = BufReader::new(import.stderr.take().unwrap()).lines().map_while(Result::ok);
    lines.filter(|line| line.contains("\"message\":\"landed\"")).take(landed).for_each(drop);
    import.kill().unwrap();
    import.wait().unwrap()
}
