//! `ficha migrate` by several processes at once, as replicas of a new version start.

mod postgres {
    mod mongo {
        #[tokio::test]
        async fn four_at_once_make_every_store_once() {
            super::super::four_at_once_make_every_store_once().await;
        }
    }
}

use crate::server::{Server, command, folder};
use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    process::{Child, Command, Stdio},
};

async fn four_at_once_make_every_store_once() {
    let ((url, _guard), (bases, _other)) =
        (ficha_testkit::postgres::database().await, ficha_testkit::mongo::database());
    let stores = ["debts", "score", "events", "dossier", "identity", "evidence"];
    let settings = stores.map(|store| {
        let url = if ["score", "events"].contains(&store) { &bases } else { &url };
        (format!("FICHA_{}__URL", store.to_uppercase()), url.as_str())
    });
    let dir = folder();
    for round in ["on nothing", "on what is there"] {
        let migrate = || -> Child {
            let mut migrate: Command = command(&dir.path().join("none"));
            migrate.arg("migrate").envs(settings.iter().map(|(key, url)| (key, url)));
            migrate.stderr(Stdio::piped()).spawn().unwrap()
        };
        let all = [(); 4].map(|()| migrate());
        for one in all {
            let output = one.wait_with_output().unwrap();
            assert!(output.status.success(), "{round}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    let key = OpenOptions::new().create_new(true).write(true).mode(0o600).open(dir.path().join("root.key"));
    writeln!(key.unwrap(), "ficha-key-1 {}", "07".repeat(32)).unwrap();
    let settings = settings.each_ref().map(|(key, url)| (key.as_str(), *url));
    let server = Server::start_in(dir, &settings);
    let token = server.token("read write").await;
    server.fill(&token).await;
    let dossier = server.get(&token, &format!("/dossie/{}", crate::server::CPF)).await;
    assert_eq!(dossier.json()["complete"], true, "{}", dossier.text);
}
