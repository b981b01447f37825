//! What the kernel says about a process and the machine.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

/// The unit of the times in /proc: Linux shows user space a hundredth of a second on every platform.
const TICK: Duration = Duration::from_millis(10);

/// Processor time that the process has used, its own and the kernel's for it.
pub(super) fn cpu_time(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))
        .context("a server is gone, or this is not Linux")?;
    cpu_time_in(&stat).context("/proc/…/stat is not understood")
}

/// Of several together.
pub(super) fn cpu_times(processes: &[u32]) -> Result<Duration> {
    processes.iter().map(|process| cpu_time(*process)).sum()
}

/// Fields 14 and 15, counted behind the program's name, which may hold spaces and brackets itself.
fn cpu_time_in(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = |index| fields.split_ascii_whitespace().nth(index)?.parse::<u32>().ok();
    Some(TICK * (ticks(11)? + ticks(12)?))
}

/// What a process holds in memory now.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Memory {
    /// Its own.
    pub(super) own_kib: u64,
    /// Pages of files that it maps, databases and its program: the kernel's, given back when others need them.
    pub(super) files_kib: u64,
}

pub(super) fn memory(process: u32) -> Result<Memory> {
    Ok(Memory { own_kib: status_kib(process, "RssAnon:")?, files_kib: status_kib(process, "RssFile:")? })
}

/// The most that it ever held, and how much of what it holds now is no page of a file.
pub(super) fn peak_kib(process: u32) -> Result<(u64, u64)> {
    Ok((status_kib(process, "VmHWM:")?, status_kib(process, "RssAnon:")?))
}

fn status_kib(process: u32, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("a process is gone")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    number.with_context(|| format!("/proc/…/status has no {name}"))
}

/// The processor's name and number, for the reader of a report.
pub(super) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!("{cores} × {}", name.map_or("processor of unknown name", |(_, name)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 100 1 2";
        assert_eq!(cpu_time_in(stat), Some(Duration::from_secs(3)));
        assert_eq!(cpu_time_in("nonsense"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory() {
        assert!(memory(std::process::id()).unwrap().own_kib > 0);
    }
}
