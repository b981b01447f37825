//! What is refused, and what the refusal says: which field, how to mend it, and nothing of what was sent.

use crate::{Base, CPF, PATH, READS, WRITES, debt, person};
use ficha_contract::RecordRefused;
use serde_json::{Value, json};

/// A number whose last digit is wrong, in both forms, and what else is no CPF.
const WRONG: [&str; 6] =
    ["52998224724", "529.982.247-24", "11111111111", "5299822472", "529982247255", "Maria%20da%20Silva"];

#[tokio::test]
async fn a_wrong_cpf_is_named_and_never_echoed() {
    let base = Base::new().await;
    for wrong in WRONG {
        let path = format!("/divida/{wrong}");
        let calls = [
            base.client.get(&path).token(READS),
            base.client.put(&path).token(WRITES).json(person(&json!([]))),
            base.client.delete(&path).token(WRITES),
            base.client.post(format!("{path}/debts")).token(WRITES).json(debt("1", "2020-01-01")),
            base.client.delete(format!("{path}/debts/1")).token(WRITES),
        ];
        for call in calls {
            let answer = call.send().await;
            let body = answer.problem(422, "invalid_cpf");
            assert_eq!(body["errors"][0]["field"], "cpf");
            let whole = format!("{answer:?}");
            assert!(!whole.contains(wrong) && !whole.contains("Maria"), "{whole}");
        }
    }
    assert!(base.test.evidence.take().is_empty(), "nobody was asked about");
}

#[tokio::test]
async fn a_path_that_is_no_utf8_is_malformed() {
    let base = Base::new().await;
    base.client.get("/divida/%ff").token(READS).send().await.problem(400, "malformed_request");
}

#[tokio::test]
async fn wrong_fields_are_named_and_their_values_are_not_repeated() {
    let base = Base::new().await;
    let with = |field: &str, value: Value| {
        let mut sent = person(&json!([debt("1.00", "2020-01-01")]));
        *sent.pointer_mut(field).unwrap() = value;
        sent
    };
    for (sent, field) in [
        (with("/name", json!("")), "name"),
        (with("/name", json!("Fulano".repeat(34))), "name"),
        (with("/name", json!("Fulano\u{0}")), "name"),
        (with("/name", json!("Fulano\u{85}")), "name"),
        (with("/name", json!(null)), "name"),
        (with("/name", json!(["Fulano"])), "name"),
        (with("/address", json!("Rua\nFulano")), "address"),
        (with("/address", json!("F".repeat(301))), "address"),
        (with("/debts", json!("Fulano")), "debts"),
        (with("/debts", json!({ "Fulano": 1 })), "debts"),
        (with("/debts", json!("missing field `Fulano`, expected Fulano at line 3")), "debts"),
        (with("/debts", json!("unknown field `Fulano`")), "debts"),
        (with("/debts/0", json!("Fulano")), "debts[0]"),
        (with("/debts/0/value", json!("Fulano")), "debts[0].value"),
        (with("/debts/0/value", json!("-0.01")), "debts[0].value"),
        (with("/debts/0/value", json!("1.001")), "debts[0].value"),
        (with("/debts/0/value", json!("1000000000000")), "debts[0].value"),
        (with("/debts/0/value", json!(true)), "debts[0].value"),
        (with("/debts/0/date", json!("Fulano")), "debts[0].date"),
        (with("/debts/0/date", json!("2026-02-30")), "debts[0].date"),
        (with("/debts/0/date", json!("2026-11-22T12:00:00Z")), "debts[0].date"),
        (json!({ "address": "Rua" }), "name"),
        (json!({ "name": "Fulano" }), "address"),
        (json!({ "name": "F", "address": "R", "debts": [{ "value": "1" }] }), "debts[0].date"),
        (json!({ "cpf": "52998224724", "name": "F", "address": "R" }), "cpf"),
        (json!({ "cpf": "11144477735", "name": "F", "address": "R" }), "cpf"),
    ] {
        let answer = base.put(&sent).await;
        let takes = answer.wrong_field(field);
        assert!(!takes.is_empty(), "{field}");
        for value in ["Fulano", "1.001", "02-30", "11144477735", "52998224724"] {
            assert!(!answer.text().contains(value), "{field} repeats {value}: {}", answer.text());
        }
    }
    base.get().await.problem(404, "not_found");
}

#[tokio::test]
async fn a_debt_alone_is_checked_like_one_of_many() {
    let base = Base::new().await;
    base.given(&person(&json!([]))).await;
    for (sent, field) in [
        (debt("-1", "2020-01-01"), "value"),
        (debt("x", "2020-01-01"), "value"),
        (debt("1", "x"), "date"),
        (json!({ "value": "1" }), "date"),
        (json!({ "id": 1, "value": "1", "date": "2020-01-01" }), "id"),
    ] {
        base.client.post(format!("{PATH}/debts")).token(WRITES).json(&sent).send().await.wrong_field(field);
    }
    assert_eq!(base.debts_now().await, json!([]));
}

#[tokio::test]
async fn a_person_has_at_most_a_thousand_debts() {
    let base = Base::new().await;
    let many = |count: usize| person(&json!(vec![debt("1.00", "2020-01-01"); count]));
    base.put(&many(1001)).await.wrong_field("debts");
    base.put(&many(1000)).await.expect(201);
    let one_more = base.client.post(format!("{PATH}/debts")).token(WRITES).json(debt("1.00", "2020-01-01"));
    one_more.send().await.wrong_field("debts");
    assert_eq!(base.debts_now().await.as_array().unwrap().len(), 1000);
}

#[tokio::test]
async fn the_longest_texts_are_kept_as_they_are() {
    let base = Base::new().await;
    let sent = json!({ "name": "ção🙂".repeat(50), "address": "\"\\ é".repeat(60) });
    base.given(&sent).await;
    let read = base.get().await.json();
    assert_eq!((&read["name"], &read["address"]), (&sent["name"], &sent["address"]));
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    let base = Base::new().await;
    let put = || base.client.put(PATH).token(WRITES);
    let send = |body: &[u8]| put().body("application/json; charset=utf-8", body.to_vec()).send();
    send(&vec![b' '; (1 << 20) + 1]).await.problem(413, "body_too_large");
    let good = person(&json!([])).to_string();
    let more = format!("{good} x");
    let broken =
        [&b"{\"name\":\"Jo\xe3o\"}"[..], b"", b"{", b"{\"name\":\"Fulano\"", more.as_bytes(), b"Fulano"];
    for body in broken {
        let answer = send(body).await;
        answer.problem(400, "malformed_request");
        assert!(!answer.text().contains("Fulano"), "{}", answer.text());
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        put().body(kind, good.clone()).send().await.problem(415, "unsupported_media_type");
    }
    put().body("Application/JSON;charset=utf-8", good).send().await.expect(201);
}

#[tokio::test]
async fn without_a_good_token_nothing_is_said() {
    let base = Base::new().await;
    base.given(&person(&json!([]))).await;
    let none = base.client.get(PATH).send().await;
    none.problem(401, "missing_token");
    assert_eq!(none.header("www-authenticate"), "Bearer realm=\"ficha\"");
    let basic = base.client.get(PATH).header("authorization", "Basic c2hvcA==").send().await;
    basic.problem(401, "missing_token");
    for token in ["expired", "revoked", "anything"] {
        let answer = base.client.get(PATH).token(token).send().await;
        let body = answer.problem(401, "invalid_token");
        assert!(!body.to_string().contains("anything"), "{body}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"ficha\", error=\"invalid_token\"");
    }
    let in_query = base.client.get(format!("{PATH}?access_token=shop")).send().await;
    in_query.problem(401, "missing_token");
    assert!(base.test.evidence.take().is_empty());
}

#[tokio::test]
async fn every_route_wants_its_own_scope_before_anything_else() {
    let base = Base::new().await;
    let everything_else =
        "shop score:read,score:write,events:read,events:write,dossier:read,audit:read,admin";
    // The number is wrong, too: a caller without rights does not learn of it.
    for path in [PATH, "/divida/52998224724"] {
        let debts = format!("{path}/debts");
        for (call, scope) in [
            (base.client.get(path), "debts:read"),
            (base.client.put(path).json("{"), "debts:write"),
            (base.client.delete(path), "debts:write"),
            (base.client.post(&debts).json("{"), "debts:write"),
            (base.client.delete(format!("{debts}/1")), "debts:write"),
        ] {
            let other = if scope == "debts:read" { ",debts:write" } else { ",debts:read" };
            let answer = call.token(&format!("{everything_else}{other}")).send().await;
            answer.problem(403, "insufficient_scope");
            let challenge = answer.header("www-authenticate");
            assert!(
                challenge.ends_with(&format!("error=\"insufficient_scope\", scope=\"{scope}\"")),
                "{challenge}"
            );
        }
    }
}

#[tokio::test]
async fn a_read_needs_a_purpose_of_the_list() {
    let base = Base::new().await;
    base.given(&person(&json!([]))).await;
    let bare = || base.client.get(PATH).token("shop debts:read");
    bare().send().await.problem(400, "missing_purpose");
    for unknown in ["curiosity", "", "Credit_Granting"] {
        let answer = bare().header("ficha-purpose", unknown).send().await;
        assert!(answer.wrong_field("Ficha-Purpose").contains("credit_granting"));
        assert!(!answer.text().contains("curiosity"));
    }
    bare().header("ficha-purpose", b"\xff").send().await.wrong_field("Ficha-Purpose");
    assert!(base.test.evidence.take().is_empty(), "nothing was answered");
    base.client.get(PATH).token(READS).send().await.expect(200);
    bare().header("ficha-purpose", "risk_analysis").send().await.expect(200);
    let purposes: Vec<_> = base.test.evidence.take().iter().map(|kept| kept.purpose.as_str()).collect();
    assert_eq!(purposes, ["credit_granting", "risk_analysis"]);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered() {
    let base = Base::new().await;
    base.given(&person(&json!([debt("7654.32", "2019-09-19")]))).await;
    for (why, wait) in [(RecordRefused::Failed, "60"), (RecordRefused::Full, "5")] {
        base.test.evidence.refuse(why);
        let answer = base.get().await;
        answer.problem(503, "record_unavailable");
        assert_eq!(answer.header("retry-after"), wait);
        assert!(answer.headers.get("etag").is_none(), "the version tells that the person is known");
        for personal in [CPF, "529.982.247-25", "Maria", "Joaquina", "7654", "2019-09-19", "spool"] {
            assert!(!format!("{answer:?}").contains(personal), "{personal}: {answer:?}");
        }
        let unknown = base.client.get("/divida/11144477735").token(READS).send().await;
        unknown.problem(503, "record_unavailable");
    }
    base.test.evidence.refuse(None);
    base.get().await.expect(200);
}
