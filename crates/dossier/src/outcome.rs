//! What becomes of a section, and of a dossier: the whole policy, as two closed tables. The tests are these tables.
//!
//! # A section
//! | the caller may read the base | the base gave | `as_of` is older than `max_age` allows | `status` | `source` | `reason` | `as_of` | `data` |
//! |---|---|---|---|---|---|---|---|
//! | no: the base is not asked | – | – | `denied` | `own` | – | null | null |
//! | yes | the person | no, or no `max_age` | `fresh` | the base's | – | the base's | the base's |
//! | yes | the person | yes | `stale` | the base's | – | the base's | the base's |
//! | yes | nobody | no, or no `max_age` | `not_found` | the base's | – | the base's | null |
//! | yes | nobody | yes | `stale` | the base's | – | the base's | null |
//! | yes | no answer inside the budget | – | `unavailable` | `own` | `timeout` | null | null |
//! | yes | its store or itself out of reach | – | `unavailable` | `own` | `unreachable` | null | null |
//! | yes | what cannot be an answer about the person | – | `unavailable` | `own` | `nonsense` | null | null |
//! | yes | a panic | – | `unavailable` | `own` | `failed` | null | null |
//!
//! "Nobody", read from a copy that is older than the caller allows, is no knowledge of today: `stale`, without data.
//! A base that was not read does not tell what it is, so `source` stays `own` there.
//!
//! # A dossier
//! A section **holds** when it is `fresh` or `not_found`: what is known is known within `max_age`.
//!
//! | sections | those required | answer |
//! |---|---|---|
//! | any | one does not hold | 503 `required_section_unavailable`, the states, no personal data |
//! | all three `not_found` | hold | 404 `not_found` |
//! | all hold, somebody is known | hold | the dossier, `complete` |
//! | one does not hold | hold | the dossier, not `complete` |
//!
//! Only three bases that were asked know that nobody is there: beside a `denied` or `unavailable` section, `not_found`
//! makes an ordinary partial dossier. `require` asks for data, or its certain absence, within `max_age`; so `stale`
//! does not satisfy it.

use crate::wanted::Required;
use ficha_contract::{BaseName, SectionStatus, Seen, Source, UnavailableReason};

/// What became of the three sections, in the order of [`BaseName::ALL`].
pub(crate) type States = [SectionStatus; 3];

/// What a base gave that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gave {
    Person(Source),
    Nobody(Source),
    Nothing(UnavailableReason),
}

/// What the caller is told of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) status: SectionStatus,
    pub(crate) source: Source,
    pub(crate) reason: Option<UnavailableReason>,
    /// Whether the base's body is handed on.
    pub(crate) data: bool,
}

/// The first table; `gave` is `None` where the caller may not read the base.
pub(crate) fn of_section(gave: Option<Gave>, older: bool) -> Outcome {
    use SectionStatus::{Denied, Fresh, NotFound, Stale, Unavailable};
    let row = |status, source, reason, data| Outcome { status, source, reason, data };
    match (gave, older) {
        (None, _) => row(Denied, Source::Own, None, false),
        (Some(Gave::Person(source)), false) => row(Fresh, source, None, true),
        (Some(Gave::Person(source)), true) => row(Stale, source, None, true),
        (Some(Gave::Nobody(source)), false) => row(NotFound, source, None, false),
        (Some(Gave::Nobody(source)), true) => row(Stale, source, None, false),
        (Some(Gave::Nothing(reason)), _) => row(Unavailable, Source::Own, Some(reason), false),
    }
}

/// What the caller is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    /// 503.
    RequiredMissing,
    /// 404.
    Nobody,
    /// The dossier.
    Dossier { complete: bool },
}

/// The second table.
pub(crate) fn of_dossier(states: States, required: Required) -> Whole {
    if missing(states, required).next().is_some() {
        Whole::RequiredMissing
    } else if states == [SectionStatus::NotFound; 3] {
        Whole::Nobody
    } else {
        Whole::Dossier { complete: is_complete(states) }
    }
}

/// The required sections that do not hold.
pub(crate) fn missing(states: States, required: Required) -> impl Iterator<Item = BaseName> {
    let sections = BaseName::ALL.into_iter().zip(states);
    sections.filter(move |(name, state)| required.contains(*name) && !holds(*state)).map(|(name, _)| name)
}

pub(crate) fn is_complete(states: States) -> bool {
    states.into_iter().all(holds)
}

fn holds(state: SectionStatus) -> bool {
    matches!(state, SectionStatus::Fresh | SectionStatus::NotFound)
}

/// The states as the record keeps them.
pub(crate) fn seen(states: States) -> Seen {
    let [debts, score, events] = states.map(Some);
    Seen { debts, score, events }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SectionStatus::{Denied, Fresh, NotFound, Stale, Unavailable};
    use Source::{Cache, Direct, Own, Replica};
    use UnavailableReason::{Failed, Nonsense, Timeout, Unreachable};
    use std::collections::HashSet;

    type Row = (Option<Gave>, bool, SectionStatus, Source, Option<UnavailableReason>, bool);

    const PERSON: fn(Source) -> Option<Gave> = |source| Some(Gave::Person(source));
    const NOBODY: fn(Source) -> Option<Gave> = |source| Some(Gave::Nobody(source));
    const NOTHING: fn(UnavailableReason) -> Option<Gave> = |reason| Some(Gave::Nothing(reason));

    /// The table of sections: what was given, older than allowed → status, source, reason, data.
    #[rustfmt::skip]
    fn sections() -> [Row; 26] {
        [
            (None,                 false, Denied,      Own,     None,              false),
            (None,                 true,  Denied,      Own,     None,              false),
            (PERSON(Own),          false, Fresh,       Own,     None,              true),
            (PERSON(Own),          true,  Stale,       Own,     None,              true),
            (PERSON(Direct),       false, Fresh,       Direct,  None,              true),
            (PERSON(Direct),       true,  Stale,       Direct,  None,              true),
            (PERSON(Replica),      false, Fresh,       Replica, None,              true),
            (PERSON(Replica),      true,  Stale,       Replica, None,              true),
            (PERSON(Cache),        false, Fresh,       Cache,   None,              true),
            (PERSON(Cache),        true,  Stale,       Cache,   None,              true),
            (NOBODY(Own),          false, NotFound,    Own,     None,              false),
            (NOBODY(Own),          true,  Stale,       Own,     None,              false),
            (NOBODY(Direct),       false, NotFound,    Direct,  None,              false),
            (NOBODY(Direct),       true,  Stale,       Direct,  None,              false),
            (NOBODY(Replica),      false, NotFound,    Replica, None,              false),
            (NOBODY(Replica),      true,  Stale,       Replica, None,              false),
            (NOBODY(Cache),        false, NotFound,    Cache,   None,              false),
            (NOBODY(Cache),        true,  Stale,       Cache,   None,              false),
            (NOTHING(Timeout),     false, Unavailable, Own,     Some(Timeout),     false),
            (NOTHING(Timeout),     true,  Unavailable, Own,     Some(Timeout),     false),
            (NOTHING(Unreachable), false, Unavailable, Own,     Some(Unreachable), false),
            (NOTHING(Unreachable), true,  Unavailable, Own,     Some(Unreachable), false),
            (NOTHING(Nonsense),    false, Unavailable, Own,     Some(Nonsense),    false),
            (NOTHING(Nonsense),    true,  Unavailable, Own,     Some(Nonsense),    false),
            (NOTHING(Failed),      false, Unavailable, Own,     Some(Failed),      false),
            (NOTHING(Failed),      true,  Unavailable, Own,     Some(Failed),      false),
        ]
    }

    #[test]
    fn the_table_of_sections() {
        for (gave, older, status, source, reason, data) in sections() {
            let expected = Outcome { status, source, reason, data };
            assert_eq!(of_section(gave, older), expected, "{gave:?}, older: {older}");
        }
    }

    #[test]
    fn the_table_of_sections_has_every_combination() {
        let sources = [Own, Direct, Replica, Cache];
        let gaves: Vec<Option<Gave>> = [None]
            .into_iter()
            .chain(sources.map(PERSON))
            .chain(sources.map(NOBODY))
            .chain([Timeout, Unreachable, Nonsense, Failed].map(NOTHING))
            .collect();
        let every = gaves.iter().flat_map(|gave| [(*gave, false), (*gave, true)]);
        for key in every.clone() {
            let rows = sections().iter().filter(|row| (row.0, row.1) == key).count();
            assert_eq!(rows, 1, "{key:?} has one row");
        }
        assert_eq!(every.count(), sections().len());
    }

    const STATES: [SectionStatus; 5] = [Fresh, Stale, NotFound, Denied, Unavailable];
    const COMPLETE: Whole = Whole::Dossier { complete: true };
    const PARTIAL: Whole = Whole::Dossier { complete: false };

    /// The table of dossiers: how many sections are fresh, not_found, neither; a required one is neither → answer.
    #[rustfmt::skip]
    const DOSSIERS: [(usize, usize, usize, bool, Whole); 16] = [
        (3, 0, 0, false, COMPLETE),
        (2, 1, 0, false, COMPLETE),
        (1, 2, 0, false, COMPLETE),
        (0, 3, 0, false, Whole::Nobody),
        (2, 0, 1, false, PARTIAL),
        (1, 1, 1, false, PARTIAL),
        (0, 2, 1, false, PARTIAL),
        (1, 0, 2, false, PARTIAL),
        (0, 1, 2, false, PARTIAL),
        (0, 0, 3, false, PARTIAL),
        (2, 0, 1, true,  Whole::RequiredMissing),
        (1, 1, 1, true,  Whole::RequiredMissing),
        (0, 2, 1, true,  Whole::RequiredMissing),
        (1, 0, 2, true,  Whole::RequiredMissing),
        (0, 1, 2, true,  Whole::RequiredMissing),
        (0, 0, 3, true,  Whole::RequiredMissing),
    ];

    /// All 125 triples of states with all 8 sets of required sections.
    fn every_dossier() -> impl Iterator<Item = (States, [bool; 3])> {
        (0..125 * 8).map(|number| {
            let state = |weight: usize| STATES[number / weight % 5];
            let bit = |at: usize| (number / 125) >> at & 1 == 1;
            ([state(1), state(5), state(25)], [bit(0), bit(1), bit(2)])
        })
    }

    #[test]
    fn the_table_of_dossiers_in_every_combination() {
        let mut used = HashSet::new();
        for (states, required) in every_dossier() {
            let count = |wanted| states.iter().filter(|state| **state == wanted).count();
            let (fresh, not_found) = (count(Fresh), count(NotFound));
            let lacks = (0..3).any(|at| required[at] && matches!(states[at], Stale | Denied | Unavailable));
            let key = (fresh, not_found, 3 - fresh - not_found, lacks);
            let rows: Vec<_> = DOSSIERS.iter().filter(|row| (row.0, row.1, row.2, row.3) == key).collect();
            assert_eq!(rows.len(), 1, "{states:?} {required:?} has one row");
            let names = BaseName::ALL.into_iter().filter(|name| required[*name as usize]);
            assert_eq!(of_dossier(states, names.collect()), rows[0].4, "{states:?} {required:?}");
            used.insert(key);
        }
        assert_eq!(used.len(), DOSSIERS.len(), "no row is idle");
    }

    #[test]
    fn what_is_missing_is_named() {
        let required = [BaseName::Debts, BaseName::Events].into_iter().collect();
        let named: Vec<_> = missing([Stale, Unavailable, Denied], required).collect();
        assert_eq!(named, [BaseName::Debts, BaseName::Events]);
    }
}
