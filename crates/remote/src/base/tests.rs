use super::*;
use crate::testing::{Act, CPF, Fake, Two, ask, pair};
use bytes::Bytes;
use ficha_contract::Source;
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;

fn reason(found: Result<Found, Unavailable>) -> &'static str {
    found.map_or_else(|Unavailable(reason)| reason.as_str(), |_| "found")
}

#[tokio::test]
async fn what_a_base_says_arrives_to_the_byte() {
    let two = Two::new();
    let as_of = "2026-11-22T11:59:59.123456789Z".parse().unwrap();
    let updated_at = "2020-02-29T23:59:59.999Z".parse().unwrap();
    let body = Bytes::from(format!("{{\"cpf\":\"{CPF}\",\"name\":\"João\\n\",\"value\":\"0.10\" }}"));
    let all = [Source::Own, Source::Direct, Source::Replica, Source::Cache];
    let people = all.map(|source| Ok(Found::Person { body: body.clone(), as_of, updated_at, source }));
    let nobody = all.map(|source| Ok(Found::Nobody { as_of, source }));
    let reasons = [
        UnavailableReason::Timeout,
        UnavailableReason::Unreachable,
        UnavailableReason::Nonsense,
        UnavailableReason::Failed,
    ];
    let missing = reasons.map(|reason| Err(Unavailable(reason)));
    for said in people.into_iter().chain(nobody).chain(missing) {
        let base = Fake::new(Act::Says(said.clone()));
        let server = two.serve(base.clone());
        let asked = ask(&two.test);
        assert_eq!(two.remote(&server.url()).section(&asked).await, said);
        let heard = base.asked.lock().unwrap().remove(0);
        assert!(heard.within <= asked.within, "what is left of the time");
        let heard = Ask { within: asked.within, ..heard };
        assert_eq!(format!("{heard:?}"), format!("{asked:?}"), "asked alike");
        // Not shown by `Debug`.
        assert_eq!(heard.cpf, asked.cpf);
    }
}

#[tokio::test]
async fn a_base_writes_no_section_but_its_own() {
    let two = Two::new();
    let as_of = two.test.world.now();
    for body in
        [format!("{{\"cpf\":\"{CPF}\"}},\"score\":{{\"cpf\":\"{CPF}\"}}"), format!("{{\"cpf\":\"{CPF}\",}}")]
    {
        let found = Found::Person { body: body.into(), as_of, updated_at: as_of, source: Source::Own };
        let server = two.serve(Fake::new(Act::Says(Ok(found))));
        assert_eq!(reason(two.remote(&server.url()).section(&ask(&two.test)).await), "nonsense");
    }
}

#[tokio::test]
async fn a_base_that_panics_has_failed() {
    let two = Two::new();
    let server = two.serve(Fake::new(Act::Panics));
    assert_eq!(reason(two.remote(&server.url()).section(&ask(&two.test)).await), "failed");
}

#[tokio::test]
async fn a_base_that_hangs_costs_the_time_given_and_works_no_longer() {
    let two = Two::new();
    let base = Fake::new(Act::Hangs);
    let server = two.serve(base.clone());
    let asked = Ask { within: Duration::from_millis(100), ..ask(&two.test) };
    assert_eq!(reason(two.remote(&server.url()).section(&asked).await), "timeout");
    base.dropped.notified().await;
    assert_eq!(base.asked.lock().unwrap().len(), 1, "nobody asks a second time");
}

#[tokio::test]
async fn a_process_that_takes_connections_and_says_nothing_costs_the_time_given() {
    let two = Two::new();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let remote = two.remote(&format!("http://{}", silent.local_addr().unwrap()));
    let asked = Ask { within: Duration::from_millis(100), ..ask(&two.test) };
    assert_eq!(reason(remote.section(&asked).await), "timeout");
}

#[tokio::test]
async fn a_process_that_ends_is_missed_at_once_and_found_again() {
    let two = Two::new();
    let server = two.serve(Fake::knowing_nobody(&two.test));
    let remote = two.remote(&server.url());
    let asked = Ask { within: Duration::from_secs(10), ..ask(&two.test) };
    assert_eq!(reason(remote.section(&asked).await), "found");
    let address = server.stop().await;
    assert_eq!(reason(remote.section(&asked).await), "unreachable");
    let again = crate::testing::Server::at(address, &two.test, two.routes(Fake::knowing_nobody(&two.test)));
    assert_eq!(reason(remote.section(&asked).await), "found");
    assert_eq!(again.address, address);
}

#[tokio::test]
async fn many_calls_share_few_connections_and_each_gets_its_own_answer() {
    let two = Two::new();
    let base = Fake::knowing_nobody(&two.test);
    let server = two.serve(base.clone());
    let remote = Arc::new(two.remote(&server.url()));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let (remote, asked) = (remote.clone(), Ask { within: Duration::from_secs(30), ..ask(&two.test) });
        calls.spawn(async move { reason(remote.section(&asked).await) });
    }
    assert!(calls.join_all().await.into_iter().all(|said| said == "found"));
    assert_eq!(base.asked.lock().unwrap().len(), 1000);
}

#[tokio::test]
async fn another_process_in_the_bases_place_is_not_believed() {
    let two = Two::new();
    let server = two.serve(Fake::knowing_nobody(&two.test));
    let strict = RemoteBase::new(two.peer(&server.url(), vec![pair().public()], &two.dossier));
    assert_eq!(reason(strict.section(&ask(&two.test)).await), "nonsense");
}

#[tokio::test]
async fn a_process_that_is_not_pinned_and_a_client_without_the_right_get_nothing() {
    let two = Two::new();
    let base = Fake::knowing_nobody(&two.test);
    let server = two.serve(base.clone());
    let stranger = RemoteBase::new(two.peer(&server.url(), vec![two.base.public()], &pair()));
    assert_eq!(reason(stranger.section(&ask(&two.test)).await), "unreachable");
    let scopes = "score:read events:read dossier:read".parse().unwrap();
    let narrow = Ask { scopes, ..ask(&two.test) };
    assert_eq!(reason(two.remote(&server.url()).section(&narrow).await), "unreachable");
    assert!(base.asked.lock().unwrap().is_empty(), "the base was not asked");
}

#[tokio::test]
async fn an_answer_without_a_note_or_of_another_call_is_no_answer() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let two = Two::new();
    let server = two.serve(Fake::knowing_nobody(&two.test));
    // What the base once answered, said again by somebody who heard it.
    let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, real) = (between.local_addr().unwrap(), server.address);
    tokio::spawn(async move {
        let mut heard = Vec::new();
        loop {
            let (mut here, _) = between.accept().await.unwrap();
            let mut call = vec![0; 8192];
            let read = here.read(&mut call).await.unwrap();
            if heard.is_empty() {
                let mut there = tokio::net::TcpStream::connect(real).await.unwrap();
                there.write_all(&call[..read]).await.unwrap();
                heard = vec![0; 8192];
                let read = there.read(&mut heard).await.unwrap();
                heard.truncate(read);
            }
            here.write_all(&heard).await.unwrap();
        }
    });
    let remote = two.remote(&format!("http://{address}"));
    assert_eq!(reason(remote.section(&ask(&two.test)).await), "found", "the first time it is true");
    assert_eq!(reason(two.remote(&format!("http://{address}")).section(&ask(&two.test)).await), "nonsense");
}

#[tokio::test]
async fn no_route_of_the_metrics_names_the_person() {
    // The path is the role's; what the metrics hold are templates.
    let two = Two::new();
    let server = two.serve(Fake::knowing_nobody(&two.test));
    assert_eq!(reason(two.remote(&server.url()).section(&ask(&two.test)).await), "found");
    let figures = two.test.metrics.render();
    assert!(figures.contains("/peer/debts") && !figures.contains(CPF), "{figures}");
}
