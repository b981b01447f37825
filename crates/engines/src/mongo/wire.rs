//! Two commands in MongoDB's own protocol, so that starting a server needs no driver.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(5);
const OP_MSG: i32 = 2013;

/// How long a set is without a primary, in ms: tests wait for an election.
const ELECTION_MS: i32 = 2000;

/// What a server says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Of no set yet.
    New,
    /// It takes writes.
    Primary,
    Secondary,
    /// On its way to one of these.
    Other,
}

pub(super) fn state(port: u16) -> io::Result<State> {
    let hello = ask(port, Document::default().int("hello", 1))?;
    Ok(match () {
        () if hello.has(b"\x08isreplicaset\0\x01") => State::New,
        () if hello.has(b"\x08isWritablePrimary\0\x01") => State::Primary,
        () if hello.has(b"\x08secondary\0\x01") => State::Secondary,
        () => State::Other,
    })
}

/// Makes the servers at these ports a set. Whether they are one is what [`state`] tells.
pub(super) fn initiate(set: &str, ports: &[u16]) -> io::Result<()> {
    let mut members = Document::default();
    for (id, port) in (0..).zip(ports) {
        let member = Document::default().int("_id", id).text("host", &format!("127.0.0.1:{port}"));
        members = members.inner(DOCUMENT, &id.to_string(), member);
    }
    let settings = Document::default().int("electionTimeoutMillis", ELECTION_MS);
    let config = Document::default().text("_id", set).inner(ARRAY, "members", members);
    let config = config.inner(DOCUMENT, "settings", settings);
    ask(ports[0], Document::default().inner(DOCUMENT, "replSetInitiate", config)).map(drop)
}

struct Answer(Vec<u8>);

impl Answer {
    /// Whether it has this field: its type, its name and its value, as they lie there.
    fn has(&self, field: &[u8]) -> bool {
        self.0.windows(field.len()).any(|at| at == field)
    }
}

/// Sends a command and reads the whole answer.
fn ask(port: u16, command: Document) -> io::Result<Answer> {
    let mut server = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), LIMIT)?;
    server.set_read_timeout(Some(LIMIT))?;
    // No flags; one section, the command itself.
    let body = [&[0; 5][..], &command.text("$db", "admin").bytes()].concat();
    let mut message = length_of(16 + body.len());
    for header in [1, 0, OP_MSG] {
        message.extend(header.to_le_bytes());
    }
    message.extend(body);
    server.write_all(&message)?;
    let mut length = [0; 4];
    server.read_exact(&mut length)?;
    let rest = u32::from_le_bytes(length).saturating_sub(4);
    let mut answer = Vec::new();
    server.take(rest.into()).read_to_end(&mut answer)?;
    Ok(Answer(answer))
}

const TEXT: u8 = 2;
const DOCUMENT: u8 = 3;
const ARRAY: u8 = 4;
const INT: u8 = 16;

/// BSON in the making.
#[derive(Default)]
struct Document(Vec<u8>);

impl Document {
    fn field(mut self, kind: u8, name: &str, value: &[u8]) -> Self {
        self.0.push(kind);
        self.0.extend(name.as_bytes());
        self.0.push(0);
        self.0.extend(value);
        self
    }

    fn int(self, name: &str, value: i32) -> Self {
        self.field(INT, name, &value.to_le_bytes())
    }

    fn text(self, name: &str, text: &str) -> Self {
        let value = [&length_of(text.len() + 1), text.as_bytes(), &[0]].concat();
        self.field(TEXT, name, &value)
    }

    fn inner(self, kind: u8, name: &str, inner: Self) -> Self {
        self.field(kind, name, &inner.bytes())
    }

    fn bytes(self) -> Vec<u8> {
        [&length_of(self.0.len() + 5), &self.0[..], &[0]].concat()
    }
}

fn length_of(bytes: usize) -> Vec<u8> {
    i32::try_from(bytes).unwrap_or_default().to_le_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of BSON's own specification, and a document in a document.
    #[test]
    fn documents_are_bson() {
        let bytes = Document::default().text("hello", "world").bytes();
        assert_eq!(bytes, b"\x16\0\0\0\x02hello\0\x06\0\0\0world\0\0");
        let inner = Document::default().inner(DOCUMENT, "a", Document::default().int("b", 1)).bytes();
        assert_eq!(inner, b"\x14\0\0\0\x03a\0\x0c\0\0\0\x10b\0\x01\0\0\0\0\0");
    }
}
