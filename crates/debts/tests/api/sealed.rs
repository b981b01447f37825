//! At rest nobody reads base A: neither with an editor nor with another key.

use crate::{Base, WRITES, debt, open, vault};
use ficha_domain::{Cpf, SeededRandom, World};
use ficha_people::SqlitePeople;
use ficha_seal::FileKeys;
use ficha_sqlite::Error;
use serde_json::json;
use std::{fs, io, path::Path, sync::Arc};

/// Every file of the folder that holds one of the texts, with that text.
fn grep(dir: &Path, texts: &[String]) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let (content, name) = (fs::read(&path)?, path.file_name().unwrap_or_default().to_string_lossy());
        let content = String::from_utf8_lossy(&content);
        found.extend(
            texts.iter().filter(|text| content.contains(*text)).map(|text| format!("{name}: {text}")),
        );
    }
    Ok(found)
}

fn punctuated(cpf: Cpf) -> String {
    let bare = cpf.to_string();
    format!("{}.{}.{}-{}", &bare[..3], &bare[3..6], &bare[6..9], &bare[9..])
}

#[tokio::test]
async fn nothing_of_a_person_can_be_read_in_the_files() {
    let base = Base::new().await;
    let mut personal = Vec::new();
    for number in 0..20 {
        let cpf = Cpf::from_base(529_982_247 + number).unwrap();
        let path = format!("/divida/{cpf}");
        let (name, address) = (format!("Zoraide Xq{number:02}"), format!("Ladeira Wz{number:02}"));
        let value = format!("8675{number:02}.31");
        let sent = json!({ "name": name, "address": address, "debts": [debt(&value, "2019-09-19")] });
        let put = || base.client.put(&path).token(WRITES).json(&sent);
        put().header("idempotency-key", cpf.to_string()).send().await.expect(201);
        put().send().await.expect(200);
        let add = base
            .client
            .post(format!("{path}/debts"))
            .token("Yuri debts:write")
            .json(debt(&value, "2019-09-19"));
        add.header("idempotency-key", format!("{name} {number}")).send().await.expect(201);
        personal.extend([cpf.to_string(), punctuated(cpf), name, address, value]);
    }
    base.client.delete("/divida/529.982.247-25").token(WRITES).send().await.expect(204);
    personal.extend(["Zoraide", "Ladeira", "2019-09-19", "\"debts\"", "Yuri"].map(str::to_owned));
    let dir = base.dir.path();
    let files = ["debts.sqlite", "debts.sqlite-wal", "debts.sqlite-shm", "root.key"];
    assert!(
        files.iter().all(|file| dir.join(file).exists()),
        "the log and the shared memory are searched too"
    );
    assert_eq!(grep(dir, &personal).unwrap(), [""; 0]);
    // The search finds what is there: the tables' own names, and a marker in clear.
    assert!(!grep(dir, &["CREATE TABLE person".to_owned()]).unwrap().is_empty());
    fs::write(dir.join("marker"), format!("\u{0}{}\u{0}", personal[0])).unwrap();
    assert_eq!(grep(dir, &personal[..1]).unwrap(), [format!("marker: {}", personal[0])]);
}

#[tokio::test]
async fn the_same_key_reads_on_and_another_is_refused_by_name() {
    let base = Base::new().await;
    let sent = json!({ "name": "Maria", "address": "Rua", "debts": [] });
    let written = base.given(&sent).await;
    let (dir, world) = (base.dir.path(), base.test.world.world());
    let own = vault(&dir.join("root.key")).unwrap();
    let again = open(dir, &own, world.clone()).await.unwrap();
    let cpf = Cpf::from_base(529_982_247).unwrap();
    assert_eq!(again.find(cpf).await.unwrap().unwrap().body, written.bytes);
    let other = dir.join("other.key");
    let chance =
        World::new(Arc::new(ficha_domain::MovedClock::at(world.now())), Arc::new(SeededRandom::new(2)));
    FileKeys::at(&other).create(&chance).unwrap();
    let refused = SqlitePeople::open(&dir.join("debts.sqlite"), &vault(&other).unwrap()).await.err().unwrap();
    assert!(matches!(&refused, Error::WrongKey { file, .. } if file == "debts.sqlite"), "{refused}");
    assert!(refused.to_string().contains("put the right key file in place"), "{refused}");
}
