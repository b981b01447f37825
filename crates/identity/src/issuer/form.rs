//! Forms: `application/x-www-form-urlencoded` as OAuth uses it.

use super::OAuthError;
use std::fmt;

/// OAuth needs ten; each is compared with all before it.
const PARAMETERS_MAX: usize = 32;

/// The parameters of a request. Holds secrets: its `Debug` shows names only.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form. A parameter must not be sent twice (RFC 6749, 3.2): of two values, one would be checked and the
    /// other one used.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, OAuthError> {
        let unreadable = || OAuthError::request("the body is not a form in UTF-8");
        let text = std::str::from_utf8(body).map_err(|_| unreadable())?;
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == PARAMETERS_MAX {
                return Err(OAuthError::request("too many parameters"));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or_else(unreadable)?;
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(OAuthError::request("a parameter was sent twice"));
            }
            pairs.push((name, decode(value).ok_or_else(unreadable)?));
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter. One without a value counts as left out (RFC 6749, 3.2).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Undoes the encoding of forms, which RFC 6749, 2.3.1 also asks of what goes into a Basic header.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?,
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6749_3_2_empty_means_left_out_and_twice_is_an_error() {
        let form = Form::parse(b"grant_type=client_credentials&scope=&flag&x=a%20b+c%C3%A3").unwrap();
        assert_eq!(form.get("grant_type"), Some("client_credentials"));
        assert_eq!((form.get("scope"), form.get("flag"), form.get("none")), (None, None, None));
        assert_eq!(form.get("x"), Some("a b cã"));
        for twice in ["scope=a&scope=b", "scope=&scope=b", "scope=a&sc%6Fpe=a"] {
            assert!(Form::parse(twice.as_bytes()).is_err(), "{twice}");
        }
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for bad in [&b"a=%"[..], b"a=%2", b"a=%zz", b"a=%+1", b"a=\xff", b"a=%FF"] {
            assert!(Form::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Form::parse(b"").unwrap().get("a").is_none());
    }

    #[test]
    fn a_form_of_a_million_parameters_costs_nothing() {
        let many: String = (0..33).map(|number| format!("p{number}&")).collect();
        assert!(Form::parse(many.as_bytes()).is_err());
        assert!(Form::parse(many.trim_start_matches("p0&").as_bytes()).is_ok());
    }

    #[test]
    fn debug_hides_values() {
        let form = Form::parse(b"client_secret=hunter2").unwrap();
        assert_eq!(format!("{form:?}"), "[\"client_secret\"]");
    }
}
