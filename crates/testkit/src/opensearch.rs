//! A name of its own on an OpenSearch, for one test.

use ficha_engines::{Running, opensearch};
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

static MADE: AtomicU32 = AtomicU32::new(0);

/// Removes what is of this name when the test ends.
pub struct Guard {
    url: String,
    name: String,
}

/// The URL of a node, a name with which nothing there begins, and what removes what will.
#[must_use]
pub fn name() -> (String, String, Guard) {
    let url = std::env::var(opensearch::URL).unwrap_or_else(|_| own().url().to_owned());
    let name = format!("t-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    (url.clone(), name.clone(), Guard { url, name })
}

/// One request to a node at `http://host:port`, whose answer is read to its end.
///
/// # Errors
/// Nobody is there.
pub fn request(url: &str, method: &str, path: &str) -> io::Result<String> {
    let host = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    let mut node = TcpStream::connect(host)?;
    write!(node, "{method} {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = String::new();
    node.read_to_string(&mut answer)?;
    Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

/// A node of this process's own, where `cargo xtask test` did not start one for all. It ends with the process.
fn own() -> &'static Running {
    static OWN: OnceLock<Running> = OnceLock::new();
    OWN.get_or_init(|| {
        let installed = opensearch::obtain().expect("an OpenSearch is installed");
        installed.start().expect("OpenSearch starts")
    })
}

impl Drop for Guard {
    fn drop(&mut self) {
        for path in [format!("/{}_*", self.name), format!("/_index_template/{}_*", self.name)] {
            // A test may have ended the node.
            let _ = request(&self.url, "DELETE", &path);
        }
    }
}
