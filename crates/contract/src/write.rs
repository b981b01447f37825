//! Conditional and repeated writes, free of HTTP, so that a store can honour them inside its transaction.

use bytes::Bytes;
use jiff::Timestamp;

/// Under which conditions a write happens.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    /// `If-Match` (RFC 9110, 13.1.1), where it was sent.
    pub if_match: Option<IfMatch>,
    /// `If-None-Match: *`: only where nothing is there yet (RFC 9110, 13.1.2).
    pub only_new: bool,
    /// `Idempotency-Key`, where it was sent.
    pub idempotency: Option<Idempotency>,
}

/// What `If-Match` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: anything that exists.
    Any,
    /// One of these entity tags, quotes included.
    Tags(Vec<String>),
}

impl Condition {
    /// Whether the write may go on, given the entity tag of what is there now.
    #[must_use]
    pub fn holds(&self, current: Option<&str>) -> bool {
        let matches = match (&self.if_match, current) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(IfMatch::Any), Some(_)) => true,
            (Some(IfMatch::Tags(tags)), Some(current)) => tags.iter().any(|tag| tag == current),
        };
        matches && !(self.only_new && current.is_some())
    }
}

/// A key by which a client says that two requests are one
/// (draft-ietf-httpapi-idempotency-key-header-07).
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The key, made unique by its client and operation. May hold anything: blind it before it is stored.
    pub key: String,
    /// What the request asked: method, path and body. Personal data: blind it before it is stored.
    pub request: Bytes,
    /// When it came; a key is forgotten after a day.
    pub at: Timestamp,
}

/// What a write answers: kept with its idempotency key, and answered again to a repetition.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Entity tag of what was written, quotes included.
    pub etag: Option<String>,
    /// JSON, or empty.
    pub body: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_as_the_rfc_has_them() {
        let tags = |tags: &[&str]| Condition {
            if_match: Some(IfMatch::Tags(tags.iter().map(|tag| (*tag).to_owned()).collect())),
            ..Condition::default()
        };
        let any = Condition { if_match: Some(IfMatch::Any), ..Condition::default() };
        let new = Condition { only_new: true, ..Condition::default() };
        assert!(Condition::default().holds(None) && Condition::default().holds(Some("\"1\"")));
        assert!(!any.holds(None) && any.holds(Some("\"1\"")));
        assert!(tags(&["\"2\"", "\"1\""]).holds(Some("\"1\"")) && !tags(&["\"2\""]).holds(Some("\"1\"")));
        assert!(new.holds(None) && !new.holds(Some("\"1\"")));
    }
}
