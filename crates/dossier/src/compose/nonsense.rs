//! What cannot be an answer about the person. Cheap: it runs on every section of every dossier.

use ficha_contract::{Ask, Found, Source};
use ficha_domain::Cpf;
use jiff::SignedDuration;
use serde::de::IgnoredAny;
use std::time::Duration;

/// Clocks differ by so much without anything being wrong.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(5);

/// What is wrong with an answer that came `elapsed` after it was asked for; words for the log, no data.
pub(super) fn flaw(found: &Found, ask: &Ask, elapsed: Duration) -> Option<&'static str> {
    let (Found::Person { as_of, .. } | Found::Nobody { as_of, .. }) = found;
    let elapsed = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
    if as_of.duration_since(ask.now) > elapsed.saturating_add(TOLERANCE) {
        return Some("as_of lies in the future");
    }
    let Found::Person { body, as_of, updated_at, source } = found else { return None };
    if updated_at.duration_since(*as_of) > TOLERANCE {
        Some("updated_at lies after as_of")
    } else if !(body.starts_with(b"{") && body.ends_with(b"}")) {
        Some("the body is no object")
    } else if !names(body, ask.cpf) {
        Some("the body does not name the person who was asked for")
    } else if *source != Source::Own && !is_json(body) {
        Some("the body is not JSON")
    } else {
        None
    }
}

/// Whether the first `"cpf"` of the body is the person's. The bytes searched for cannot lie inside a JSON string, where
/// quotes are escaped; and a body of somebody else that mentions the person further on does not pass.
fn names(body: &[u8], cpf: Cpf) -> bool {
    const KEY: &[u8] = b"\"cpf\":\"";
    let Some(at) = body.windows(KEY.len()).position(|window| window == KEY) else { return false };
    let value = &body[at + KEY.len()..];
    value.starts_with(&digits(cpf)) && value.get(11) == Some(&b'"')
}

fn digits(cpf: Cpf) -> [u8; 11] {
    let mut rest = cpf.as_u64();
    let mut digits = [b'0'; 11];
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

/// Another system's text would break the whole dossier; our own store's was written by us.
fn is_json(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use ficha_domain::{CpfValidation, Purpose};
    use jiff::Timestamp;

    const CPF: &str = "06934332997";

    fn ask() -> Ask {
        let cpf = Cpf::parse(CPF, CpfValidation::Format).unwrap();
        ficha_testkit::ask(cpf, Purpose::CreditGranting, "2026-11-22T12:00:00Z".parse().unwrap())
    }

    fn after(seconds: i64) -> Timestamp {
        ask().now + SignedDuration::from_secs(seconds)
    }

    fn said(body: &str, as_of: i64, updated_at: i64, source: Source) -> Option<&'static str> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let found = Found::Person { body, as_of: after(as_of), updated_at: after(updated_at), source };
        flaw(&found, &ask(), Duration::from_secs(1))
    }

    #[test]
    fn good_answers_pass() {
        let body = r#"{"id":1,"cpf":"06934332997","debts":[]}"#;
        for source in [Source::Own, Source::Direct, Source::Replica, Source::Cache] {
            assert_eq!(said(body, 0, -100, source), None);
            assert_eq!(said(body, 6, 11, source), None, "5 s after it came, and changed 5 s after that");
        }
    }

    #[test]
    fn times_that_cannot_be_are_noticed() {
        let body = r#"{"cpf":"06934332997"}"#;
        assert_eq!(said(body, 7, 0, Source::Own), Some("as_of lies in the future"));
        assert_eq!(said(body, 0, 6, Source::Own), Some("updated_at lies after as_of"));
        let nobody = Found::Nobody { as_of: after(7), source: Source::Replica };
        assert_eq!(flaw(&nobody, &ask(), Duration::from_secs(1)), Some("as_of lies in the future"));
        assert_eq!(flaw(&nobody, &ask(), Duration::from_secs(2)), None, "it took two seconds to come");
    }

    #[test]
    fn bodies_that_are_not_about_the_person_are_noticed() {
        for body in ["", "{", "[]", "null", "\"cpf\":\"06934332997\"", "<html>"] {
            assert_eq!(said(body, 0, 0, Source::Own), Some("the body is no object"), "{body}");
        }
        for body in [
            "{}",
            r#"{"cpf":"52998224725"}"#,
            r#"{"cpf":"069343329970"}"#,
            r#"{"cpf":"06934332997}"#,
            r#"{"cpf":06934332997}"#,
            r#"{"cpf":"}"#,
            r#"{"name":"\"cpf\":\"06934332997\""}"#,
            r#"{"cpf":"52998224725","guarantor":{"cpf":"06934332997"}}"#,
        ] {
            let flaw = said(body, 0, 0, Source::Own);
            assert_eq!(flaw, Some("the body does not name the person who was asked for"), "{body}");
        }
    }

    #[test]
    fn only_others_json_is_checked() {
        let broken = r#"{"cpf":"06934332997","debts":[}"#;
        assert_eq!(said(broken, 0, 0, Source::Own), None);
        for source in [Source::Direct, Source::Replica, Source::Cache] {
            assert_eq!(said(broken, 0, 0, source), Some("the body is not JSON"));
        }
        let found = Found::Person {
            body: Bytes::from_static(b"{\"cpf\":\"06934332997\",\"name\":\"Jo\xe3o\"}"),
            as_of: ask().now,
            updated_at: ask().now,
            source: Source::Direct,
        };
        assert_eq!(flaw(&found, &ask(), Duration::ZERO), Some("the body is not JSON"), "it is Latin-1");
    }
}
