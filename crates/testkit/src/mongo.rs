//! A MongoDB database for one test.

use ficha_engines::{Durability, Running, mongo};
use mongodb::Client;
use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

static MADE: AtomicU32 = AtomicU32::new(0);

/// Drops the database when the test ends.
pub struct Guard {
    url: String,
}

/// The URL of an empty database, and what drops it.
#[must_use]
pub fn database() -> (String, Guard) {
    let server = std::env::var(mongo::URL).unwrap_or_else(|_| own().url().to_owned());
    let name = format!("t_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let url = at(&server, &name);
    (url.clone(), Guard { url })
}

/// The same server, another database: `mongodb://host:port/?options` names none.
fn at(server: &str, name: &str) -> String {
    let (address, options) = server
        .split_once('?')
        .map_or((server, String::new()), |(address, options)| (address, format!("?{options}")));
    format!("{}/{name}{options}", address.trim_end_matches('/'))
}

/// A server of this process's own, where `cargo xtask test` did not start one for all. It ends with the process.
fn own() -> &'static Running {
    static OWN: OnceLock<Running> = OnceLock::new();
    OWN.get_or_init(|| {
        let installed = mongo::obtain().expect("a MongoDB is found or installed");
        installed.start(Durability::Unsynced).expect("MongoDB starts")
    })
}

async fn drop_database(url: &str) {
    let client = Client::with_uri_str(url).await.expect("the server's address");
    let database = client.default_database().expect("the URL names a database");
    database.drop().await.expect("the server does it");
    client.shutdown().await;
}

impl Drop for Guard {
    fn drop(&mut self) {
        let url = self.url.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime starts").block_on(drop_database(&url));
        });
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_has_its_place_before_the_options() {
        assert_eq!(at("mongodb://h:1/", "t"), "mongodb://h:1/t");
        assert_eq!(at("mongodb://h:1", "t"), "mongodb://h:1/t");
        assert_eq!(at("mongodb://a,b/?tls=true&x=/y", "t"), "mongodb://a,b/t?tls=true&x=/y");
    }
}
