//! Which roles a process has.

use serde::{Deserialize, Deserializer};
use std::str::FromStr;

/// What can run in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Base A.
    Debts,
    /// Base B.
    Score,
    /// Base C.
    Events,
    /// Dossiers.
    Dossier,
    /// The issuer.
    Identity,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Debts, Self::Score, Self::Events, Self::Dossier, Self::Identity];

    /// As its settings and its store are called.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debts => "debts",
            Self::Score => "score",
            Self::Events => "events",
            Self::Dossier => "dossier",
            Self::Identity => "identity",
        }
    }
}

/// The roles of a process: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles([bool; 5]);

impl Roles {
    /// Every role: an installation in one process.
    pub const ALL: Self = Self([true; 5]);

    /// Whether it has this one.
    pub fn has(self, role: Role) -> bool {
        self.0[role as usize]
    }

    /// Whether nothing of the installation is elsewhere.
    pub fn is_all(self) -> bool {
        self == Self::ALL
    }

    /// Whether it answers about people, which is recorded.
    pub fn records(self) -> bool {
        Role::ALL.into_iter().any(|role| role != Role::Identity && self.has(role))
    }

    fn of<'a>(words: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut roles = [false; 5];
        for word in words {
            let role = Role::ALL.into_iter().find(|role| role.as_str() == word);
            roles[role.ok_or_else(|| takes(word))? as usize] = true;
        }
        if roles == [false; 5] { Err(takes("nothing")) } else { Ok(Self(roles)) }
    }
}

fn takes(word: &str) -> String {
    format!("a process has roles of {}, not {word}", Role::ALL.map(Role::as_str).join(", "))
}

impl FromStr for Roles {
    type Err = String;

    /// Words separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        Self::of(text.split(',').map(str::trim))
    }
}

impl<'de> Deserialize<'de> for Roles {
    /// A list; from the environment a text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            List(Vec<String>),
        }
        let roles = match Written::deserialize(deserializer)? {
            Written::Text(text) => text.parse(),
            Written::List(list) => Self::of(list.iter().map(String::as_str)),
        };
        roles.map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_words_of_the_list() {
        let roles: Roles = "debts, identity".parse().unwrap();
        assert!(roles.has(Role::Debts) && roles.has(Role::Identity) && !roles.has(Role::Dossier));
        assert!(!roles.is_all() && roles.records());
        assert!(!"identity".parse::<Roles>().unwrap().records());
        assert!("debts,score,events,dossier,identity".parse::<Roles>().unwrap().is_all());
        for text in ["", "debt", "debts,,score", "all"] {
            assert!(text.parse::<Roles>().unwrap_err().contains("debts, score, events"), "{text}");
        }
    }
}
