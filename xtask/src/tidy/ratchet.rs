//! Sizes that are tolerated because they are there already. They may shrink; a change that lets one grow, or leaves
//! the file behind the code, fails.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Finding;

pub(super) const PATH: &str = "xtask/tidy-ratchet.toml";

/// The committed exceptions, by rule: file or function → its size.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Ratchet {
    pub(super) files: Tolerated,
    pub(super) functions: Tolerated,
    pub(super) handlers: Tolerated,
    pub(super) panics: Tolerated,
    #[serde(skip)]
    text: String,
}

type Tolerated = BTreeMap<String, usize>;

/// A rule about sizes.
pub(super) struct Limit<'rule> {
    pub(super) rule: &'static str,
    pub(super) most: usize,
    /// What is counted: "lines".
    pub(super) unit: &'static str,
    pub(super) fix: &'static str,
    pub(super) tolerated: &'rule Tolerated,
}

/// One measured thing: a file or a function of it.
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) size: usize,
}

impl Ratchet {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let parsed: Self = toml::from_str(text).with_context(|| format!("{PATH} is not understood"))?;
        Ok(Self { text: text.to_owned(), ..parsed })
    }

    /// What is too big, and what the exceptions say that is no longer so.
    pub(super) fn compare(&self, limit: &Limit, measured: &[Measured]) -> Vec<Finding> {
        let biggest = biggest(measured);
        let grown = biggest.values().filter_map(|thing| too_big(limit, thing));
        let stale = limit.tolerated.iter().filter_map(|(name, size)| {
            let now = biggest.get(name.as_str()).map_or(0, |thing| thing.size);
            let fix =
                if now <= limit.most { "remove the entry".to_owned() } else { format!("lower it to {now}") };
            (now < *size || now <= limit.most).then(|| self.stale(limit, name, now, fix))
        });
        grown.chain(stale).collect()
    }

    fn stale(&self, limit: &Limit, name: &str, now: usize, fix: String) -> Finding {
        let line = self.text.lines().position(|line| line.contains(&format!("\"{name}\"")));
        Finding {
            file: PATH.to_owned(),
            line: line.map_or(1, |index| index + 1),
            rule: limit.rule,
            what: format!("the entry {name} is stale: it has {now} {} now", limit.unit),
            fix,
        }
    }
}

/// Functions of one name (two `From` of a type) stand for the longest of them.
fn biggest(measured: &[Measured]) -> BTreeMap<&str, &Measured> {
    let mut biggest: BTreeMap<&str, &Measured> = BTreeMap::new();
    for thing in measured {
        let known = biggest.entry(&thing.name).or_insert(thing);
        if thing.size > known.size {
            *known = thing;
        }
    }
    biggest
}

fn too_big(limit: &Limit, thing: &Measured) -> Option<Finding> {
    let most = limit.tolerated.get(&thing.name).copied().unwrap_or(limit.most).max(limit.most);
    let (file, function) = thing.name.split_once("::").unwrap_or((&thing.name, ""));
    let what = if function.is_empty() { String::new() } else { format!("{function}: ") };
    (thing.size > most).then(|| Finding {
        file: file.to_owned(),
        line: thing.line,
        rule: limit.rule,
        what: format!("{what}{} {}, at most {most}", thing.size, limit.unit),
        fix: limit.fix.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(size: usize, tolerated: &str) -> Vec<String> {
        let ratchet = Ratchet::parse(&format!("[files]\n{tolerated}")).unwrap();
        let limit =
            Limit { rule: "size", most: 10, unit: "lines", fix: "split it", tolerated: &ratchet.files };
        let measured = [Measured { name: "a.rs".to_owned(), line: 1, size }];
        ratchet.compare(&limit, &measured).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn within_the_limit_or_exactly_as_tolerated_is_well() {
        assert!(told(10, "").is_empty());
        assert!(told(15, "\"a.rs\" = 15").is_empty());
    }

    #[test]
    fn new_and_grown_sizes_are_caught() {
        assert_eq!(told(11, ""), ["a.rs:1: [size] 11 lines, at most 10; split it"]);
        assert_eq!(told(16, "\"a.rs\" = 15"), ["a.rs:1: [size] 16 lines, at most 15; split it"]);
    }

    #[test]
    fn an_entry_must_follow_what_shrinks() {
        let stale = "xtask/tidy-ratchet.toml:2: [size] the entry a.rs is stale: it has";
        assert_eq!(told(12, "\"a.rs\" = 15"), [format!("{stale} 12 lines now; lower it to 12")]);
        assert_eq!(told(9, "\"a.rs\" = 15"), [format!("{stale} 9 lines now; remove the entry")]);
    }

    #[test]
    fn an_entry_for_nothing_must_go() {
        let expected = "xtask/tidy-ratchet.toml:2: [size] the entry gone.rs is stale: it has 0 lines now";
        assert_eq!(told(1, "\"gone.rs\" = 15"), [format!("{expected}; remove the entry")]);
    }

    #[test]
    fn an_unknown_table_is_refused() {
        assert!(Ratchet::parse("[excuses]").is_err());
    }
}
