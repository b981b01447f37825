//! The same scenarios on one process and on one per role; and what only several processes can get wrong.

use crate::{
    dossier::consulted,
    server::{CPF, ROLES, Server, Shape, command, folder},
};
use reqwest::Method;
use serde_json::json;
use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

/// Each scenario as a test of this shape.
macro_rules! scenarios {
    ($shape:expr) => {
        scenarios!(
            $shape, dossier;
            what_goes_in_comes_out_as_a_dossier,
            the_record_is_what_the_next_one_sees_and_own_access_does_not_count,
            sections_need_their_own_scope,
            nobody_is_a_404_and_what_is_required_a_503,
            a_kept_dossier_is_found_again_by_its_own_client_only,
            everything_acknowledged_survives_kill_9,
        );
        scenarios!(
            $shape, seed_formats;
            alphas_clients_work_unchanged,
            betas_clients_work_unchanged,
            capas_clients_work_unchanged,
            deltas_clients_work_unchanged,
            keys_that_lists_do_not_take_are_named,
            who_only_writes_reads_nothing,
        );
        scenarios!($shape, coverage; every_route_refuses_the_anonymous_and_the_wrong_scope);
    };
    ($shape:expr, $scenarios:ident; $($name:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            crate::$scenarios::$name($shape).await;
        }
    )*};
}

mod one_process {
    use super::Shape;
    scenarios!(Shape::OneProcess);
}

/// Several processes share their record.
mod postgres {
    use super::Shape;
    scenarios!(Shape::OnePerRole);

    #[tokio::test]
    async fn one_dossier_is_one_consultation() {
        super::one_dossier_is_one_consultation().await;
    }
}

async fn one_dossier_is_one_consultation() {
    let server = Server::of_shape(Shape::OnePerRole).await;
    let token = server.token("read write").await;
    server.fill(&token).await;
    assert_eq!(server.get(&token, &format!("/dossie/{CPF}")).await.status, 200);
    consulted(&server, &token, 1).await;
    let evento = server.get(&token, &format!("/evento/{CPF}")).await.json();
    assert_eq!(evento["last_consultation"]["purpose"], "credit_granting", "base C sees it too");
}

async fn section(server: &Server, token: &str, name: &str) -> (String, String) {
    let dossier = server.get(token, &format!("/dossie/{CPF}")).await;
    assert_eq!(dossier.status, 200, "{}", dossier.text);
    let section = dossier.json()["sections"][name].clone();
    let text = |field: &str| section[field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

/// The newcomer's split: nothing but files.
#[tokio::test]
async fn with_a_file_for_each_role_only_the_record_is_each_ones_own() {
    let server = Server::split(&[]);
    let token = server.token("read write").await;
    server.fill(&token).await;
    let dossier = server.get(&token, &format!("/dossie/{CPF}")).await.json();
    assert_eq!(dossier["complete"], true, "{dossier:#}");
    let list = server.get(&token, &format!("/consulted-cpf/{CPF}")).await;
    assert_eq!(list.json(), json!([]), "the dossier's process recorded it, in its own file");
    assert!(list.header("ficha-complete-until").starts_with("1970-01-01"), "and nothing else is claimed");
    for (role, files) in [
        ("debts", vec!["debts.sqlite", "evidence.sqlite"]),
        ("score", vec!["evidence.sqlite", "score.sqlite"]),
        ("events", vec!["events.sqlite", "evidence.sqlite"]),
        ("dossier", vec!["dossier.sqlite", "evidence.sqlite"]),
        ("identity", vec!["identity.sqlite"]),
    ] {
        let names = fs::read_dir(server.dir.path().join(role)).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut stores: Vec<_> = names.filter(|name| name.ends_with(".sqlite")).collect();
        stores.sort();
        assert_eq!(stores, files, "{role} opens what it needs");
        let doctor = server.run_at(role, &["doctor"]);
        let told = String::from_utf8_lossy(&doctor.stdout).into_owned();
        assert_eq!(doctor.status.success(), role != "events", "{role}: {told}");
        assert_eq!(told.contains("the issuer answered"), role != "identity", "{role}: {told}");
    }
    let (dir, log) = server.stop();
    assert!(!log.contains(CPF) && !log.contains("Ximena"), "nobody is named in a log");
    assert!(dir.path().join("debts/peer.key").exists());
}

#[tokio::test]
async fn each_process_serves_its_own_routes_only() {
    let mut server = Server::split(&[]);
    let token = server.token("read write").await;
    let paths = ["/divida/", "/score/", "/evento/", "/dossie/"].map(|path| format!("{path}{CPF}"));
    for role in ROLES {
        let origin = server.process(role).url.clone();
        let mut served = 0;
        for path in &paths {
            let answer = server.get(&token, &format!("{origin}{path}")).await;
            served += usize::from(answer.code() == "not_found");
        }
        assert_eq!(served, usize::from(role != "identity"), "{role}");
        let desk = server.request(Method::POST, &format!("{origin}/peer/{role}"));
        assert_eq!(server.send(desk).await.code(), "unknown_route", "no client reaches what peers ask");
        let ready = server.send(server.request(Method::GET, &format!("{origin}/readyz"))).await;
        assert!(ready.text.starts_with("ready\n"), "{role}: {}", ready.text);
        let figures = server.send(server.request(Method::GET, &format!("{origin}/metrics"))).await.text;
        assert_eq!(figures.contains("ficha_issuer_age_seconds"), role != "identity", "{role}");
        assert_eq!(figures.contains("ficha_spool_gate_open"), role != "identity", "{role}");
    }
}

#[tokio::test]
async fn a_base_that_is_killed_costs_its_section_and_is_found_again() {
    let mut server = Server::split(&[]);
    let token = server.token("read write").await;
    server.fill(&token).await;
    assert_eq!(section(&server, &token, "debts").await.0, "fresh");
    server.kill_role("debts");
    assert_eq!(section(&server, &token, "debts").await, ("unavailable".into(), "unreachable".into()));
    assert_eq!(section(&server, &token, "score").await.0, "fresh");
    let required = server.get(&token, &format!("/dossie/{CPF}?require=debts")).await;
    assert_eq!((required.status.as_u16(), required.code()), (503, "required_section_unavailable".into()));
    server.start_role("debts");
    assert_eq!(section(&server, &token, "debts").await.0, "fresh");
}

#[tokio::test]
async fn while_the_issuer_is_down_everything_else_answers_also_after_a_restart() {
    let mut server = Server::split(&[]);
    let token = server.token("read write").await;
    server.fill(&token).await;
    server.kill_role("identity");
    for role in ["debts", "score", "events", "dossier"] {
        server.kill_role(role);
        server.start_role(role);
    }
    let dossier = server.get(&token, &format!("/dossie/{CPF}")).await.json();
    assert_eq!(dossier["complete"], true, "{dossier:#}");
    for path in ["divida", "score", "evento"] {
        assert_eq!(server.get(&token, &format!("/{path}/{CPF}")).await.status, 200, "{path}");
    }
    let ready = server.send(server.request(Method::GET, "/readyz")).await;
    assert!(ready.text.contains("the issuer has not answered since the start"), "{}", ready.text);
    server.start_role("identity");
    assert_eq!(server.get(&server.token("read").await, &format!("/divida/{CPF}")).await.status, 200);
}

#[tokio::test]
async fn a_revoked_clients_tokens_die_in_every_process() {
    let server = Server::split(&[]);
    let (id, secret) = server.client("dossier:read debts:read", &["--purpose", "credit_granting"]);
    let token = server.token_of(&id, &secret).await;
    assert_eq!(server.get(&token, &format!("/divida/{CPF}")).await.code(), "not_found");
    assert!(server.run(&["client", "revoke", &id]).status.success());
    for path in ["divida", "dossie"] {
        let refused = tokio::time::timeout(Duration::from_secs(5), async {
            while server.get(&token, &format!("/{path}/{CPF}")).await.status != 401 {
                tokio::task::yield_now().await;
            }
        });
        assert!(refused.await.is_ok(), "{path}");
    }
}

#[test]
fn roles_that_could_not_do_their_work_are_refused_with_what_is_missing() {
    let peer = "FICHA_PEERS__IDENTITY__URL";
    let dir = folder();
    let key = command(dir.path()).arg("peer-key").output().unwrap();
    let key = String::from_utf8(key.stdout).unwrap();
    let known = [(peer, "http://127.0.0.1:9"), ("FICHA_PEERS__IDENTITY__KEYS", key.trim())];
    let named = [("FICHA_PUBLIC_URL", "https://ficha.test")];
    for (roles, settings, said) in [
        ("debts", vec![], "peers.identity.url"),
        ("debts", known[..1].to_vec(), "peers.identity.keys"),
        ("debts", known.to_vec(), "public_url"),
        ("debts", [&known[..], &named].concat(), "there is no key file"),
        ("dossier,identity", named.to_vec(), "peers.debts.url"),
        ("identity", vec![known[0]], "is a role of this process"),
        ("identity", vec![("FICHA_PEERS__DEBTS__KEYS", "ed25519:AAAA")], "peers.debts.keys"),
        ("identity", vec![("FICHA_PEERS__DOSSIER__URL", "http://127.0.0.1:9")], "peers.dossier.url"),
        ("debt", vec![], "debts, score"),
    ] {
        let serve = command(dir.path()).arg("serve").env("FICHA_ROLES", roles).envs(settings).output();
        let serve = serve.unwrap();
        let told = String::from_utf8_lossy(&serve.stderr).into_owned();
        assert!(!serve.status.success() && told.contains(said), "{roles} has to say {said}: {told}");
    }
    for args in [&["client", "list"][..], &["key", "rotate"], &["dossier", CPF]] {
        let refused = command(dir.path()).args(["--role", "debts"]).args(args).output().unwrap();
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(told.contains("is no role of this process"), "{args:?}: {told}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "peer.key and lock, and nothing was made");
    let file = dir.path().join("peer.key");
    fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let refused = command(dir.path()).arg("peer-key").output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("chmod 600"), "others could speak in its name");
}
