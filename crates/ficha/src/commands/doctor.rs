//! `ficha doctor`: what is wrong with an installation, and what to do.

mod shared;

use super::Ready;
use crate::{
    config::Config,
    folder::{Folder, free_bytes},
    local,
    roles::Role,
    wiring::App,
};
use anyhow::Result;
use ficha_domain::World;
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    Good(String),
    /// What an operator may have meant so, and what to do if not.
    Doubtful(String, String),
    /// What is wrong, and what to do.
    Wrong(String, String),
}

impl Finding {
    fn good(what: impl Into<String>) -> Self {
        Self::Good(what.into())
    }

    fn doubtful(what: impl Into<String>, fix: &str) -> Self {
        Self::Doubtful(what.into(), fix.into())
    }

    fn wrong(what: impl Into<String>, fix: &str) -> Self {
        Self::Wrong(what.into(), fix.into())
    }

    /// Where it is so: neither a user nor a password.
    fn at(self, place: &str) -> Self {
        self.told(|what| format!("{place}: {what}"))
    }

    /// Of what it is so.
    fn of(self, stores: &str) -> Self {
        self.told(|what| format!("{stores} at {what}"))
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Good(..) => "ok",
            Self::Doubtful(..) => "note",
            Self::Wrong(..) => "WRONG",
        }
    }

    fn told(self, tell: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Good(what) => Self::Good(tell(what)),
            Self::Doubtful(what, fix) => Self::Doubtful(tell(what), fix),
            Self::Wrong(what, fix) => Self::Wrong(tell(what), fix),
        }
    }
}

/// Each process says every few seconds that all is moved, of what was asked a request's time limit before.
const HELD_BACK_S: i64 = 600;

/// Looks at everything; `false` when something is wrong.
pub async fn run(config: &Config, world: &World) -> Result<bool> {
    let mut findings = vec![folder(&config.dir)];
    if config.dir.exists() {
        let folder = Folder::open(&config.dir)?;
        findings.push(whole(config, &folder));
        findings.push(keys(config, &folder, world));
        findings.push(disk(config, &folder.path));
        findings.extend(stores(config, &folder.path));
        findings.extend(shared::look(config, folder.keys(config, world).ok().as_ref(), world).await);
        findings.extend(elsewhere(config));
        findings.push(serving(config, &folder, world).await);
    }
    let wrong = findings.iter().filter(|finding| matches!(finding, Finding::Wrong(..))).count();
    for finding in findings {
        print!("{:<6} ", finding.word());
        match finding {
            Finding::Good(what) => println!("{what}"),
            Finding::Doubtful(what, fix) | Finding::Wrong(what, fix) => println!("{what}\n       → {fix}"),
        }
    }
    println!("{}", if wrong == 0 { "Nothing is wrong.".to_owned() } else { format!("{wrong} to mend.") });
    Ok(wrong == 0)
}

fn folder(dir: &Path) -> Finding {
    let Ok(metadata) = fs::metadata(dir) else {
        let what = format!("there is no data folder {}", dir.display());
        return Finding::Wrong(
            what,
            "`ficha serve` or `ficha demo` makes it; or name another with --dir".into(),
        );
    };
    if metadata.permissions().mode() & 0o077 != 0 {
        let what = format!("others on this machine can look into {}", dir.display());
        return Finding::Wrong(what, format!("run `chmod 700 {}`", dir.display()));
    }
    Finding::Good(format!("the data folder {} is its owner's only", dir.display()))
}

fn whole(config: &Config, folder: &Folder) -> Finding {
    match folder.check_whole(config) {
        Ok(()) => Finding::Good("no store is missing".into()),
        Err(error) => Finding::Wrong(format!("{error:#}"), "it is never made anew beside the others".into()),
    }
}

fn keys(config: &Config, folder: &Folder, world: &World) -> Finding {
    match folder.keys(config, world) {
        Ok(_) => Finding::Good(format!("the key file {} can be used", config.key_file().display())),
        Err(error) => {
            Finding::Wrong(format!("{error:#}"), "put the right key file in place (keys.file)".into())
        }
    }
}

/// The spool's bound has to fit on the disk, or answers end sooner than it says.
fn disk(config: &Config, dir: &Path) -> Finding {
    match free_bytes(dir) {
        Ok(free) if free < config.spool.max_bytes => {
            let what = format!("{} MB are free, less than the spool may take (spool.max_bytes)", free >> 20);
            Finding::Wrong(what, "make room, or lower spool.max_bytes".into())
        }
        Ok(free) => Finding::Good(format!("{} MB are free", free >> 20)),
        Err(error) => Finding::Wrong(format!("{error:#}"), "look at the disk by hand".into()),
    }
}

fn stores(config: &Config, dir: &Path) -> Vec<Finding> {
    let files = config.files().map(|name| format!("{name}.sqlite"));
    files.filter(|file| dir.join(file).exists()).map(|file| store(dir, &file)).collect()
}

/// What one of several processes cannot know.
fn elsewhere(config: &Config) -> Option<Finding> {
    let blind = config.roles.has(Role::Events) && config.sees_only_itself();
    let what = "base C shows the consultations of its own process only, and calls no list of them complete";
    let fix = "let all processes keep them in one store (evidence.url), if they are to be seen together";
    blind.then(|| Finding::Wrong(what.into(), fix.into()))
}

fn store(dir: &Path, file: &str) -> Finding {
    match ficha_sqlite::quick_check(&dir.join(file)) {
        Ok(()) => Finding::Good(format!("{file} is whole")),
        Err(error) => Finding::Wrong(
            format!("{file}: {error}"),
            match error.is_damage() {
                true => "stop the server and put the file back from your backup",
                false => "the file may be whole: see that the disk has room and that you may write here",
            }
            .into(),
        ),
    }
}

async fn serving(config: &Config, folder: &Folder, world: &World) -> Finding {
    match folder.lock() {
        Err(error) => {
            Finding::Wrong(format!("{error:#}"), "look at the permissions of the data folder".into())
        }
        // Nobody serves it: so it can be opened here, keys and all.
        Ok(Some(_lock)) => match App::open(config, folder, world).await {
            Ok(app) => match app.close().await {
                Ok(()) => Finding::Good("nobody serves this folder now; it opens with these keys".into()),
                Err(error) => Finding::Wrong(
                    format!("the spool is not moved: {error}"),
                    "see evidence.sqlite above".into(),
                ),
            },
            Err(error) => Finding::Wrong(format!("the folder does not open: {error:#}"), "see above".into()),
        },
        Ok(None) => match super::ready(config, folder).await {
            Ok(Ready { url, said }) => spool(config, &url, &said).await,
            Err(error) => {
                Finding::Wrong(format!("{error:#}"), "see its log; restart it if it does not answer".into())
            }
        },
    }
}

/// What the server that is ready says of its record.
async fn spool(config: &Config, url: &str, said: &str) -> Finding {
    let figures = match local::get(config, &format!("{url}/metrics"), &[]).await {
        Ok((_, text)) => String::from_utf8_lossy(&text).into_owned(),
        Err(_) => String::new(),
    };
    let figure = |name: &str| {
        let line = figures.lines().find_map(|line| line.strip_prefix(&format!("ficha_{name} ")));
        line.and_then(|value| value.parse::<i64>().ok()).unwrap_or_default()
    };
    if figure("spool_alarms") > 0 {
        let what = format!("the server at {url} raised {} alarms about its record", figure("spool_alarms"));
        return Finding::Wrong(
            what,
            "its log names each record or segment; nothing of them is removed".into(),
        );
    }
    if figure("spool_backlog_bytes") * 2 > figure("spool_max_bytes") {
        let what =
            format!("the record of the server at {url} waits: more than half of spool.max_bytes is used");
        return Finding::Wrong(
            what,
            "see why the store of consultations does not take it; at the bound answers end".into(),
        );
    }
    let oldest = figure("evidence_oldest_spool_seconds");
    if oldest > HELD_BACK_S {
        let what =
            format!("for {oldest} s a process has not moved all that it recorded: no list is complete since");
        let fix = "see which one is down or reports a backlog; `ficha spool ship` moves what a dead one left";
        return Finding::wrong(what, fix);
    }
    let said = if said.is_empty() { String::new() } else { format!("; {said}") };
    Finding::Good(format!("the server at {url} is ready, its record flows{said}"))
}
