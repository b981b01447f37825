//! `ficha doctor` before the servers on which shared stores are.

use crate::server::{command, folder};
use ficha_engines::{Durability, Running};
use std::{
    fs::OpenOptions,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::OpenOptionsExt,
    process::Output,
    sync::Arc,
};
use tempfile::TempDir;

/// An installation that knows of its stores.
struct Place {
    dir: Arc<TempDir>,
    settings: Vec<(&'static str, String)>,
}

impl Place {
    fn new(stores: &[&'static str], url: &str) -> Self {
        let dir = folder();
        let settings = stores.iter().map(|store| (*store, url.to_owned())).collect();
        let place = Self { dir, settings };
        place.bring_key("root.key", "07");
        let migrated = place.run(&["migrate"]);
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        place
    }

    fn bring_key(&self, name: &str, byte: &str) {
        let mut options = OpenOptions::new();
        let file =
            options.create(true).truncate(true).write(true).mode(0o600).open(self.dir.path().join(name));
        writeln!(file.unwrap(), "ficha-key-1 {}", byte.repeat(32)).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        command(self.dir.path()).envs(self.settings.iter().cloned()).args(args).output().unwrap()
    }

    /// What it finds to say, without what is well; whether nothing is wrong.
    fn doctor(&self) -> (bool, String) {
        let output = self.run(&["doctor"]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!told.contains(PASSWORD) && !told.contains("ana"), "{told}");
        let said: Vec<&str> = told.lines().filter(|line| !line.starts_with("ok ")).collect();
        (output.status.success(), said.join("\n"))
    }

    fn finds(&self, expected: &[&str]) {
        let (is_well, said) = self.doctor();
        let wrong = expected.iter().any(|line| line.starts_with("WRONG"));
        assert_eq!(is_well, !wrong, "{said}");
        let lines: Vec<&str> =
            said.lines().filter(|line| line.starts_with("note") || line.starts_with("WRONG")).collect();
        assert_eq!(lines.len(), expected.len(), "{said}");
        for line in expected {
            let (word, rest) = line.split_once(' ').unwrap();
            let has = |said: &&&str| said.starts_with(word) && said.contains(rest);
            assert!(lines.iter().find(has).is_some(), "{line} is not said: {said}");
        }
    }
}

/// The servers of these tests ask for none, and take any.
const PASSWORD: &str = "segredo-do-banco";

mod postgres {
    use super::*;

    const STORES: [&str; 3] = ["FICHA_DEBTS__URL", "FICHA_DOSSIER__URL", "FICHA_EVIDENCE__URL"];

    fn start(durability: Durability) -> (Running, String) {
        let engine = ficha_engines::postgres::obtain().unwrap().start(durability).unwrap();
        let url = engine.url().replace("ficha@", &format!("ficha:{PASSWORD}@"));
        (engine, url)
    }

    async fn execute(url: &str, sql: &str) {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
    }

    /// Somebody who is let in to follow, as far as the server shows.
    fn follower(url: &str) -> TcpStream {
        let (_, address) = url.rsplit_once('@').unwrap();
        let mut follower = TcpStream::connect(address.split_once('/').unwrap().0).unwrap();
        let words = b"user\0ficha\0replication\0true\0\0";
        let length = u32::try_from(8 + words.len()).unwrap().to_be_bytes();
        follower.write_all(&[&length[..], &0x0003_0000_u32.to_be_bytes(), words].concat()).unwrap();
        let mut said = Vec::new();
        // Ready: `Z`, its length, and the state.
        while !said.ends_with(b"Z\0\0\0\x05I") {
            let mut byte = [0];
            follower.read_exact(&mut byte).unwrap();
            said.extend(byte);
        }
        follower
    }

    #[tokio::test]
    async fn a_server_that_may_lose_something_is_called_by_name() {
        let (mut engine, url) = start(Durability::Synced);
        let place = Place::new(&STORES, &url);
        place.finds(&[]);
        {
            let _follower = follower(&url);
            place.finds(&["note standbys: 1, and no commit waits for one"]);
        }
        execute(&url, "ALTER DATABASE postgres SET synchronous_commit = off").await;
        place.finds(&["WRONG evidence, debts, dossier at postgres://127.0.0.1:"]);
        place.finds(&["WRONG synchronous_commit is off"]);
        execute(&url, "ALTER DATABASE postgres RESET synchronous_commit").await;
        place.bring_key("root.key", "ab");
        let (is_well, said) = place.doctor();
        assert!(!is_well && said.contains("the schema debts was written with another key"), "{said}");
        place.bring_key("root.key", "07");
        execute(&url, "ALTER DATABASE postgres SET default_transaction_read_only = on").await;
        let (is_well, said) = place.doctor();
        assert!(!is_well && said.contains("it takes no writes"), "{said}");
        engine.kill().unwrap();
        let (is_well, said) = place.doctor();
        assert!(!is_well && said.contains("see that it runs"), "{said}");
    }

    #[tokio::test]
    async fn one_that_does_not_sync_is_wrong_and_one_that_was_not_migrated_too() {
        let (_engine, url) = start(Durability::Unsynced);
        let place = Place::new(&STORES[..1], &url);
        place.finds(&[
            "WRONG fsync is off",
            "WRONG full_page_writes is off",
            "WRONG synchronous_commit is off",
        ]);
        execute(&url, "DROP SCHEMA debts CASCADE").await;
        let (is_well, said) = place.doctor();
        assert!(!is_well && said.contains("run `ficha migrate`"), "{said}");
    }
}

mod mongo {
    use super::*;
    use ficha_mongo::mongodb::{
        Client,
        bson::{Document, doc},
    };

    #[tokio::test]
    async fn a_set_that_may_lose_something_is_called_by_name() {
        let mut engine = ficha_engines::mongo::obtain().unwrap().start(Durability::Synced).unwrap();
        let place = Place::new(&["FICHA_SCORE__URL", "FICHA_EVENTS__URL"], &format!("{}ficha", engine.url()));
        place.finds(&[]);
        let admin = Client::with_uri_str(engine.url()).await.unwrap().database("admin");
        let kept = admin.run_command(doc! { "replSetGetConfig": 1 }).await.unwrap();
        let mut config: Document = kept.get_document("config").unwrap().clone();
        let version = config.get_i32("version").unwrap() + 1;
        config.insert("version", version);
        config.insert("writeConcernMajorityJournalDefault", false);
        admin.run_command(doc! { "replSetReconfig": config }).await.unwrap();
        // Before a majority has taken a write under it, nothing can be read.
        let ping =
            doc! { "insert": "ping", "documents": [{ "_id": 1 }], "writeConcern": { "w": "majority" } };
        admin.run_command(ping).await.unwrap();
        place.finds(&["WRONG writeConcernMajorityJournalDefault is false"]);
        place.finds(&["WRONG score, events at mongodb://127.0.0.1"]);
        engine.kill().unwrap();
        let (is_well, said) = place.doctor();
        assert!(!is_well && said.contains("see that it runs"), "{said}");
    }
}
