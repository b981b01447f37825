//! Movements as the index has them, and what it is told about them.

use super::{Naming, rows};
use crate::{Movement, fold, store::codes};
use aws_lc_rs::hmac;
use ficha_domain::{Cpf, ObjectId};
use ficha_mongo::{
    Change, Error,
    mongodb::bson::{RawDocument, Timestamp as Moment},
};
use ficha_search::Write;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// Counts up when anything here changes what a document is: an index of before is made anew then.
const LAYOUT: u8 = 1;
/// 2020-01-01T00:00:00Z: so the server's seconds fit above its count, in 63 bits, for as long as it has seconds.
const BEGIN_S: u32 = 1_577_836_800;

/// How things are called and blinded.
pub(super) struct Shape {
    naming: Naming,
    key: hmac::Key,
}

impl Shape {
    pub(super) fn new(naming: Naming, key: hmac::Key) -> Self {
        Self { naming, key }
    }

    /// Of which keys and layout an index is.
    pub(super) fn print(&self) -> String {
        hex(&hmac::sign(&self.key, &[b'p', LAYOUT]).as_ref()[..8])
    }

    /// A person, without his CPF.
    pub(super) fn person(&self, cpf: Cpf) -> String {
        let message = [b"c", &cpf.as_u64().to_be_bytes()[..]].concat();
        hex(&hmac::sign(&self.key, &message).as_ref()[..16])
    }

    /// What operators ask, whatever the index behind it is called.
    pub(super) fn alias(&self) -> String {
        format!("{}_movement", self.naming.name)
    }

    /// A name that no index had.
    pub(super) fn index(&self, id: Uuid) -> String {
        format!("{}_{}", self.alias(), id.simple())
    }

    /// Of every index of this base.
    pub(super) fn all(&self) -> String {
        format!("{}_*", self.alias())
    }

    /// What an index is made of. It is read anew when whoever feeds it says so, since only he knows up to when it is
    /// complete then. Words come folded; plurals in `ões` and endings that Portuguese has more of are made equal.
    pub(super) fn template(&self) -> Value {
        json!({
            "index_patterns": [self.all()],
            "priority": 500,
            "template": {
                "settings": {
                    "number_of_shards": self.naming.shards,
                    "auto_expand_replicas": "0-1",
                    "refresh_interval": "-1",
                    "analysis": {
                        "filter": {
                            "plural": { "type": "pattern_replace", "pattern": "oes$", "replacement": "ao" },
                            "ending": { "type": "stemmer", "language": "light_portuguese" },
                        },
                        "analyzer": { "words": { "tokenizer": "whitespace", "filter": ["plural", "ending"] } },
                    },
                },
                "mappings": {
                    "dynamic": "strict",
                    "properties": {
                        "person": { "type": "keyword" },
                        "id": { "type": "keyword" },
                        "at": { "type": "date", "format": "strict_date_optional_time" },
                        "kind": { "type": "byte" },
                        "payment": { "type": "byte" },
                        "cents": { "type": "long" },
                        "words": { "type": "text", "analyzer": "words", "norms": false, "index_options": "docs" },
                        "version": { "type": "long", "index": false },
                        "gone": { "type": "date", "format": "strict_date_optional_time" },
                    },
                },
            },
        })
    }

    /// A movement, as it was at this moment or later.
    pub(super) fn kept(&self, row: &RawDocument, at: Moment) -> Result<Write, Error> {
        let rows::Kept { movement, version } = rows::kept(row)?;
        let Movement { cpf, date, id, description, value, kind, payment_type } = movement;
        let document = json!({
            "person": self.person(cpf),
            "id": id.to_string(),
            "at": instant(date),
            "kind": codes::kind_code(kind),
            "payment": codes::payment_code(payment_type),
            "cents": value.cents(),
            "words": fold::words(&description).join(" "),
            "version": version,
        });
        Ok(Write { id: id.to_string(), version: order(at), document })
    }

    /// What a change of a movement makes of its document.
    pub(super) fn changed(&self, change: &Change, now: Timestamp) -> Result<Write, Error> {
        if let Some(row) = &change.document {
            return self.kept(row, change.at);
        }
        let id = change.id.as_object_id().ok_or_else(|| rows::damaged("a movement's id"))?;
        let document = json!({ "gone": instant(now) });
        Ok(Write { id: ObjectId(id.bytes()).to_string(), version: order(change.at), document })
    }
}

/// The server's time as one number that grows: seconds, then the count within one.
fn order(at: Moment) -> i64 {
    i64::from(at.time.saturating_sub(BEGIN_S)) << 32 | i64::from(at.increment)
}

/// To the millisecond, whether there is one or not: an instant without is a whole second to the index.
pub(super) fn instant(at: Timestamp) -> String {
    format!("{at:.3}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
