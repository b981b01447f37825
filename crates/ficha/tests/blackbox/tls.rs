//! Over TLS, before clients and between processes.

use crate::server::{CPF, Server, folder};
use ficha_testkit::{Authority, authority::Shown};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const LATER: i32 = 4000;

struct Place {
    dir: TempDir,
    ours: Authority,
    root: PathBuf,
}

impl Place {
    fn new() -> Self {
        let (dir, ours) = (tempfile::tempdir().unwrap(), Authority::default());
        let root = ours.write(dir.path(), "root");
        Self { dir, ours, root }
    }

    fn give(&self, until: i32) -> Shown {
        self.ours.give(self.dir.path(), "process", until)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn clients_come_in_over_tls_and_so_do_the_commands_of_the_folder() {
    let place = Place::new();
    let shown = place.give(LATER);
    let settings = [("FICHA_TLS__CERT", text(&shown.certificate)), ("FICHA_TLS__KEY", text(&shown.key))];
    let server = Server::start_in(folder(), &settings);
    let plain = server.request(reqwest::Method::GET, "/livez").send().await;
    assert!(plain.is_err(), "nothing is answered in clear");
    let works = |server: &Server| {
        assert!(server.run(&["healthcheck"]).status.success());
        let doctor = server.run(&["doctor"]);
        assert!(doctor.status.success(), "{}", String::from_utf8_lossy(&doctor.stdout));
        let nobody = server.run(&["dossier", CPF]);
        let told = String::from_utf8_lossy(&nobody.stderr).into_owned();
        assert!(told.contains("Nobody of this CPF is known"), "{told}");
    };
    works(&server);
    let _ = place.give(LATER + 1);
    works(&server);
}

#[tokio::test]
async fn processes_take_each_others_certificates_and_nobody_elses() {
    let place = Place::new();
    let shown = place.give(LATER);
    let settings = [
        ("FICHA_PEERS__CERT", text(&shown.certificate)),
        ("FICHA_PEERS__KEY", text(&shown.key)),
        ("FICHA_PEERS__CA", text(&place.root)),
    ];
    let mut server = Server::split(&settings);
    let token = server.token("read write").await;
    server.fill(&token).await;
    let debts = async |server: &Server| {
        let dossier = server.get(&token, &format!("/dossie/{CPF}")).await.json();
        dossier["sections"]["debts"]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(debts(&server).await, "fresh");
    // Each restart of the base makes the dossier's process connect anew; it itself goes on as it is.
    for (until, expected) in [(LATER + 1, "fresh"), (2001, "unavailable"), (LATER + 2, "fresh")] {
        let _ = place.give(until);
        server.kill_role("debts");
        server.start_role("debts");
        assert_eq!(debts(&server).await, expected, "a certificate until {until}");
    }
    let stranger = Authority::default();
    let _ = stranger.give(place.dir.path(), "process", LATER);
    server.kill_role("debts");
    server.start_role("debts");
    assert_eq!(debts(&server).await, "unavailable", "of another authority");
}
