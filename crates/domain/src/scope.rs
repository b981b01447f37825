//! What a token may do.

use std::{fmt, str::FromStr};

/// One right. The closed list of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scope {
    /// Read base A.
    DebtsRead,
    /// Feed base A.
    DebtsWrite,
    /// Read base B.
    ScoreRead,
    /// Feed base B.
    ScoreWrite,
    /// Read base C.
    EventsRead,
    /// Feed base C.
    EventsWrite,
    /// Ask for dossiers; each section needs its base's read scope besides.
    DossierRead,
    /// See who saw whom, and everybody's kept dossiers.
    AuditRead,
    /// Clients, users and keys; no personal data.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 9] = [
        Self::DebtsRead,
        Self::DebtsWrite,
        Self::ScoreRead,
        Self::ScoreWrite,
        Self::EventsRead,
        Self::EventsWrite,
        Self::DossierRead,
        Self::AuditRead,
        Self::Admin,
    ];

    /// As written in tokens (RFC 6749, 3.3).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DebtsRead => "debts:read",
            Self::DebtsWrite => "debts:write",
            Self::ScoreRead => "score:read",
            Self::ScoreWrite => "score:write",
            Self::EventsRead => "events:read",
            Self::EventsWrite => "events:write",
            Self::DossierRead => "dossier:read",
            Self::AuditRead => "audit:read",
            Self::Admin => "admin",
        }
    }
}

/// A set of scopes. Parses from and prints as words separated by blanks.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(u16);

/// A word that is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope `{0}`")]
pub struct UnknownScope(pub String);

impl ScopeSet {
    /// Whether the set holds this scope.
    #[must_use]
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// Whether the set holds all of the other.
    #[must_use]
    pub fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The set with one scope more.
    #[must_use]
    pub fn with(self, scope: Scope) -> Self {
        Self(self.0 | 1 << scope as u8)
    }

    /// What both sets hold.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// What the seed's `read` and `write` stand for: the bases and the dossier. Other people's records
    /// (`audit:read`) have to be asked for by name.
    fn ending(suffix: &str) -> Self {
        let named = |scope: &Scope| scope.as_str().ends_with(suffix) && *scope != Scope::AuditRead;
        Scope::ALL.into_iter().filter(named).collect()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::default(), Self::with)
    }
}

impl FromStr for ScopeSet {
    type Err = UnknownScope;

    /// `read` and `write` (the seed's scopes) mean all reads and all writes but `audit:read`.
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let mut set = Self::default();
        for word in text.split_ascii_whitespace() {
            set.0 |= match word {
                "read" => Self::ending(":read").0,
                "write" => Self::ending(":write").0,
                _ => {
                    let scope = Scope::ALL.into_iter().find(|scope| scope.as_str() == word);
                    Self::default().with(scope.ok_or_else(|| UnknownScope(word.to_owned()))?).0
                }
            };
        }
        Ok(set)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, scope) in self.iter().enumerate() {
            write!(f, "{}{}", if at > 0 { " " } else { "" }, scope.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScopeSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words_and_the_seeds_short_forms() {
        let set: ScopeSet = "dossier:read debts:read".parse().unwrap();
        assert_eq!(set.to_string(), "debts:read dossier:read");
        assert!(set.contains(Scope::DebtsRead) && !set.contains(Scope::DebtsWrite));
        let read: ScopeSet = "read".parse().unwrap();
        assert_eq!(
            read.to_string(),
            "debts:read score:read events:read dossier:read",
            "audit:read has to be named"
        );
        assert_eq!("sudo".parse::<ScopeSet>(), Err(UnknownScope("sudo".into())));
        assert!("".parse::<ScopeSet>().unwrap().is_empty());
    }
}
