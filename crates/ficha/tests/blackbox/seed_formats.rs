//! The seed's clients, on the roles' own listeners: its format examples written in and served back, to the letter.
//! Wrong check digits included, as the seed's samples have them. `topology` runs these scenarios on each shape.

use crate::server::{Answer, Server, Shape};
use reqwest::Method;
use serde_json::{Value, json};

const ALPHA: &str = r#"{"id":1,"debts":[{"id":3,"value":"1000.00","date":"2018-07-07","customer":3}],"cpf":"06134332991","name":"Teste","address":"Rua Joaquina"}"#;
const BETA: &str = r#"{"id":"5b44a7f588c87a08fc450d98","cpf":"06934332991","date_birth":"2018-07-09T22:11:33.800000Z","name":"Teste","address":"Rua blaba","patrimonies":[{"value":"1000.00","description":"Carro","_cls":"PatrimonyDocument"}],"sources_income":[{"value":"1000.00","description":"Salário","_cls":"SourceIncomeDocument"}],"_cls":"CustomerDocument"}"#;
const CAPA: &str = r#"{"id":"5b3e4175c43bfd2b780afeba","description":"debito bancário","value":0,"date":"2011-10-05T11:48:00-03:00","cpf":"06934332997","type":"","PaymentType":""}"#;

/// A server that takes the seed's wrong numbers, and a caller that may do everything.
struct Seed {
    server: Server,
    token: String,
}

impl Seed {
    async fn start(shape: Shape) -> Self {
        let roles =
            ["DEBTS", "SCORE", "EVENTS", "DOSSIER"].map(|role| format!("FICHA_{role}__CPF_VALIDATION"));
        let settings: Vec<_> = roles.iter().map(|key| (key.as_str(), "format")).collect();
        let server = Server::of_shape_with_roles(shape, &settings).await;
        let token = server.token("read write").await;
        Self { server, token }
    }

    async fn call(&self, method: Method, role: &str, path: &str, body: Option<&str>) -> Answer {
        self.call_as(&self.token, method, role, path, body).await
    }

    async fn call_as(
        &self,
        token: &str,
        method: Method,
        role: &str,
        path: &str,
        body: Option<&str>,
    ) -> Answer {
        let request = self.server.request(method, &self.server.on(role, path)).bearer_auth(token);
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_owned()),
            None => request,
        };
        self.server.send(request).await
    }

    async fn get(&self, role: &str, path: &str) -> Answer {
        self.call(Method::GET, role, path, None).await
    }

    /// Writes something new, and gives what was answered.
    async fn posted(&self, role: &str, path: &str, body: &str) -> Answer {
        let answer = self.call(Method::POST, role, path, Some(body)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer
    }

    async fn text(&self, role: &str, path: &str) -> String {
        let answer = self.get(role, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.text
    }
}

pub async fn alphas_clients_work_unchanged(shape: Shape) {
    let seed = Seed::start(shape).await;
    let (list, one) = ("/api/customers/", "/api/customers/1/");
    assert_eq!(seed.text("debts", "/api/customers/?cpf=06134332991").await, "[]");
    let expected = ALPHA.replace(r#""id":3"#, r#""id":1"#).replace(r#""customer":3"#, r#""customer":1"#);
    assert_eq!(seed.posted("debts", list, ALPHA).await.text, expected);
    for path in ["/api/customers/?cpf=06134332991", "/api/customers?page=1&format=json&search=x", list] {
        assert_eq!(seed.text("debts", path).await, format!("[{expected}]"), "{path}");
    }
    assert_eq!(seed.text("debts", one).await, expected);
    let blank = r#"[{"id":null,"debts":[],"cpf":"06134332991","name":"Teste","address":""}]"#;
    assert_eq!(seed.text("debts", "/api/customers/?fields=cpf,name").await, blank);
    let more = json!({ "name": "Teste", "address": "Rua Nova", "date": "2018-07-09",
        "debts": [{ "value": "5.00", "date": "2020-01-01", "customer": 99 }] });
    let put = seed.call(Method::PUT, "debts", one, Some(&more.to_string())).await;
    let both = r#"[{"id":1,"value":"1000.00","date":"2018-07-07","customer":1},{"id":2,"value":"5.00","date":"2020-01-01","customer":1}]"#;
    assert_eq!(
        (put.status.as_u16(), put.json()["debts"].to_string()),
        (200, serde_json::from_str::<Value>(both).unwrap().to_string())
    );
    let patch = seed
        .call(Method::PATCH, "debts", one, Some(r#"{"debts":[{"id":2,"value":"6.00","date":"2020-01-01"}]}"#))
        .await;
    assert_eq!(patch.status, 200, "{}", patch.text);
    assert_eq!(
        (&patch.json()["address"], &patch.json()["debts"][1]["value"]),
        (&json!("Rua Nova"), &json!("6.00"))
    );
    assert_eq!(seed.call(Method::DELETE, "debts", one, None).await.status, 204);
    assert_eq!(seed.get("debts", one).await.status, 404);
    assert_eq!(seed.call(Method::DELETE, "debts", one, None).await.status, 404);
}

pub async fn betas_clients_work_unchanged(shape: Shape) {
    let seed = Seed::start(shape).await;
    assert_eq!(seed.text("score", "/api/customers/?cpf=06934332991").await, "[]");
    let posted = seed.posted("score", "/api/customers/", BETA).await;
    let id = posted.json()["id"].as_str().unwrap().to_owned();
    assert!(id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    let expected = BETA.replace("5b44a7f588c87a08fc450d98", &id);
    assert_eq!(posted.text, expected);
    let one = format!("/api/customers/{id}/");
    assert_eq!(seed.text("score", &one).await, expected);
    let born = "date_birth=2018-07-09T22:11:33.8Z";
    for query in ["cpf=06934332991", "name=Teste", "date_birth!=_None", born, "orders=-name,id", "orders=-id"]
    {
        assert_eq!(
            seed.text("score", &format!("/api/customers/?{query}")).await,
            format!("[{expected}]"),
            "{query}"
        );
    }
    for query in ["name=Outro", "date_birth=_None", "cpf=06934332991&name=Outro"] {
        assert_eq!(seed.text("score", &format!("/api/customers/?{query}")).await, "[]", "{query}");
    }
    let patch =
        seed.call(Method::PATCH, "score", &one, Some(r#"{"date_birth":null,"patrimonies":[]}"#)).await;
    let patched = expected.replace("\"2018-07-09T22:11:33.800000Z\"", "null");
    let patched =
        patched.replace(r#"[{"value":"1000.00","description":"Carro","_cls":"PatrimonyDocument"}]"#, "[]");
    assert_eq!((patch.status.as_u16(), &patch.text), (200, &patched));
    let put = seed.call(Method::PUT, "score", &one, Some(BETA)).await;
    assert_eq!((put.status.as_u16(), &put.text), (200, &expected));
    let blank = r#"[{"id":null,"cpf":"06934332991","date_birth":null,"name":"","address":"","patrimonies":[],"sources_income":[],"_cls":"CustomerDocument"}]"#;
    assert_eq!(seed.text("score", "/api/customers/?fields=cpf").await, blank);
    assert_eq!(seed.call(Method::DELETE, "score", &one, None).await.status, 204);
    assert_eq!(seed.get("score", &one).await.status, 404);
}

pub async fn capas_clients_work_unchanged(shape: Shape) {
    let seed = Seed::start(shape).await;
    let path = "/financial-transactions/06934332997";
    assert_eq!(seed.text("events", path).await, "[]");
    assert_eq!(seed.posted("events", "/financial-transactions/", CAPA).await.text, CAPA);
    assert_eq!(seed.text("events", path).await, format!("[{CAPA}]"));
    let purchase =
        CAPA.replace(r#""type":"","PaymentType":"""#, r#""type":"Debit","PaymentType":"CreditCard""#);
    let put = seed.call(Method::PUT, "events", "/financial-transactions", Some(&purchase)).await;
    assert_eq!((put.status.as_u16(), put.text.as_str()), (200, r#"{"result":"success"}"#));
    let latest = purchase.replace(r#""type":"Debit","#, "");
    assert_eq!(seed.text("events", "/last-purchases/06934332997/").await, format!("[{latest}]"));
    let consulted: Value =
        serde_json::from_str(&seed.text("events", "/consulted-cpf/06934332997").await).unwrap();
    let fields: Vec<_> = consulted[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["cpf", "date", "description", "id"]);
    let one = "/financial-transactions/5b3e4175c43bfd2b780afeba";
    for (path, status) in [("/financial-transactions/no-id", 400), (one, 200), (one, 404)] {
        assert_eq!(seed.call(Method::DELETE, "events", path, None).await.status, status, "{path}");
    }
}

pub async fn deltas_clients_work_unchanged(shape: Shape) {
    let seed = Seed::start(shape).await;
    let of_nobody = seed.text("dossier", "/api/customers-dossiers/?cpf=06934332997").await;
    assert_eq!(of_nobody, "[]");
    seed.posted("debts", "/api/customers/", &ALPHA.replace("06134332991", "06934332997")).await;
    seed.posted("score", "/api/customers/", &BETA.replace("06934332991", "06934332997")).await;
    seed.posted(
        "events",
        "/financial-transactions",
        &CAPA.replace("\"value\":0", "\"value\":12.5").replace("11:48:00-", "22:48:00-"),
    )
    .await;
    let dossier = |id: u8| {
        format!(
            r#"{{"id":{id},"cpf":"06934332997","name":"Teste","date_birth":"2018-07-09","address":"Rua Joaquina","debts":[{{"id":1,"value":"1000.00","date":"2018-07-07","customer_dossier":{id}}}],"patrimonies":[{{"id":1,"value":"1000.00","description":"Carro","customer_dossier":{id}}}],"sources_income":[{{"id":1,"value":"1000.00","description":"Salário","customer_dossier":{id}}}],"financial_transactions":[{{"id":1,"value":"12.50","description":"debito bancário","date":"2011-10-06","type_transaction":"","payment_type":"","customer_dossier":{id}}}]}}"#
        )
    };
    let list = "/api/customers-dossiers/";
    for path in ["?cpf=06934332997", "?cpf=069.343.329-97", "", "?id=1", "?orders=-id&page_size=1"] {
        assert_eq!(
            seed.text("dossier", &format!("{list}{path}")).await,
            format!("[{}]", dossier(1)),
            "{path}"
        );
    }
    let anew =
        seed.posted("dossier", "/api/public/customers-dossiers/", r#"{"cpf":"06934332997","other":1}"#).await;
    assert_eq!(anew.text, dossier(2));
    assert_eq!(seed.text("dossier", list).await, format!("[{}]", dossier(2)), "the latest of each person");
    assert_eq!(seed.text("dossier", &format!("{list}1/")).await, dossier(1));
    assert_eq!(seed.get("dossier", &format!("{list}3/")).await.status, 404);
    let common = seed.server.at("dossier", &format!("{list}2/"));
    let common = seed.server.get(&seed.token, &common).await;
    assert_eq!((common.status.as_u16(), common.text), (200, dossier(2)));
    let narrow = seed.server.token("dossier:read debts:read").await;
    let path = seed.server.on("dossier", &format!("{list}?cpf=06934332997"));
    let refused = seed.server.get(&narrow, &path).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "insufficient_scope"));
}

/// Where the issuer is in the same process.
#[tokio::test]
async fn every_server_checks_tokens_as_the_seeds_did() {
    let seed = Seed::start(Shape::OneProcess).await;
    for role in ["debts", "score", "events", "dossier"] {
        let checked = seed.text(role, &format!("/api/oauth/check/?token={}", seed.token)).await;
        assert!(checked.starts_with(r#"{"active":true,"scope":""#), "{checked}");
        let refused = seed.get(role, "/api/oauth/check/?token=unknown").await;
        assert_eq!(refused.status, 401, "another token than the bearer's: {}", refused.text);
    }
}

pub async fn keys_that_lists_do_not_take_are_named(shape: Shape) {
    let seed = Seed::start(shape).await;
    for (role, path, named) in [
        ("debts", "/api/customers/?name=Teste", "name"),
        ("debts", "/api/customers/?orders=cpf", "cpf"),
        ("debts", "/api/customers/?cpf__contains=1", "cpf__contains"),
        ("score", "/api/customers/?patrimonies=_None", "patrimonies"),
        ("dossier", "/api/customers-dossiers/?name=Teste", "name"),
    ] {
        let refused = seed.get(role, path).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "malformed_request"), "{path}");
        assert_eq!(refused.json()["errors"][0]["field"], named, "{path}");
    }
    for (role, path) in [("debts", "/api/customers/?cpf=1"), ("score", "/api/customers/?cpf=1")] {
        assert_eq!(seed.get(role, path).await.code(), "invalid_cpf");
    }
}

/// A feeding system that may not read is shown what it sent, and nothing that was there.
pub async fn who_only_writes_reads_nothing(shape: Shape) {
    let seed = Seed::start(shape).await;
    seed.posted("debts", "/api/customers/", ALPHA).await;
    let id = seed.posted("score", "/api/customers/", BETA).await.json()["id"].as_str().unwrap().to_owned();
    let writer = seed.server.token("debts:write score:write").await;
    let patch = Some(r#"{"name":"Outro"}"#);
    let told = seed.call_as(&writer, Method::PATCH, "debts", "/api/customers/1/", patch).await;
    assert_eq!(told.text, r#"{"id":1,"debts":[],"cpf":"","name":"Outro","address":""}"#);
    let told = seed.call_as(&writer, Method::PATCH, "score", &format!("/api/customers/{id}/"), patch).await;
    assert!(
        !told.text.contains("Carro")
            && !told.text.contains("06934332991")
            && told.text.contains(r#""name":"Outro","address":"""#),
        "{}",
        told.text
    );
    assert_eq!(
        seed.call_as(&writer, Method::POST, "debts", "/api/customers/", Some(ALPHA)).await.status,
        422
    );
}
