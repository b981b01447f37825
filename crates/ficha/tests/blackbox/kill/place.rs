//! What is killed: one process with its files, or a process for each role with the servers that they share.

use super::{check::Tally, model::Chance};
use crate::server::{Line, ROLES, Server, folder};
use ficha_engines::{Durability, Running, mongo, postgres};
use ficha_mongo::mongodb::{Client, bson::doc};
use std::{path::Path, time::Duration};
use tokio::time::{Instant, sleep};

const SCOPE: &str = "read write";
const BASES: [&str; 2] = ["score", "events"];
/// Nobody writes about this one.
const NOBODY: u64 = 2_000_000;
/// What is asked about him, and how it is answered when everything is there.
const READY: [(&str, u16); 6] = [
    ("/divida/", 404),
    ("/score/", 404),
    ("/evento/", 404),
    ("/dossie/", 404),
    ("/dossies?cpf=", 200),
    ("/consulted-cpf/", 200),
];
/// Everything is found again within this time.
pub const BACK: Duration = Duration::from_secs(20);
pub const PAUSE: Duration = Duration::from_millis(50);

/// An installation that lives through all rounds of a run.
pub struct Place {
    pub server: Server,
    engines: Option<Engines>,
    client: (String, String),
}

/// Servers that sync, as in production.
struct Engines {
    postgres: Running,
    mongo: Running,
}

/// What is killed at once.
#[derive(Clone, Copy, Debug)]
pub enum Victim {
    Everything,
    Process(&'static str),
    Postgres,
    Mongo,
}

impl Place {
    pub fn one_process() -> Self {
        Self::of(Server::start_in(folder(), &[]), None)
    }

    pub fn processes() -> Self {
        let postgres = postgres::obtain().unwrap().start(Durability::Synced).unwrap();
        let mongo = mongo::obtain().unwrap().start(Durability::Synced).unwrap();
        let of_role = |role: &str| match BASES.contains(&role) {
            true => format!("{}ficha", mongo.url()),
            false => postgres.url().to_owned(),
        };
        let stores = ["debts", "score", "events", "dossier", "identity", "evidence"];
        let settings = stores.map(|store| (format!("FICHA_{}__URL", store.to_uppercase()), of_role(store)));
        let settings = settings.each_ref().map(|(key, url)| (key.as_str(), url.as_str()));
        Self::of(Server::split(&settings), Some(Engines { postgres, mongo }))
    }

    fn of(mut server: Server, engines: Option<Engines>) -> Self {
        let client = server.client(SCOPE, &["--purpose", "credit_granting", "--rate", "none"]);
        server.stop_all();
        Self { server, engines, client }
    }

    /// Who dies in a round, one after the other: in two rounds each kind once.
    pub fn victims(&self, round: u64, chance: &mut Chance) -> Vec<Victim> {
        if self.engines.is_none() {
            return vec![Victim::Everything];
        }
        let process = Victim::Process(ROLES[chance.below(ROLES.len() as u64) as usize]);
        match round % 2 {
            0 => vec![process, Victim::Postgres],
            _ => vec![Victim::Mongo, Victim::Everything],
        }
    }

    /// Whether an import loses its base with it.
    pub fn loses_stores(&self, victim: Victim) -> bool {
        self.engines.is_some() && !matches!(victim, Victim::Process(_))
    }

    pub fn kill(&mut self, victim: Victim) {
        if let Victim::Process(role) = victim {
            self.server.kill_role(role);
        }
        if let Victim::Everything = victim {
            self.server.kill_all();
        }
        if let Some(Engines { postgres, mongo }) = &mut self.engines {
            if let Victim::Everything | Victim::Postgres = victim {
                postgres.kill().unwrap();
            }
            if let Victim::Everything | Victim::Mongo = victim {
                mongo.kill().unwrap();
            }
        }
    }

    pub fn start(&mut self, victim: Victim) {
        if let Some(Engines { postgres, mongo }) = &mut self.engines {
            if let Victim::Everything | Victim::Postgres = victim {
                postgres.restart().unwrap();
            }
            if let Victim::Everything | Victim::Mongo = victim {
                mongo.restart().unwrap();
            }
        }
        match victim {
            Victim::Everything => self.server.start_all(),
            Victim::Process(role) => self.server.start_role(role),
            Victim::Postgres | Victim::Mongo => {}
        }
    }

    /// A way to all roles, once they answer; who waits for that asks about somebody, which is recorded.
    pub async fn line(&self, tally: &mut Tally) -> Line {
        if let Some(engines) = &self.engines {
            engines.forget_the_dead_soon().await;
        }
        let end = Instant::now() + BACK;
        let line = Line::new(&self.server, self.token(end).await);
        let nobody = ficha_population::Population::new(1, jiff::civil::date(2026, 11, 22)).cpf(NOBODY);
        for (path, expected) in READY {
            let path = format!("{path}{nobody}");
            loop {
                let answer = line.get(&path).await.unwrap();
                tally.asked(usize::from(answer.status != 503));
                if answer.status == expected {
                    break;
                }
                assert!(Instant::now() < end, "{path} is not back: {} {}", answer.status, answer.text);
                sleep(PAUSE).await;
            }
        }
        line
    }

    async fn token(&self, end: Instant) -> String {
        loop {
            match self.server.try_token_of(&self.client.0, &self.client.1).await {
                Ok(token) => return token,
                Err(answer) => assert!(answer.status == 503 && Instant::now() < end, "{}", answer.text),
            }
            sleep(PAUSE).await;
        }
    }

    /// The record of consultations: how many there are, and in how many places of a spool.
    pub async fn records(&self) -> (usize, usize) {
        let [all, places] = match &self.engines {
            None => in_file(&self.server.dir.path().join("evidence.sqlite")),
            Some(engines) => on_server(engines.postgres.url()).await,
        };
        (usize::try_from(all).unwrap(), usize::try_from(places).unwrap())
    }
}

impl Engines {
    /// A process that is killed in a transaction leaves that to MongoDB, which keeps others from its documents for as
    /// long as this parameter says: a minute, where nobody says otherwise.
    async fn forget_the_dead_soon(&self) {
        let client = Client::with_uri_str(self.mongo.url()).await.unwrap();
        let set = doc! { "setParameter": 1, "transactionLifetimeLimitSeconds": 2 };
        client.database("admin").run_command(set).await.unwrap();
    }
}

const RECORDS: [&str; 2] = [
    "SELECT count(*) FROM consultation",
    "SELECT count(*) FROM (SELECT DISTINCT spool, sequence FROM consultation) AS place",
];

fn in_file(file: &Path) -> [i64; 2] {
    let read_only = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(file, read_only).unwrap();
    RECORDS.map(|sql| database.query_row(sql, [], |row| row.get(0)).unwrap())
}

async fn on_server(url: &str) -> [i64; 2] {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("SET search_path = evidence").await.unwrap();
    let mut counted = [0; 2];
    for (count, sql) in counted.iter_mut().zip(RECORDS) {
        *count = client.query_one(sql, &[]).await.unwrap().get(0);
    }
    counted
}
