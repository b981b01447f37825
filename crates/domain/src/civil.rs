//! Instants as others write them.

use jiff::Timestamp;

/// Why a text is not an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an instant is written as in RFC 3339, for example 2026-11-22T12:00:00-03:00")]
pub struct DateError;

/// Reads an instant: RFC 3339, and `2018-07-09 22:11:33.8+00` as old clients of the seed write it.
///
/// # Errors
/// [`DateError`] for anything else, a missing offset included: nobody can know what was meant.
pub fn parse_instant(text: &str) -> Result<Timestamp, DateError> {
    text.parse().map_err(|_| DateError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_clients_send() {
        for text in ["2018-07-09T22:11:33.800000Z", "2018-07-09 22:11:33.8+00", "2018-07-09T19:11:33.8-03:00"]
        {
            assert_eq!(parse_instant(text).unwrap().to_string(), "2018-07-09T22:11:33.8Z", "{text}");
        }
        for text in ["", "2018-07-09", "2018-07-09T22:11:33", "ontem"] {
            assert_eq!(parse_instant(text), Err(DateError), "{text}");
        }
    }
}
