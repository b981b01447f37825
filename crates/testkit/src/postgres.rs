//! A PostgreSQL database for one test.

use ficha_engines::{Durability, Running, postgres};
use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};
use tokio_postgres::NoTls;

static MADE: AtomicU32 = AtomicU32::new(0);

/// Drops the database when the test ends.
pub struct Guard {
    server: String,
    name: String,
}

/// An empty database: its URL, and what drops it.
pub async fn database() -> (String, Guard) {
    let server = std::env::var(postgres::URL).unwrap_or_else(|_| own().url().to_owned());
    let name = format!("t_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    execute(&server, &format!("CREATE DATABASE {name}")).await;
    let (address, _) = server.rsplit_once('/').expect("the URL names a database");
    (format!("{address}/{name}"), Guard { server: server.clone(), name })
}

/// A server of this process's own, where `cargo xtask test` did not start one for all. It ends with the process.
fn own() -> &'static Running {
    static OWN: OnceLock<Running> = OnceLock::new();
    OWN.get_or_init(|| {
        let installed = postgres::obtain().expect("a PostgreSQL is found or installed");
        installed.start(Durability::Unsynced).expect("PostgreSQL starts")
    })
}

async fn execute(server: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(server, NoTls).await.expect("the server answers");
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await.expect("the server does it");
    drop(client);
    let _ = connection.await;
}

impl Drop for Guard {
    fn drop(&mut self) {
        let (server, drop) = (self.server.clone(), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime starts").block_on(execute(&server, &drop));
        });
        let _ = thread.join();
    }
}
