//! Conditional and repeated writes.

use crate::{Base, PATH, WRITES, debt, person};
use ficha_testkit::{Answer, Call};
use jiff::SignedDuration;
use serde_json::{Value, json};

fn put(base: &Base, person: &Value) -> Call {
    base.client.put(PATH).token(WRITES).json(person)
}

fn add(base: &Base) -> Call {
    base.client.post(format!("{PATH}/debts")).token(WRITES).json(debt("10", "2026-01-31"))
}

async fn count(base: &Base) -> usize {
    base.debts_now().await.as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn if_match_writes_only_over_what_was_read() {
    let base = Base::new().await;
    let sent = person(&json!([]));
    put(&base, &sent).header("if-match", "*").send().await.problem(412, "precondition_failed");
    base.given(&sent).await;
    put(&base, &sent).header("if-match", "\"1-1\"").send().await.expect(200);
    for stale in ["\"1-1\"", "W/\"1-2\"", "\"2-1\", \"1-1\""] {
        put(&base, &sent).header("if-match", stale).send().await.problem(412, "precondition_failed");
        add(&base).header("if-match", stale).send().await.problem(412, "precondition_failed");
        let remove = base.client.delete(PATH).token(WRITES).header("if-match", stale);
        remove.send().await.problem(412, "precondition_failed");
    }
    assert_eq!(base.get().await.header("etag"), "\"1-2\"");
    put(&base, &sent).header("if-match", "\"9-9\", \"1-2\"").send().await.expect(200);
    put(&base, &sent).header("if-match", "*").send().await.expect(200);
    add(&base).header("if-match", "\"1-4\"").send().await.expect(201);
    base.client.delete(PATH).token(WRITES).header("if-match", "\"1-5\"").send().await.expect(204);
}

#[tokio::test]
async fn if_none_match_writes_only_where_nobody_is() {
    let base = Base::new().await;
    let sent = person(&json!([]));
    let only_new = || put(&base, &sent).header("if-none-match", "*");
    only_new().send().await.expect(201);
    only_new().send().await.problem(412, "precondition_failed");
    put(&base, &sent).header("if-none-match", "\"1-1\"").send().await.wrong_field("If-None-Match");
}

#[tokio::test]
async fn what_is_no_entity_tag_is_named() {
    let base = Base::new().await;
    put(&base, &person(&json!([]))).header("if-match", "1-1").send().await.wrong_field("If-Match");
}

#[tokio::test]
async fn a_repeated_key_answers_the_same_and_does_nothing() {
    let base = Base::new().await;
    base.given(&person(&json!([]))).await;
    let keyed = || add(&base).header("idempotency-key", "order 7");
    let first = keyed().send().await.expect(201);
    let again = keyed().send().await.expect(201);
    assert_eq!((first.text(), first.header("etag")), (again.text(), again.header("etag")));
    assert_ne!(first.header("x-request-id"), again.header("x-request-id"));
    assert_eq!(count(&base).await, 1);
    let quoted = add(&base).header("idempotency-key", "\"order 7\"").send().await.expect(201);
    assert_eq!(quoted.text(), first.text(), "quoted, as the draft has it, it is the same key");
    assert_eq!(count(&base).await, 1);
}

#[tokio::test]
async fn every_write_can_be_repeated() {
    let base = Base::new().await;
    let sent = person(&json!([debt("5.00", "2020-01-01"), debt("6.00", "2020-01-01")]));
    let same = |one: Answer, other: Answer| {
        assert_eq!((one.status, one.bytes, one.headers.get("etag")), {
            (other.status, other.bytes, other.headers.get("etag"))
        });
    };
    let create = || put(&base, &sent).header("idempotency-key", "create");
    same(create().send().await.expect(201), create().send().await);
    let debt = format!("{PATH}/debts/1");
    let remove = || base.client.delete(&debt).token(WRITES).header("idempotency-key", "remove");
    same(remove().send().await.expect(204), remove().send().await);
    let forget = || base.client.delete(PATH).token(WRITES).header("idempotency-key", "forget");
    same(forget().send().await.expect(204), forget().send().await);
    same(create().send().await.expect(201), create().send().await);
    base.get().await.problem(404, "not_found");
}

#[tokio::test]
async fn a_key_is_of_one_request() {
    let base = Base::new().await;
    base.given(&person(&json!([]))).await;
    add(&base).header("idempotency-key", "k").send().await.expect(201);
    let reused = [
        base.client.post(format!("{PATH}/debts")).token(WRITES).json(debt("11", "2026-01-31")),
        put(&base, &debt("10", "2026-01-31")),
        base.client.delete(PATH).token(WRITES),
    ];
    let [another_body, another_route, another_method] =
        reused.map(|call| call.header("idempotency-key", "k"));
    another_body.send().await.problem(422, "idempotency_key_reused");
    another_route.send().await.wrong_field("name");
    another_method.send().await.problem(422, "idempotency_key_reused");
    assert_eq!(count(&base).await, 1);
}

#[tokio::test]
async fn a_key_belongs_to_its_client() {
    let base = Base::new().await;
    base.given(&person(&json!([]))).await;
    for client in ["bank debts:write", "other debts:write"] {
        let keyed = || add(&base).token(client).header("idempotency-key", "k");
        keyed().send().await.expect(201);
        keyed().send().await.expect(201);
    }
    assert_eq!(count(&base).await, 2);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let base = Base::new().await;
    base.given(&person(&json!([]))).await;
    let keyed = || add(&base).header("idempotency-key", "k").send();
    keyed().await.expect(201);
    base.test.world.advance(SignedDuration::from_hours(24));
    keyed().await.expect(201);
    assert_eq!(count(&base).await, 1);
    base.test.world.advance(SignedDuration::from_millis(1));
    keyed().await.expect(201);
    assert_eq!(count(&base).await, 2);
}

#[tokio::test]
async fn what_was_refused_is_not_kept_under_its_key() {
    let base = Base::new().await;
    add(&base).header("idempotency-key", "k").send().await.problem(404, "not_found");
    base.given(&person(&json!([]))).await;
    add(&base).header("idempotency-key", "k").send().await.expect(201);
}

#[tokio::test]
async fn the_same_key_at_once_does_the_work_once() {
    let base = Base::new().await;
    base.given(&person(&json!([]))).await;
    let keyed = || add(&base).header("idempotency-key", "k").send();
    let answers = futures_util::future::join_all((0..8).map(|_| keyed())).await;
    assert!(answers.iter().all(|answer| answer.text() == answers[0].text()), "{answers:?}");
    assert_eq!(count(&base).await, 1);
}

#[tokio::test]
async fn a_key_has_a_bound() {
    let base = Base::new().await;
    for key in ["", "\"\"", &"k".repeat(256)] {
        add(&base).header("idempotency-key", key).send().await.wrong_field("Idempotency-Key");
    }
}
