//! What is wrong with the servers on which shared stores are.

use super::Finding;
use crate::{config::Config, engine::Engine, stores};
use ficha_domain::World;
use ficha_mongo::Server as Mongo;
use ficha_postgres::Server as Postgres;
use ficha_seal::Keyring;

/// What was tried; the first is the oldest that works.
const POSTGRES: std::ops::RangeInclusive<i32> = 15..=18;
/// A clock may differ by so much, in ms, before it is worth a word, and before something may be wrong with the record.
const CLOCK_NOTED: u64 = 1_000;
const CLOCK_WRONG: u64 = 5_000;

/// Each thing once, with the stores of which it is true.
pub async fn look(config: &Config, keyring: Option<&Keyring>, world: &World) -> Vec<Finding> {
    let mut found: Vec<(Finding, Vec<&str>)> = Vec::new();
    for store in config.shared() {
        for finding in of_store(config, store, keyring, world).await {
            match found.iter_mut().find(|(known, _)| *known == finding) {
                Some((_, stores)) => stores.push(store),
                None => found.push((finding, vec![store])),
            }
        }
    }
    found.into_iter().map(|(finding, stores)| finding.of(&stores.join(", "))).collect()
}

async fn of_store(
    config: &Config,
    store: &'static str,
    keyring: Option<&Keyring>,
    world: &World,
) -> Vec<Finding> {
    let clock = || world.now().as_millisecond();
    let (at, looked) = match config.engine(store) {
        Ok(Engine::Postgres(at)) => {
            let looked = Postgres::ask(&at, clock).await.map(|server| postgres(&server));
            (format!("{at:?}"), looked.map_err(|error| error.to_string()))
        }
        Ok(Engine::Mongo(at)) => {
            let looked = Mongo::ask(&at, clock).await.map(|server| mongo(&server));
            (format!("{at:?}"), looked.map_err(|error| error.to_string()))
        }
        _ => return Vec::new(),
    };
    let mut findings = match looked {
        Ok(findings) => findings,
        Err(error) => {
            return vec![Finding::wrong(error, "see that it runs and is reached from here").at(&at)];
        }
    };
    if let Some(keyring) = keyring {
        findings.push(match stores::look_into(config, store, keyring, world).await {
            Ok(()) => Finding::good("made by this version, and with these keys"),
            Err(error) => Finding::wrong(format!("{error:#}"), "what it says; keys.file names the key file"),
        });
    }
    findings.into_iter().map(|finding| finding.at(&at)).collect()
}

fn postgres(server: &Postgres) -> Vec<Finding> {
    let (major, minor) = (server.version / 10_000, server.version % 10_000);
    let mut found = Vec::new();
    if major < *POSTGRES.start() {
        found.push(Finding::wrong(format!("PostgreSQL {major}.{minor} is too old"), "take 15 to 18"));
    }
    if major > *POSTGRES.end() {
        found.push(Finding::doubtful(format!("PostgreSQL {major}.{minor} was not tried"), "15 to 18 were"));
    }
    if !server.takes_writes {
        found.push(Finding::wrong(
            "it takes no writes: a standby, or default_transaction_read_only is on",
            "name the primary, or all servers as host1,host2",
        ));
    }
    for (is_on, setting) in [(server.fsync, "fsync"), (server.full_page_writes, "full_page_writes")] {
        if !is_on {
            let what = format!("{setting} is off: a crash of the machine may destroy what was acknowledged");
            found.push(Finding::wrong(what, "turn it on"));
        }
    }
    if server.synchronous_commit == "off" {
        let what = "synchronous_commit is off for this user: a crash may lose what was acknowledged";
        found.push(Finding::wrong(what, "turn it on, for the server, the database and the user"));
    }
    if server.standbys > 0 && server.synchronous_standby_names.is_empty() {
        let what = format!(
            "standbys: {}, and no commit waits for one: a failover may lose what was acknowledged",
            server.standbys
        );
        found.push(Finding::doubtful(what, "set synchronous_standby_names, if it may not"));
    }
    found.extend(clock(server.ahead_ms));
    if found.is_empty() {
        found.push(Finding::good(format!("PostgreSQL {major}.{minor} takes writes and syncs them")));
    }
    found
}

fn mongo(server: &Mongo) -> Vec<Finding> {
    let mut found = Vec::new();
    if !server.takes_writes {
        found.push(Finding::wrong("no member takes writes", "see rs.status()"));
    }
    if server.is_persistent == Some(false) {
        let what = "the storage engine keeps nothing on a disk: what was acknowledged goes with the servers";
        found.push(Finding::wrong(what, "take wiredTiger"));
    }
    if server.journals_majority == Some(false) {
        let what =
            "writeConcernMajorityJournalDefault is false: what a majority has may be gone after a crash";
        found.push(Finding::wrong(what, "set it to true (rs.reconfig)"));
    }
    if server.is_persistent.is_none() || server.journals_majority.is_none() {
        let what = "whether it keeps what it acknowledges may not be asked by this user, or not of a router";
        found.push(Finding::doubtful(what, "grant clusterMonitor, or look by hand"));
    }
    found.extend(clock(server.ahead_ms));
    if found.is_empty() {
        let (version, members) = (&server.version, server.members);
        let what = format!("MongoDB {version} takes writes and journals them; members with data: {members}");
        found.push(Finding::good(what));
    }
    found
}

fn clock(ahead_ms: i64) -> Option<Finding> {
    let direction = if ahead_ms > 0 { "ahead" } else { "behind" };
    let (off, what) = (ahead_ms.unsigned_abs(), format!("its clock is {} ms {direction}", ahead_ms.abs()));
    let fix = "have all machines keep time (NTP)";
    if off > CLOCK_WRONG {
        return Some(Finding::wrong(format!("{what}; ficha's machines may differ by five seconds"), fix));
    }
    (off > CLOCK_NOTED).then(|| Finding::doubtful(what, fix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> Postgres {
        Postgres {
            version: 150_018,
            takes_writes: true,
            fsync: true,
            full_page_writes: true,
            synchronous_commit: "on".into(),
            standbys: 0,
            synchronous_standby_names: String::new(),
            ahead_ms: 0,
        }
    }

    #[test]
    fn each_version_has_its_word() {
        for (version, expected) in [(140_009, "WRONG"), (150_000, "ok"), (180_001, "ok"), (190_000, "note")] {
            let found = postgres(&Postgres { version, ..well() });
            assert_eq!(found.iter().map(Finding::word).collect::<Vec<_>>(), [expected], "{version}");
        }
    }

    #[test]
    fn a_clock_is_noted_above_a_second_and_wrong_above_five() {
        for (ahead_ms, expected) in [
            (0, None),
            (1_000, None),
            (-1_000, None),
            (1_001, Some("note")),
            (-5_000, Some("note")),
            (5_001, Some("WRONG")),
            (-60_000, Some("WRONG")),
        ] {
            assert_eq!(clock(ahead_ms).as_ref().map(Finding::word), expected, "{ahead_ms}");
        }
    }

    #[test]
    fn what_may_not_be_asked_is_not_called_well() {
        let well = Mongo {
            version: "6.0.5".into(),
            takes_writes: true,
            members: 3,
            is_persistent: Some(true),
            journals_majority: Some(true),
            ahead_ms: 0,
        };
        let words = |server: Mongo| mongo(&server).iter().map(Finding::word).collect::<Vec<_>>();
        assert_eq!(words(well.clone()), ["ok"]);
        assert_eq!(words(Mongo { is_persistent: None, journals_majority: None, ..well.clone() }), ["note"]);
        assert_eq!(words(Mongo { is_persistent: Some(false), ..well.clone() }), ["WRONG"]);
        assert_eq!(words(Mongo { takes_writes: false, ..well }), ["WRONG"]);
    }
}
