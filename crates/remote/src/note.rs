//! What processes say to each other beside a body: a header, signed. `FORM.KEY.JSON.SIGNATURE`, the last three in
//! base64url; the signature is of all that stands before it.

use crate::{PeerKey, PublicKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What a note is, and in which version: a call never passes for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form(pub(crate) &'static str);

pub(crate) const CALL: Form = Form("ficha-call-1");
pub(crate) const ANSWER: Form = Form("ficha-answer-1");

/// Why a note says nothing. Words for the log and for the peer, who is no stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unread {
    #[error("a note of another version, or none")]
    Version,
    #[error("a note of a key that is not pinned here")]
    Stranger,
    #[error("a note whose signature does not hold")]
    Forged,
    #[error("a note that says something unknown")]
    Unknown,
}

/// Writes a note.
///
/// # Errors
/// Never, for the types of this room.
pub(crate) fn write(key: &PeerKey, form: Form, says: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = URL_SAFE_NO_PAD.encode(serde_json::to_vec(says)?);
    let said = format!("{}.{}.{json}", form.0, key.public().text());
    let signature = key.sign(said.as_bytes());
    Ok(format!("{said}.{signature}"))
}

/// Reads a note of one of these keys. Nothing in it is looked at before its signature was.
pub(crate) fn read<T: DeserializeOwned>(text: &str, form: Form, keys: &[PublicKey]) -> Result<T, Unread> {
    let rest = text.strip_prefix(form.0).and_then(|rest| rest.strip_prefix('.')).ok_or(Unread::Version)?;
    let (said, signature) = text.rsplit_once('.').ok_or(Unread::Version)?;
    let (key, json) = rest.split_once('.').ok_or(Unread::Version)?;
    let json = json.split_once('.').ok_or(Unread::Version)?.0;
    let pinned = keys.iter().find(|pinned| pinned.text() == key).ok_or(Unread::Stranger)?;
    if !pinned.signed(said.as_bytes(), signature) {
        return Err(Unread::Forged);
    }
    let json = URL_SAFE_NO_PAD.decode(json).map_err(|_| Unread::Unknown)?;
    serde_json::from_slice(&json).map_err(|_| Unread::Unknown)
}

/// What binds a body to its note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hash(String);

impl Hash {
    pub(crate) fn of(body: &[u8]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(digest(&SHA256, body)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> PeerKey {
        PeerKey::from_pkcs8(&PeerKey::generate().unwrap()).unwrap()
    }

    #[test]
    fn a_note_reads_back_and_every_changed_character_is_noticed() {
        let (one, other) = (pair(), pair());
        let note = write(&one, CALL, &"says").unwrap();
        let keys = [other.public(), one.public()];
        assert_eq!(read::<String>(&note, CALL, &keys).as_deref(), Ok("says"));
        for at in 0..note.len() {
            let changed = if &note[at..=at] == "A" { "B" } else { "A" };
            let changed = format!("{}{changed}{}", &note[..at], &note[at + 1..]);
            assert!(read::<String>(&changed, CALL, &keys).is_err(), "character {at}");
            assert!(read::<String>(&note[..at], CALL, &keys).is_err(), "cut to {at}");
        }
    }

    #[test]
    fn a_stranger_another_form_and_another_version_are_told_apart() {
        let (one, other) = (pair(), pair());
        let note = write(&one, CALL, &"says").unwrap();
        assert_eq!(read::<String>(&note, CALL, &[other.public()]), Err(Unread::Stranger));
        assert_eq!(read::<String>(&note, ANSWER, &[one.public()]), Err(Unread::Version));
        assert_eq!(read::<String>(&note, Form("ficha-call-2"), &[one.public()]), Err(Unread::Version));
        assert_eq!(read::<u8>(&note, CALL, &[one.public()]), Err(Unread::Unknown));
        let passed = note.replace(CALL.0, ANSWER.0);
        assert_eq!(read::<String>(&passed, ANSWER, &[one.public()]), Err(Unread::Forged));
    }
}
