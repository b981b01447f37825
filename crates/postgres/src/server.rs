//! What a server is and how it is set, for who looks whether it can keep what ficha promises.

use crate::{
    Error, Settings,
    connect::{Connector, Use},
};
use std::time::Duration;
use tokio::time::timeout;

/// What a server says of itself to this user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Such as 150018 for 15.18.
    pub version: i32,
    /// Whether it is no standby, and no transaction is read-only unless it says otherwise.
    pub takes_writes: bool,
    /// Whether it syncs at all.
    pub fsync: bool,
    /// Whether a page that the machine wrote in half is mended.
    pub full_page_writes: bool,
    /// What a commit waits for.
    pub synchronous_commit: String,
    /// Servers that follow this one.
    pub standbys: i64,
    /// Those of them that a commit waits for.
    pub synchronous_standby_names: String,
    /// How far its clock is ahead of ours, at least, in ms; behind where it is negative.
    pub ahead_ms: i64,
}

const PATIENCE: Duration = Duration::from_secs(10);
const STATE: &str = "SELECT current_setting('server_version_num')::int,
    NOT pg_is_in_recovery() AND current_setting('default_transaction_read_only')::bool = false,
    current_setting('fsync')::bool, current_setting('full_page_writes')::bool,
    current_setting('synchronous_commit'),
    (SELECT count(*) FROM pg_stat_replication), current_setting('synchronous_standby_names')";
const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

impl Server {
    /// Asks it. Our clock tells ms since 1970.
    ///
    /// # Errors
    /// [`Error`]: it cannot be reached, or does not answer.
    pub async fn ask(settings: &Settings, clock: impl Fn() -> i64) -> Result<Self, Error> {
        timeout(PATIENCE, Self::answer(settings, clock)).await.map_err(|_| Error::Late)?
    }

    async fn answer(settings: &Settings, clock: impl Fn() -> i64) -> Result<Self, Error> {
        // One whose session says nothing of its own.
        let client = Connector::new(settings, Use::Migration).connect().await?;
        let state = client.query_one(STATE, &[]).await?;
        let ask_clock = client.prepare(CLOCK).await?;
        let before = clock();
        let theirs = client.query_one(&ask_clock, &[]).await?.try_get(0)?;
        Ok(Self {
            version: state.try_get(0)?,
            takes_writes: state.try_get(1)?,
            fsync: state.try_get(2)?,
            full_page_writes: state.try_get(3)?,
            synchronous_commit: state.try_get(4)?,
            standbys: state.try_get(5)?,
            synchronous_standby_names: state.try_get(6)?,
            ahead_ms: ahead(before, theirs, clock()),
        })
    }
}

/// Theirs was read at some moment between two of ours.
fn ahead(before: i64, theirs: i64, after: i64) -> i64 {
    (theirs - after).max(0) + (theirs - before).min(0)
}

#[cfg(test)]
mod tests {
    use super::ahead;

    #[test]
    fn a_clock_differs_by_what_the_way_there_does_not_explain() {
        for (theirs, expected) in [(90, -10), (100, 0), (150, 0), (200, 0), (230, 30)] {
            assert_eq!(ahead(100, theirs, 200), expected, "{theirs}");
        }
    }
}
