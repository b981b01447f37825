use crate::testing::*;
use axum::{Router, body::Body, http::Request};
use ficha_domain::CpfValidation;
use ficha_http::{Limits, Metrics, Shell, wrap};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

/// The seed's own example.
const EXAMPLE: &str = r#"{"id":"5b3e4175c43bfd2b780afeba","description":"debito bancário","value":0,"date":"2011-10-05T11:48:00-03:00","cpf":"06934332997","type":"","PaymentType":""}"#;

struct App {
    _alive: Alive,
    router: Router,
    evidence: Arc<Record>,
}

/// Each on every engine, under the same name; whatever is not listed is not used, which is an error.
macro_rules! on_every_engine {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::On::Sqlite).await;
            })*
        }
        mod mongo {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::On::Mongo).await;
            })*
        }
    };
}

on_every_engine!(
    the_seeds_example_comes_back_to_the_letter,
    a_movement_without_id_gets_one_of_time_and_chance,
    the_last_purchase_has_no_type,
    every_read_is_recorded_also_of_nobody,
    an_answer_is_not_its_own_last_consultation,
    consultations_say_when_and_why_and_not_who,
    pages_follow_each_other,
    movements_are_filtered_by_days_of_the_zone_and_instants,
    wrong_filters_are_named_with_what_they_take,
    movements_are_added_up_by_month_and_type,
    words_say_who_looked_for_them_and_what_was_left_out,
    bodies_are_read_with_the_field_that_is_wrong,
    ids_that_are_none_are_malformed_and_unknown_ones_not_found,
    a_stale_version_is_refused,
    a_repeated_request_is_answered_again_and_its_key_not_lent,
);

#[derive(Debug)]
struct Answered {
    status: u16,
    headers: axum::http::HeaderMap,
    text: String,
}

impl Answered {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Code and wrong field of a problem.
    fn problem(&self) -> (u16, String, String) {
        let json = self.json();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (self.status, word(&json["code"]), word(&json["errors"][0]["field"]))
    }
}

async fn app(on: On) -> App {
    app_checking(on, CpfValidation::Strict).await
}

async fn app_checking(on: On, validation: CpfValidation) -> App {
    let (world, _) = world();
    let evidence = Arc::new(Record::default());
    let (events, _alive) = base(on, evidence.clone(), world.clone()).await;
    let shell = Shell::new(world, Arc::new(Tokens), evidence.clone(), Limits::default(), Metrics::default());
    let shell = shell.validating(validation);
    let (routes, _) = crate::routes(events, shell.clone()).split_for_parts();
    App { router: wrap(routes, &shell, Arc::new(|| Ok(String::new()))), evidence, _alive }
}

impl App {
    async fn send(&self, mut request: Request<Body>) -> Answered {
        request.headers_mut().insert("host", "ficha".parse().unwrap());
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answered { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    async fn get(&self, path: &str) -> Answered {
        let request = Request::get(path).header("authorization", "Bearer events:read");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn write(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Answered {
        let request =
            Request::builder().method(method).uri(path).header("authorization", "Bearer events:write");
        let request = request.header("content-type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn post(&self, body: &str) -> Answered {
        self.write("POST", "/financial-transactions", body, &[]).await
    }

    /// Ana's purchases of these ids, a day apart.
    async fn with_purchases(self, numbers: std::ops::RangeInclusive<u8>) -> Self {
        for number in numbers {
            let date = format!("2026-10-{number:02}T12:00:00Z");
            let body = json!({ "id": id(number), "cpf": ANA, "date": date, "value": number, "type": "Debit",
                "PaymentType": "CreditCard", "description": "Farmácia" });
            assert_eq!(self.post(&body.to_string()).await.status, 201);
        }
        self
    }
}

async fn the_seeds_example_comes_back_to_the_letter(on: On) {
    let app = app_checking(on, CpfValidation::Format).await;
    let written = app.post(EXAMPLE).await;
    assert_eq!((written.status, written.text.as_str()), (201, EXAMPLE));
    let first = written.header("etag").to_owned();
    assert!(first.len() > 2 && first.starts_with('"') && first.ends_with('"'), "{first}");
    let read = app.get("/financial-transactions/06934332997").await;
    assert_eq!((read.status, read.text), (200, format!("[{EXAMPLE}]")));
    let body = EXAMPLE.replace("debito bancário", "saque").replace(":0,", ":\"12.00\",");
    let body = body.replace("2011-10-05T11:48:00-03:00", "2018-07-09 22:11:33.8+00");
    let replaced = app.write("PUT", "/financial-transactions", &body, &[]).await;
    assert_eq!((replaced.status, replaced.text.as_str()), (200, r#"{"result":"success"}"#));
    assert!(!replaced.header("etag").is_empty() && replaced.header("etag") != first);
    let read = app.get("/financial-transactions/069.343.329-97").await;
    let expected = EXAMPLE.replace("debito bancário", "saque").replace(":0,", ":12,");
    let expected = expected.replace("2011-10-05T11:48:00-03:00", "2018-07-09T19:11:33.8-03:00");
    assert_eq!(read.text, format!("[{expected}]"));
    let removed = app.write("DELETE", "/financial-transactions/5b3e4175c43bfd2b780afeba", "", &[]).await;
    assert_eq!((removed.status, removed.text.as_str()), (200, r#"{"result":"success"}"#));
    assert_eq!(app.get("/financial-transactions/06934332997").await.text, "[]");
}

async fn a_movement_without_id_gets_one_of_time_and_chance(on: On) {
    let app = app(on).await;
    let body = format!(r#"{{"cpf":"{ANA}","date":"2026-10-05T12:00:00Z"}}"#);
    let (one, two) = (app.post(&body).await.json(), app.post(&body).await.json());
    let (one, two) = (one["id"].as_str().unwrap(), two["id"].as_str().unwrap());
    assert_eq!(one.len(), 24);
    assert!(one.starts_with(&format!("{:08x}", at(NOW).as_second())) && one != two);
}

async fn the_last_purchase_has_no_type(on: On) {
    let app = app(on).await.with_purchases(1..=2).await;
    let purchase = json!({ "id": id(2), "description": "Farmácia", "value": 2, "date": "2026-10-02T09:00:00-03:00",
        "cpf": ANA, "PaymentType": "CreditCard" });
    assert_eq!(app.get(&format!("/last-purchases/{ANA}")).await.json(), json!([purchase]));
    let of = app.get(&format!("/evento/ultcompracartao/{ANA}")).await;
    assert_eq!(of.json(), json!({ "cpf": ANA, "last_purchase": purchase }));
    app.post(&format!(r#"{{"cpf":"{RUI}","date":"2026-10-05T12:00:00Z"}}"#)).await;
    assert_eq!(app.get(&format!("/last-purchases/{RUI}")).await.text, "[]");
    let of = app.get(&format!("/evento/ultcompracartao/{RUI}")).await;
    assert_eq!(of.text, format!(r#"{{"cpf":"{RUI}","last_purchase":null}}"#));
}

async fn every_read_is_recorded_also_of_nobody(on: On) {
    let app = app(on).await;
    let paths = [
        "/evento/{}",
        "/evento/movtofinanceiro/{}",
        "/evento/ultcompracartao/{}",
        "/financial-transactions/{}",
        "/last-purchases/{}",
        "/consulted-cpf/{}",
    ];
    for (path, status) in paths.iter().zip([404, 404, 404, 200, 200, 200]) {
        let answered = app.get(&path.replace("{}", RUI)).await;
        assert_eq!(answered.status, status, "{path}");
        assert_eq!(answered.header("cache-control"), "no-store");
    }
    let told = app.evidence.told();
    let expected: Vec<_> = paths
        .iter()
        .zip([
            (404, "not_found"),
            (404, "not_found"),
            (404, "not_found"),
            (200, "not_found"),
            (200, "not_found"),
        ])
        .map(|(path, (status, seen))| (format!("GET {}", path.replace("{}", "{cpf}")), status, seen))
        .collect();
    assert_eq!(told[..5], expected);
    // By then others had asked, which is something to tell.
    assert_eq!(told[5], ("GET /consulted-cpf/{cpf}".into(), 200, "fresh"));
    let known = app.with_purchases(1..=1).await;
    for path in paths {
        assert_eq!(known.get(&path.replace("{}", ANA)).await.status, 200, "{path}");
    }
    let told = known.evidence.told();
    assert_eq!(told.len(), 12, "a record for each read, none for the write");
    assert!(told[6..].iter().all(|(_, status, seen)| (*status, *seen) == (200, "fresh")));
}

async fn an_answer_is_not_its_own_last_consultation(on: On) {
    let app = app(on).await.with_purchases(1..=1).await;
    let first = app.get(&format!("/evento/{ANA}")).await.json();
    assert_eq!((&first["cpf"], &first["last_consultation"]), (&json!(ANA), &Value::Null));
    let second = app.get(&format!("/evento/{ANA}")).await.json();
    assert_eq!(second["last_consultation"], json!({ "at": NOW, "purpose": "credit_granting" }));
    assert_eq!(second.get("last_consultation_unknown"), None);
}

async fn consultations_say_when_and_why_and_not_who(on: On) {
    let app = app(on).await;
    app.get(&format!("/evento/{ANA}")).await;
    let found = app.get(&format!("/consulted-cpf/{ANA}")).await;
    assert_eq!(found.header("ficha-complete-until"), "2026-11-22T11:59:59Z");
    let consultation = app.evidence.kept.lock().unwrap()[0].clone();
    let id = &consultation.id.simple().to_string()[..24];
    assert_eq!(
        found.text,
        format!(
            r#"[{{"id":"{id}","date":"2026-11-22T09:00:00-03:00","cpf":"{ANA}","description":"credit_granting"}}]"#
        )
    );
    *app.evidence.fails.lock().unwrap() = true;
    assert_eq!(app.get(&format!("/consulted-cpf/{ANA}")).await.problem().1, "base_unavailable");
}

async fn pages_follow_each_other(on: On) {
    let app = app(on).await.with_purchases(1..=5).await;
    let base = format!("/evento/movtofinanceiro/{ANA}?limit=2&q=FARMACIA");
    let (mut seen, mut after) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = app.get(&format!("{base}{after}")).await.json();
        assert_eq!(
            (&page["cpf"], &page["source"], &page["as_of"]),
            (&json!(ANA), &json!("own"), &json!(NOW))
        );
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["value"].as_u64().unwrap()));
        after = page["next"].as_str().map(|next| format!("&after={next}")).unwrap_or_default();
    }
    assert_eq!((seen, after.as_str()), (vec![5, 4, 3, 2, 1], ""));
}

async fn movements_are_filtered_by_days_of_the_zone_and_instants(on: On) {
    let app = app(on).await;
    for (number, date) in [
        (1, "2026-10-01T02:59:59Z"),
        (2, "2026-10-01T03:00:00Z"),
        (3, "2026-10-02T02:59:59Z"),
        (4, "2026-10-02T03:00:00Z"),
    ] {
        let body = json!({ "id": id(number), "cpf": ANA, "date": date, "value": number, "type": "Debit" });
        app.post(&body.to_string()).await;
    }
    for (query, expected) in [
        ("from=2026-10-01&to=2026-10-01", vec![3, 2]),
        ("from=2026-10-01", vec![4, 3, 2]),
        ("to=2026-10-01", vec![3, 2, 1]),
        ("from=2026-10-01T03:00:00Z&to=2026-10-02T03:00:00Z", vec![3, 2]),
        ("from=2026-10-01T00:00:00-03:00&to=2026-10-01T00:00:00-03:00", vec![]),
        ("min=2&max=3.00&type=Debit", vec![3, 2]),
        ("type=Credit", vec![]),
        ("payment_type=&limit=1", vec![4]),
        ("", vec![4, 3, 2, 1]),
    ] {
        let page = app.get(&format!("/evento/movtofinanceiro/{ANA}?{query}")).await;
        assert_eq!(page.status, 200, "{query}: {}", page.text);
        let page = page.json();
        let values = page["items"].as_array().unwrap().iter().map(|item| item["value"].as_u64().unwrap());
        assert_eq!(values.collect::<Vec<_>>(), expected, "{query}");
    }
}

async fn wrong_filters_are_named_with_what_they_take(on: On) {
    let app = app(on).await.with_purchases(1..=1).await;
    for (query, field, takes) in [
        ("from=ontem", "from", "takes a day (2026-11-22) or an instant"),
        ("to=2026-11-31", "to", "takes a day"),
        ("from=2026-10-01T00:00:00", "from", "takes a day"),
        ("min=1,50", "min", "an amount has digits"),
        ("max=R$1", "max", "an amount has digits"),
        ("type=debit", "type", "takes one of `Credit`, `Debit`"),
        ("payment_type=Pix", "payment_type", "takes one of `CreditCard`"),
        ("limit=0", "limit", "takes a number from 1 to 100"),
        ("limit=101", "limit", "takes a number from 1 to 100"),
        ("limit=x", "limit", "takes a number from 1 to 100"),
        ("after=x", "after", "takes `next` of the page before"),
        ("q=", "q", "takes words"),
        ("page=2", "page", "is not known here"),
        ("from=2026-10-02&to=2026-10-01", "from", "lies after `to`"),
        ("min=2&max=1", "min", "is more than `max`"),
        ("limit=1&limit=2", "limit", "may be sent once"),
    ] {
        let refused = app.get(&format!("/evento/movtofinanceiro/{ANA}?{query}")).await;
        assert_eq!(refused.problem(), (422, "invalid_field".into(), field.into()), "{query}");
        let detail = refused.json()["errors"][0]["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(takes), "{query}: {detail}");
    }
    assert!(app.evidence.told().is_empty(), "nothing was answered about anybody");
}

async fn movements_are_added_up_by_month_and_type(on: On) {
    let app = app(on).await.with_purchases(1..=3).await;
    let post = async |number: u8, fields: Value| {
        let mut body =
            json!({ "id": id(number), "cpf": ANA, "date": "2026-10-01T01:00:00Z", "value": "0.10" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        assert_eq!(app.post(&body.to_string()).await.status, 201);
    };
    post(4, json!({})).await;
    post(5, json!({ "type": "Credit", "description": "Salário", "date": "2026-10-31T23:59:00-03:00" })).await;
    post(6, json!({ "type": "Debit", "description": "Salário" })).await;
    let total = |month: &str, kind: &str, value: &str, count: u8| json!({ "month": month, "type": kind, "value": value, "count": count });
    let get = async |query: &str| app.get(&format!("/evento/totais/{ANA}{query}")).await.json();
    let all = get("").await;
    let october = [total("2026-10", "Credit", "0.10", 1), total("2026-10", "Debit", "6.00", 3)];
    let september = [total("2026-09", "", "0.10", 1), total("2026-09", "Debit", "0.10", 1)];
    assert_eq!(all["totals"], json!([&october[..], &september[..]].concat()));
    assert_eq!((&all["cpf"], &all["as_of"], &all["source"]), (&json!(ANA), &json!(NOW), &json!("own")));
    assert_eq!(all["search"], json!({ "by": "store", "reduced": [] }));
    assert_eq!(get("?q=salario&type=Debit").await["totals"], json!(september[1..]));
    assert_eq!(get("?from=2026-10-01&max=0.10").await["totals"], json!(october[..1]));
    assert_eq!(get("?min=1000").await["totals"], json!([]));
    assert_eq!(app.get(&format!("/evento/totais/{RUI}")).await.problem().1, "not_found");
    assert_eq!(app.get(&format!("/evento/totais/{ANA}?limit=5")).await.problem().2, "limit");
    let told = app.evidence.told();
    assert_eq!(
        told.iter().filter(|(operation, ..)| operation == "GET /evento/totais/{cpf}").count(),
        5,
        "{told:?}"
    );
}

async fn words_say_who_looked_for_them_and_what_was_left_out(on: On) {
    let app = app(on).await.with_purchases(1..=2).await;
    let list = async |query: &str| app.get(&format!("/evento/movtofinanceiro/{ANA}?{query}")).await.json();
    assert_eq!(list("q=FARMACIA").await["search"], json!({ "by": "store", "reduced": ["stemming"] }));
    assert_eq!(list("limit=1").await.get("search"), None, "there was nothing to look for");
    let totals = app.get(&format!("/evento/totais/{ANA}?q=farm%C3%A1cia")).await.json();
    assert_eq!(totals["search"], json!({ "by": "store", "reduced": ["stemming"] }));
    assert_eq!(totals["totals"][0]["count"], 2);
}

async fn bodies_are_read_with_the_field_that_is_wrong(on: On) {
    let app = app(on).await.with_purchases(1..=1).await;
    let with = |fields: &str| format!(r#"{{"cpf":"{ANA}","date":"2026-10-05T12:00:00Z",{fields}}}"#);
    for (body, code, field) in [
        (with(r#""id":"01""#), "invalid_field", "id"),
        (with(r#""id":"010101010101010101010101""#), "invalid_field", "id"),
        (with(r#""value":"1,5""#), "invalid_field", "value"),
        (with(r#""type":"Pix""#), "invalid_field", "type"),
        (r#"{"cpf":"52998224725","date":"2026-10-05"}"#.to_owned(), "invalid_field", "date"),
        (r#"{"cpf":"52998224724","date":"2026-10-05T12:00:00Z"}"#.to_owned(), "invalid_cpf", "cpf"),
    ] {
        assert_eq!(app.post(&body).await.problem(), (422, code.into(), field.into()), "{body}");
    }
    assert_eq!(app.post("{").await.problem().1, "malformed_request");
}

async fn ids_that_are_none_are_malformed_and_unknown_ones_not_found(on: On) {
    let app = app(on).await;
    let (other, known) = (id(2).to_string(), id(1).to_string());
    let body = |id: &str| format!(r#"{{"id":{id},"cpf":"{ANA}","date":"2026-10-05T12:00:00Z"}}"#);
    let put =
        |body: String| async { app.write("PUT", "/financial-transactions", &{ body }, &[]).await.problem() };
    for none in ["\"01\"", "null", "7", "\"\""] {
        assert_eq!(put(body(none)).await, (400, "malformed_request".into(), String::new()), "{none}");
    }
    assert_eq!(put("{}".into()).await.0, 400);
    assert_eq!(put(body(&format!("\"{other}\""))).await.1, "not_found");
    assert_eq!(put(format!(r#"{{"id":"{known}"}}"#)).await, (422, "invalid_field".into(), "cpf".into()));
    let delete = |id: &str| format!("/financial-transactions/{id}");
    assert_eq!(app.write("DELETE", &delete(ANA), "", &[]).await.problem().1, "malformed_request");
    let unknown = app.write("DELETE", &delete(&other), "", &[]).await;
    assert_eq!(unknown.problem().1, "not_found");
    assert_eq!(unknown.json()["detail"], "No movement has this id.");
    assert!(app.evidence.told().is_empty(), "asking for an id is not a read of a person");
}

async fn a_stale_version_is_refused(on: On) {
    let app = app(on).await;
    let body = format!(r#"{{"id":"{}","cpf":"{ANA}","date":"2026-10-05T12:00:00Z"}}"#, id(1));
    let first = app.post(&body).await.header("etag").to_owned();
    let put = async |tag: &str| {
        let tags = format!("\"other\", {tag}");
        app.write("PUT", "/financial-transactions", &body, &[("if-match", &tags)]).await
    };
    let second = put(&first).await;
    assert_eq!(second.status, 200);
    assert_eq!(put(&first).await.problem().1, "precondition_failed");
    let path = format!("/financial-transactions/{}", id(1));
    let stale = app.write("DELETE", &path, "", &[("if-match", &first)]).await;
    assert_eq!((stale.status, stale.problem().1.as_str()), (412, "precondition_failed"));
    assert_eq!(put(second.header("etag")).await.status, 200);
    assert_eq!(app.write("DELETE", &path, "", &[("if-match", "*")]).await.status, 200);
}

async fn a_repeated_request_is_answered_again_and_its_key_not_lent(on: On) {
    let app = app(on).await;
    let send = async |value: u8, key: &str| {
        let body = format!(r#"{{"cpf":"{ANA}","date":"2026-10-05T12:00:00Z","value":{value}}}"#);
        app.write("POST", "/financial-transactions", &body, &[("idempotency-key", key)]).await
    };
    let first = send(1, "one").await;
    let again = send(1, "one").await;
    assert_eq!((again.status, &again.text, again.header("etag")), (201, &first.text, first.header("etag")));
    assert_eq!(send(2, "one").await.problem().1, "idempotency_key_reused");
    assert_ne!(send(1, "two").await.text, first.text);
    let all = app.get(&format!("/financial-transactions/{ANA}")).await.json();
    assert_eq!(all.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn every_route_needs_its_scope() {
    let app = app(On::Sqlite).await;
    for (method, path, scope) in [
        ("GET", "/evento/x", "events:read"),
        ("GET", "/evento/movtofinanceiro/x?y=z", "events:read"),
        ("GET", "/evento/totais/x?y=z", "events:read"),
        ("GET", "/evento/ultcompracartao/x", "events:read"),
        ("GET", "/financial-transactions/x", "events:read"),
        ("GET", "/last-purchases/x", "events:read"),
        ("GET", "/consulted-cpf/x", "events:read"),
        ("POST", "/financial-transactions", "events:write"),
        ("PUT", "/financial-transactions", "events:write"),
        ("DELETE", "/financial-transactions/x", "events:write"),
    ] {
        let request = || Request::builder().method(method).uri(path);
        let anonymous = app.send(request().body(Body::empty()).unwrap()).await;
        assert_eq!(anonymous.problem().1, "missing_token", "{method} {path}");
        let other =
            if scope == "events:read" { "events:write+debts:read" } else { "events:read+debts:write" };
        let request = request().header("authorization", format!("Bearer {other}"));
        let forbidden = app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(forbidden.problem().1, "insufficient_scope", "{method} {path}");
        assert!(forbidden.header("www-authenticate").contains(scope));
    }
    assert_eq!(app.get("/evento/x").await.problem().1, "invalid_cpf");
}

#[tokio::test]
async fn the_document_has_every_route_and_shape() {
    let evidence = Arc::new(Record::default());
    let (world, _) = world();
    let (events, _alive) = base(On::Sqlite, evidence.clone(), world.clone()).await;
    let shell = Shell::new(world, Arc::new(Tokens), evidence, Limits::default(), Metrics::default());
    let document = crate::routes(events, shell).into_openapi();
    let document = serde_json::to_value(ficha_http::document(document, "events", "Base C.")).unwrap();
    let operations: Vec<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        })
        .collect();
    assert_eq!(operations.len(), 10, "{operations:?}");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in [
        "Events",
        "FinancialTransaction",
        "NewFinancialTransaction",
        "LastPurchase",
        "LastPurchaseOf",
        "LastConsultation",
        "MovementPage",
        "MovementTotals",
        "MovementTotal",
        "SearchedBy",
        "MonthlyTotal",
        "ConsultedCpf",
        "Written",
    ] {
        assert!(schemas.contains_key(name), "{name}");
    }
    assert!(schemas["NewFinancialTransaction"]["properties"]["PaymentType"].is_object());
    assert_eq!(schemas["FinancialTransaction"]["properties"]["value"]["type"], "number");
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is named and not there");
    }
}
