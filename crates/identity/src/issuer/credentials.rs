//! What a request shows to prove who sends it.

use super::{
    OAuthError, OAuthErrorCode,
    form::{Form, decode},
};
use crate::Secret;
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// RFC 7523, 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Base64 with or without its filling: clients send both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a client shows.
#[derive(Debug)]
pub(crate) enum Credentials {
    /// `client_secret_basic` or `client_secret_post` (RFC 6749, 2.3.1).
    Secret { client: String, secret: Secret },
    /// `private_key_jwt` (RFC 7523, 2.2).
    Assertion { client: Option<String>, jwt: Secret },
}

impl Credentials {
    /// Reads what was shown. More than one way at once is an error (RFC 6749, 2.3).
    pub(crate) fn of(authorization: Option<&str>, form: &Form) -> Result<Self, OAuthError> {
        let (secret, assertion) = (form.get("client_secret"), form.get("client_assertion"));
        let ways = [authorization.is_some(), secret.is_some(), assertion.is_some()];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return Err(OAuthError::request("use one way to authenticate, not two"));
        }
        let client = form.get("client_id").map(str::to_owned);
        match (authorization, secret, assertion) {
            (Some(header), ..) => Self::basic(header, client.as_deref()),
            (_, Some(secret), _) => {
                let client = client.ok_or(OAuthError::request("client_secret needs client_id"))?;
                Ok(Self::Secret { client, secret: Secret::from_text(secret.to_owned()) })
            }
            (.., Some(jwt)) => Self::assertion(client, jwt, form.get("client_assertion_type")),
            _ => Err(unauthenticated("no client authentication was sent")),
        }
    }

    fn basic(header: &str, in_form: Option<&str>) -> Result<Self, OAuthError> {
        let (client, secret) = basic_pair(header)
            .ok_or(unauthenticated("the Authorization header is not Basic with id and secret"))?;
        if in_form.is_some_and(|named| named != client) {
            return Err(OAuthError::request("client_id is not the one in the Authorization header"));
        }
        Ok(Self::Secret { client, secret: Secret::from_text(secret) })
    }

    fn assertion(client: Option<String>, jwt: &str, kind: Option<&str>) -> Result<Self, OAuthError> {
        if kind != Some(ASSERTION_TYPE) {
            return Err(OAuthError::request("client_assertion_type takes that of RFC 7523, 2.2"));
        }
        Ok(Self::Assertion { client, jwt: Secret::from_text(jwt.to_owned()) })
    }
}

fn unauthenticated(description: &'static str) -> OAuthError {
    OAuthError::new(OAuthErrorCode::InvalidClient, description)
}

/// RFC 7617, with id and secret each encoded as in a form before they are joined (RFC 6749, 2.3.1).
fn basic_pair(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    let text = BASE64.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (client, secret) = std::str::from_utf8(&text).ok()?.split_once(':')?;
    Some((decode(client)?, decode(secret)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Form {
        Form::parse(text.as_bytes()).unwrap()
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
    }

    fn pair(credentials: Result<Credentials, OAuthError>) -> (String, String) {
        match credentials.unwrap() {
            Credentials::Secret { client, secret } => (client, secret.reveal().to_owned()),
            Credentials::Assertion { .. } => panic!("a secret was sent"),
        }
    }

    #[test]
    fn rfc6749_2_3_1_basic_is_percent_decoded() {
        let shown = pair(Credentials::of(Some(&basic("loja%3A1:a%2Bb+c%25")), &form("")));
        assert_eq!(shown, ("loja:1".to_owned(), "a+b c%".to_owned()));
        let header = basic("a:b").replace("Basic", "bAsIc").replace('=', "");
        assert_eq!(pair(Credentials::of(Some(&header), &form("client_id=a"))), ("a".into(), "b".into()));
    }

    #[test]
    fn rfc6749_2_3_1_post_reads_the_form() {
        let shown = pair(Credentials::of(None, &form("client_id=loja%3A1&client_secret=a%2Bb")));
        assert_eq!(shown, ("loja:1".to_owned(), "a+b".to_owned()));
    }

    #[test]
    fn rfc6749_2_3_two_ways_at_once_are_refused() {
        let jwt = "client_assertion=x";
        for (header, text) in [
            (true, "client_id=a&client_secret=b"),
            (true, jwt),
            (false, "client_id=a&client_secret=b&client_assertion=x"),
        ] {
            let header = header.then(|| basic("a:b"));
            let refused = Credentials::of(header.as_deref(), &form(text)).unwrap_err();
            assert_eq!(refused.code, OAuthErrorCode::InvalidRequest, "{text}");
        }
        let other = Credentials::of(Some(&basic("a:b")), &form("client_id=c")).unwrap_err();
        assert_eq!(other.code, OAuthErrorCode::InvalidRequest);
    }

    #[test]
    fn nothing_or_nonsense_is_no_authentication() {
        for header in [None, Some("Bearer x"), Some("Basic"), Some("Basic !"), Some(&*basic("no colon"))] {
            let refused = Credentials::of(header, &form("client_id=a")).unwrap_err();
            assert_eq!(refused.code, OAuthErrorCode::InvalidClient, "{header:?}");
        }
        for text in ["client_secret=b", "client_assertion=x", "client_assertion=x&client_assertion_type=y"] {
            let refused = Credentials::of(None, &form(text)).unwrap_err();
            assert_eq!(refused.code, OAuthErrorCode::InvalidRequest, "{text}");
        }
    }

    #[test]
    fn debug_hides_what_was_shown() {
        let shown = Credentials::of(Some(&basic("a:hunter2")), &form("")).unwrap();
        assert!(!format!("{shown:?}").contains("hunter2"));
    }
}
