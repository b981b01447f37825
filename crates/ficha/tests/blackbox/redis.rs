//! Two processes that share bases B and C, and a cache in front of them: it makes them faster and changes nothing else.

mod mongo {
    use crate::server::{CPF, Server, command, folder, signal};
    use ficha_engines::redis::obtain;
    use serde_json::{Value, json};
    use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, time::Duration};
    use tokio::time::{Instant, sleep};

    /// Two processes with the same keys, and a client of each.
    struct Two {
        servers: [(Server, String); 2],
        settings: Vec<(&'static str, String)>,
        _database: ficha_testkit::mongo::Guard,
    }

    impl Two {
        async fn with(cache: &str) -> Self {
            let (url, database) = ficha_testkit::mongo::database();
            let settings = vec![
                ("FICHA_SCORE__URL", url.clone()),
                ("FICHA_EVENTS__URL", url),
                ("FICHA_CACHE__URL", cache.to_owned()),
            ];
            let servers = [Self::serve(&settings).await, Self::serve(&settings).await];
            Self { servers, settings, _database: database }
        }

        async fn serve(settings: &[(&'static str, String)]) -> (Server, String) {
            let dir = folder();
            let key =
                OpenOptions::new().create_new(true).write(true).mode(0o600).open(dir.path().join("root.key"));
            writeln!(key.unwrap(), "ficha-key-1 {}", "07".repeat(32)).unwrap();
            let migrated =
                command(dir.path()).envs(settings.iter().cloned()).arg("migrate").output().unwrap();
            assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
            let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
            let server = Server::start_in(dir, &settings);
            let token = server.token("read write").await;
            (server, token)
        }

        async fn section(&self, at: usize, base: &str) -> Value {
            let (server, token) = &self.servers[at];
            let answer = server.get(token, &format!("/dossie/{CPF}")).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let section = answer.json()["sections"][base].take();
            assert!(["fresh", "not_found"].contains(&section["status"].as_str().unwrap()), "{section}");
            section
        }

        /// Both bases are told out of the cache at the process that did not read them.
        async fn is_used(&self) {
            let began = Instant::now();
            loop {
                let mut sources = Vec::new();
                for base in ["score", "events"] {
                    self.section(0, base).await;
                    sources.push(self.section(1, base).await["source"].take());
                }
                if sources == ["cache", "cache"] {
                    return;
                }
                assert!(began.elapsed() < Duration::from_secs(30), "{sources:?}");
                sleep(Duration::from_millis(50)).await;
            }
        }

        /// What one process answers to a write both tell at once.
        async fn write(&self, at: usize, value: u32) {
            let (server, token) = &self.servers[at];
            let score = json!({ "name": "Ximena Quaresma", "address": format!("Rua {value}"),
                "date_birth": null, "patrimonies": [], "sources_income": [] });
            let put = server.put(token, &format!("/score/{CPF}"), &score).await;
            assert!([200, 201].contains(&put.status.as_u16()), "{}", put.text);
            let movement = json!({ "cpf": CPF, "description": "Farmácia", "value": value,
                "date": format!("2026-10-05T11:{:02}:{:02}-03:00", value / 60, value % 60), "type": "Debit" });
            assert_eq!(server.post(token, "/financial-transactions", &movement).await.status, 201);
            for at in 0..2 {
                assert_eq!(self.section(at, "score").await["data"]["address"], format!("Rua {value}"));
                assert_eq!(self.section(at, "events").await["data"]["movements"][0]["value"], value);
            }
        }

        async fn figure(&self, at: usize, name: &str) -> i64 {
            let (server, token) = &self.servers[at];
            let metrics = server.get(token, "/metrics").await.text;
            let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("ficha_{name} ")));
            line.unwrap_or_else(|| panic!("{name}: {metrics}")).parse().unwrap()
        }
    }

    #[tokio::test]
    async fn what_is_written_at_one_process_is_told_at_the_other_whatever_becomes_of_the_cache() {
        let mut cache = obtain().unwrap().start().unwrap();
        let two = Two::with(cache.url()).await;
        for (server, token) in &two.servers[..1] {
            server
                .put(token, &format!("/divida/{CPF}"), &json!({ "name": "X", "address": "", "debts": [] }))
                .await;
        }
        for value in 1..10 {
            two.write(value as usize % 2, value).await;
        }
        two.is_used().await;
        assert_eq!(two.figure(1, "cache_up").await, 1);
        assert!(
            two.figure(1, "cache_score_redis").await > 0 && two.figure(1, "cache_events_redis").await > 0
        );

        signal(cache.id(), "STOP");
        for value in 10..14 {
            two.write(value as usize % 2, value).await;
        }
        for (server, token) in &two.servers {
            let ready = server.get(token, "/readyz").await;
            assert_eq!(ready.status, 200, "{}", ready.text);
        }
        assert_eq!(two.figure(0, "cache_up").await, 0);
        signal(cache.id(), "CONT");
        two.write(0, 14).await;
        two.is_used().await;

        cache.kill().unwrap();
        two.write(1, 15).await;
        cache.restart().unwrap();
        two.is_used().await;
        two.write(0, 16).await;
    }

    /// By another process, which is no server.
    #[tokio::test]
    async fn an_import_is_told_when_it_is_done() {
        let two = Two::with(&ficha_testkit::redis::url()).await;
        two.write(0, 1).await;
        two.is_used().await;
        let (dir, file) = (folder(), tempfile::Builder::new().suffix(".ndjson").tempfile().unwrap());
        let key =
            OpenOptions::new().create_new(true).write(true).mode(0o600).open(dir.path().join("root.key"));
        writeln!(key.unwrap(), "ficha-key-1 {}", "07".repeat(32)).unwrap();
        let row = json!({ "cpf": CPF, "name": "Ximena Quaresma", "address": "Rua Nova", "date_birth": null,
            "patrimonies": [], "sources_income": [] });
        std::fs::write(file.path(), format!("{row}\n")).unwrap();
        let mut import = command(dir.path());
        import.envs(two.settings.iter().cloned()).args(["import", "score", "--json"]).arg(file.path());
        let imported = import.output().unwrap();
        let told = (String::from_utf8_lossy(&imported.stdout), String::from_utf8_lossy(&imported.stderr));
        assert!(imported.status.success(), "{told:?}");
        for at in 0..2 {
            assert_eq!(two.section(at, "score").await["data"]["address"], "Rua Nova", "{told:?}");
        }
    }
}
