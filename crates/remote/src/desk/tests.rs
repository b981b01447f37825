use super::*;
use crate::{
    call::Behalf,
    note::Form,
    testing::{CPF, Fake, Two, pair},
};
use ficha_domain::Purpose;
use ficha_testkit::{Answer as Answered, Client};
use jiff::SignedDuration;
use std::time::Duration;
use uuid::Uuid;

/// A base's process, and calls to it that are written by hand.
struct Served {
    two: Two,
    base: Arc<Fake>,
    client: Client,
}

impl Served {
    fn new() -> Self {
        let two = Two::new();
        let base = Fake::knowing_nobody(&two.test);
        let client = two.test.client(two.routes(base.clone()));
        Self { two, base, client }
    }

    fn body(&self) -> String {
        format!(r#"{{"cpf":"{CPF}","now":"{}"}}"#, self.two.test.world.now())
    }

    fn call(&self) -> Call {
        let at = self.two.test.world.now();
        let behalf = Behalf {
            consultation: Uuid::from_u128(1),
            client: "shop".into(),
            purpose: Purpose::CreditGranting,
            scopes: "debts:read".into(),
        };
        Call {
            to: "debts".into(),
            id: self.two.test.world.world().new_id(),
            at,
            until: Call::until(at, Duration::from_secs(1)),
            within_ms: 1000,
            body: Hash::of(self.body().as_bytes()),
            behalf: Some(behalf),
        }
    }

    fn note(&self, call: &Call) -> String {
        note::write(&self.two.dossier, note::CALL, call).unwrap()
    }

    async fn send(&self, note: &str, body: &str) -> Answered {
        let call = self.client.post("/peer/debts").header(CALL_HEADER, note);
        call.body("application/json", body.to_owned()).send().await
    }

    async fn says(&self, call: &Call) -> u16 {
        self.send(&self.note(call), &self.body()).await.status.as_u16()
    }
}

#[tokio::test]
async fn a_call_is_taken_once() {
    let served = Served::new();
    let (note, body) = (served.note(&served.call()), served.body());
    served.send(&note, &body).await.expect(200);
    let again = served.send(&note, &body).await;
    assert_eq!(again.problem(401, "invalid_token")["detail"], "a call that was taken before");
    assert!(again.header(ANSWER_HEADER).is_empty(), "a refusal is no answer");
    served.two.test.world.advance(SignedDuration::from_secs(5));
    served.send(&note, &body).await.problem(401, "invalid_token");
    assert_eq!(served.base.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn after_a_restart_no_call_from_before_is_taken() {
    let served = Served::new();
    let before = served.call();
    served.two.test.world.advance(SignedDuration::from_millis(1));
    let client = served.two.test.client(served.two.routes(served.base.clone()));
    let anew = Served { client, ..served };
    assert_eq!(anew.says(&before).await, 401);
    assert_eq!(anew.says(&anew.call()).await, 200);
}

#[tokio::test]
async fn a_call_is_for_one_role_one_time_one_body() {
    let served = Served::new();
    let at = served.two.test.world.now();
    let second = |second| at + SignedDuration::from_secs(second);
    let good = || served.call();
    for (call, expected) in [
        (good(), 200),
        (Call { to: "score".into(), ..good() }, 401),
        (Call { to: String::new(), ..good() }, 401),
        (Call { body: Hash::of(b""), ..good() }, 401),
        (Call { at: second(-60), until: second(-30), ..good() }, 401),
        (Call { at: second(6), until: second(12), ..good() }, 401),
        (Call { until: second(31), ..good() }, 401),
        (Call { behalf: None, ..good() }, 400),
    ] {
        assert_eq!(served.says(&call).await, expected, "{call:?}");
    }
    let behalf = |scopes: &str| good().behalf.map(|behalf| Behalf { scopes: scopes.into(), ..behalf });
    for (scopes, expected) in [("debts:read", 200), ("read", 200), ("score:read", 403), ("sudo", 400)] {
        assert_eq!(served.says(&Call { behalf: behalf(scopes), ..good() }).await, expected, "{scopes}");
    }
}

#[tokio::test]
async fn strangers_other_versions_and_calls_without_a_note_are_refused() {
    let served = Served::new();
    let body = served.body();
    let call = served.call();
    served.client.post("/peer/debts").body("application/json", body.clone()).send().await.expect(401);
    let stranger = note::write(&pair(), note::CALL, &call).unwrap();
    let answer = served.send(&stranger, &body).await;
    assert_eq!(answer.problem(401, "invalid_token")["detail"], "a note of a key that is not pinned here");
    let later = note::write(&served.two.dossier, Form("ficha-call-2"), &call).unwrap();
    let answer = served.send(&later, &body).await;
    assert_eq!(answer.problem(401, "invalid_token")["detail"], "a note of another version, or none");
    let other = body.replace(CPF, "12345678909");
    served.send(&served.note(&call), &other).await.expect(401);
    let long = format!("{body}{}", " ".repeat(5000));
    served.send(&served.note(&Call { body: Hash::of(long.as_bytes()), ..call }), &long).await.expect(413);
    assert!(served.base.asked.lock().unwrap().is_empty());
}
