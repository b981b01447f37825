//! As much of Redis's protocol as it takes to ask a server how it is.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(1);

/// What the server answers to a command, as text. What is not there is empty.
pub(super) fn ask(port: u16, words: &[&str]) -> io::Result<String> {
    let mut server = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), LIMIT)?;
    server.set_read_timeout(Some(LIMIT))?;
    let words: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    let count = words.matches("\r\n").count() / 2;
    server.write_all(format!("*{count}\r\n{words}").as_bytes())?;
    read(&mut BufReader::new(server))
}

fn read(answer: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    answer.read_line(&mut line)?;
    let (kind, rest) = line.trim_end().split_at_checked(1).ok_or(io::ErrorKind::UnexpectedEof)?;
    match kind {
        "+" | ":" => Ok(rest.to_owned()),
        "$" => {
            let mut text = vec![0; rest.parse().unwrap_or_default()];
            answer.read_exact(&mut text)?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        }
        _ => Err(io::Error::other(rest.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_refusals_are_errors() {
        for (said, text) in [("+PONG\r\n", "PONG"), (":7\r\n", "7"), ("$2\r\nab\r\n", "ab"), ("$-1\r\n", "")]
        {
            assert_eq!(read(&mut said.as_bytes()).unwrap(), text);
        }
        assert_eq!(read(&mut &b"-MOVED 1 h:2\r\n"[..]).unwrap_err().to_string(), "MOVED 1 h:2");
        assert!(read(&mut &b""[..]).is_err() && read(&mut &b"$9\r\nab"[..]).is_err());
    }
}
