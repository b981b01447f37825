//! Under which keys values lie.
//!
//! `ficha:{installation-part}:person`, where the installation's name and the person's are HMACs: nobody without the root
//! key can tell of whom a key is. What stands in braces decides on which server of a cluster a key lies; each part has
//! an epoch of its own, so that a server that loses what it was told takes its epoch with it.
//!
//! While root keys rotate, processes differ in which of them comes first. Who writes therefore does it under the names
//! of all that he has; who reads, under the first one's.

use ficha_seal::Vault;

/// The names of an installation's keys.
pub(crate) struct Keys {
    vault: Vault,
    /// The installation's name under each root key.
    names: Vec<String>,
    parts: u8,
}

/// Where a value lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) id: Id,
    /// Of the part's epoch.
    pub(crate) epoch: String,
    pub(crate) key: String,
}

/// Whose value of which kind it is.
pub(crate) type Id = [u8; 16];

impl Keys {
    pub(crate) fn new(vault: Vault, parts: u8) -> Self {
        let names = vault.indexes(b"installation").map(|name| hex::encode(&name.value[..8])).collect();
        Self { vault, names, parts }
    }

    /// Where somebody's value of this kind lies.
    pub(crate) fn place(&self, kind: &str, person: &[u8]) -> Place {
        self.at(&self.names[0], self.vault.index(&named(kind, person)).value)
    }

    /// Where it may lie for others.
    pub(crate) fn places(&self, kind: &str, person: &[u8]) -> impl Iterator<Item = Place> {
        let ids = self.vault.indexes(&named(kind, person)).map(|index| index.value).collect::<Vec<_>>();
        self.names.iter().zip(ids).map(|(name, id)| self.at(name, id))
    }

    fn at(&self, name: &str, id: Id) -> Place {
        let part = id[0] % self.parts;
        Place { id, epoch: epoch(name, part), key: format!("ficha:{{{name}-{part}}}:{}", hex::encode(id)) }
    }

    /// All epochs.
    pub(crate) fn epochs(&self) -> impl Iterator<Item = String> {
        self.names.iter().flat_map(|name| (0..self.parts).map(move |part| epoch(name, part)))
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.vault
    }
}

fn named(kind: &str, person: &[u8]) -> Vec<u8> {
    [kind.as_bytes(), b" ", person].concat()
}

fn epoch(name: &str, part: u8) -> String {
    format!("ficha:{{{name}-{part}}}:epoch")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::vault;

    #[test]
    fn a_key_tells_nobody_of_whom_it_is() {
        let (keys, person) = (Keys::new(vault(&[1]), 16), b"52998224725");
        let place = keys.place("score", person);
        assert!(!place.key.contains("52998224725") && !place.key.contains(&hex::encode(person)));
        assert!(place.key.starts_with(place.epoch.trim_end_matches("epoch")), "both lie together");
        assert!(keys.epochs().any(|epoch| epoch == place.epoch) && keys.epochs().count() == 16);
        assert_eq!(Keys::new(vault(&[1]), 16).place("score", person), place);
        for other in [
            keys.place("events", person),
            keys.place("score", b"52998224724"),
            Keys::new(vault(&[2]), 16).place("score", person),
        ] {
            assert_ne!(other.key, place.key);
        }
    }

    #[test]
    fn while_root_keys_rotate_a_writer_knows_where_others_read() {
        let [old, added, first] = [&[1][..], &[1, 2], &[2, 1]].map(|roots| Keys::new(vault(roots), 1));
        for (writer, reader) in [(&old, &added), (&added, &old), (&added, &first), (&first, &added)] {
            assert!(writer.places("score", b"ana").any(|place| place == reader.place("score", b"ana")));
        }
    }
}
