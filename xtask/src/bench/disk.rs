//! The disk's own sync time: a durable answer cannot be faster, and machines differ by a factor of 40.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::stopwatch;

/// Enough for a p99 that three slow ones decide.
const APPENDS: usize = 300;
const BLOCK: [u8; 4096] = [7; 4096];

/// How long an append takes until it is on the disk.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct SyncTimes {
    pub(super) median_us: u64,
    pub(super) p99_us: u64,
}

/// Measured where the data lies, on a file that is removed again.
pub(super) fn sync_times(folder: &Path) -> Result<SyncTimes> {
    let path = folder.join("sync-time.tmp");
    let times = append(&path).context("measuring the disk's sync time");
    let _ = fs::remove_file(&path);
    let mut times = times?;
    times.sort();
    let at = |percent: usize| micros(times[(times.len() - 1) * percent / 100]);
    Ok(SyncTimes { median_us: at(50), p99_us: at(99) })
}

fn append(path: &Path) -> Result<Vec<Duration>> {
    let mut file = File::create(path)?;
    let mut times = Vec::with_capacity(APPENDS);
    for _ in 0..APPENDS {
        let started = stopwatch::start();
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    Ok(times)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_measured_and_left_as_it_was() {
        let folder = crate::tree::root().join("target/sync-time-test");
        fs::create_dir_all(&folder).unwrap();
        let times = sync_times(&folder).unwrap();
        assert!(0 < times.median_us && times.median_us <= times.p99_us);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::remove_dir(&folder).unwrap();
    }
}
