//! Where a row ends, in bytes: what is damaged costs its own line, never the rest of the file.

use memchr::{memchr, memchr2};

/// Longer rows are no rows: an open quotation mark must not swallow the file.
pub(crate) const LONGEST_ROW: usize = 1 << 20;

/// What stands at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Its end is not among them.
    More,
    /// Nothing but separators.
    Nothing,
    /// After `skip` bytes a row of `len`, and `end` bytes that end it.
    Row { skip: usize, len: usize, end: usize, damage: Option<&'static str> },
}

pub(crate) const OPEN_QUOTE: &str = "a quotation mark is opened and not closed";
pub(crate) const TOO_LONG: &str = "is longer than a row can be (1 MiB)";
const NO_OBJECT: &str = "is no JSON object";
const CUT_OFF: &str = "is cut off: a brace is not closed";
const OPEN_TEXT: &str = "is cut off: a text is not closed";

/// A row of CSV (RFC 4180); a quotation mark opens a text only where a field begins.
pub(crate) fn csv(data: &[u8], delimiter: u8, last: bool) -> Cut {
    let skip = data.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    if skip == data.len() {
        return if last { Cut::Nothing } else { Cut::More };
    }
    let row = &data[skip..];
    let mut at = 0;
    loop {
        let Some(found) = memchr2(b'"', b'\n', &row[at..]) else { return unended(row, skip, last) };
        let here = at + found;
        if row[here] == b'\n' {
            return ended(row, skip, here, None);
        }
        at = if here == 0 || row[here - 1] == delimiter {
            match closing_quote(row, here + 1) {
                Some(after) => after,
                None if !last && row.len() < LONGEST_ROW => return Cut::More,
                None => return first_line(data, skip, OPEN_QUOTE),
            }
        } else {
            here + 1
        };
    }
}

/// The place after the quotation mark that closes a text; two of them are one of the text's.
fn closing_quote(row: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr(b'"', row.get(at..)?)? + 1;
        if row.get(at) != Some(&b'"') {
            return Some(at);
        }
        at += 1;
    }
}

/// Only the first line of what stands after `skip`.
pub(crate) fn first_line(data: &[u8], skip: usize, damage: &'static str) -> Cut {
    let row = &data[skip..];
    let len = memchr(b'\n', row).unwrap_or(row.len().min(LONGEST_ROW));
    ended(row, skip, len, Some(damage))
}

fn unended(row: &[u8], skip: usize, last: bool) -> Cut {
    match row.len() {
        len if len >= LONGEST_ROW => Cut::Row { skip, len: LONGEST_ROW, end: 0, damage: Some(TOO_LONG) },
        len if last => ended(row, skip, len, None),
        _ => Cut::More,
    }
}

fn ended(row: &[u8], skip: usize, len: usize, damage: Option<&'static str>) -> Cut {
    let end = usize::from(row.get(len) == Some(&b'\n'));
    let carriage = usize::from(len > 0 && row[len - 1] == b'\r');
    let damage = if len > LONGEST_ROW { Some(TOO_LONG) } else { damage };
    Cut::Row { skip, len: len - carriage, end: end + carriage, damage }
}

/// A JSON object: one of a line, of an array, or spread over lines. A line that begins with a brace begins an object,
/// also where the one before it was never closed.
pub(crate) fn json(data: &[u8], last: bool) -> Cut {
    let between = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b'[' | b']');
    let skip = data.iter().take_while(between).count();
    if skip == data.len() {
        return if last || skip >= LONGEST_ROW { Cut::Nothing } else { Cut::More };
    }
    let row = &data[skip..];
    if row[0] != b'{' {
        return match memchr(b'\n', row) {
            None if !last && row.len() < LONGEST_ROW => Cut::More,
            _ => first_line(data, skip, NO_OBJECT),
        };
    }
    match object(row) {
        Some((len, damage)) if len <= LONGEST_ROW => Cut::Row { skip, len, end: 0, damage },
        Some(_) => first_line(data, skip, TOO_LONG),
        None if row.len() >= LONGEST_ROW => first_line(data, skip, TOO_LONG),
        None if last => Cut::Row { skip, len: row.len(), end: 0, damage: Some(CUT_OFF) },
        None => Cut::More,
    }
}

/// Whether these bytes are cut as one object, well-formed or not.
pub(crate) fn is_object(row: &[u8]) -> bool {
    row.starts_with(b"{") && object(row) == Some((row.len(), None))
}

/// The length of the object that these bytes begin with.
fn object(row: &[u8]) -> Option<(usize, Option<&'static str>)> {
    let (mut depth, mut at) = (0_usize, 0);
    while at < row.len() {
        match row[at] {
            b'"' => match text(row, at + 1)? {
                Ok(after) => at = after - 1,
                Err(line) => return Some((line, Some(OPEN_TEXT))),
            },
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some((at + 1, None)),
            b'}' => depth -= 1,
            b'\n' if *row.get(at + 1)? == b'{' => return Some((at, Some(CUT_OFF))),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The place after a text's end; or that of the line's end, which no text goes over.
fn text(row: &[u8], mut at: usize) -> Option<Result<usize, usize>> {
    loop {
        at += row.get(at..)?.iter().position(|byte| matches!(byte, b'"' | b'\\' | b'\n'))?;
        match row[at] {
            b'"' => return Some(Ok(at + 1)),
            b'\n' => return Some(Err(at)),
            _ => at += 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(data: &str, cut: impl Fn(&[u8], bool) -> Cut) -> Vec<(String, bool)> {
        let mut data = data.as_bytes();
        let mut rows = Vec::new();
        while let Cut::Row { skip, len, end, damage } = cut(data, true) {
            rows.push((String::from_utf8_lossy(&data[skip..skip + len]).into_owned(), damage.is_some()));
            data = &data[skip + len + end..];
        }
        rows
    }

    fn told(rows: &[(String, bool)]) -> Vec<(&str, bool)> {
        rows.iter().map(|(row, damage)| (row.as_str(), *damage)).collect()
    }

    #[test]
    fn a_row_of_csv_ends_at_the_line_unless_a_text_is_open() {
        let csv = |data: &str| rows(data, |data, last| csv(data, b',', last));
        assert_eq!(told(&csv("a,b\r\n\n1,2\n")), [("a,b", false), ("1,2", false)]);
        assert_eq!(told(&csv("\"a\nb\",\"c\"\"\n\"\n1")), [("\"a\nb\",\"c\"\"\n\"", false), ("1", false)]);
        assert_eq!(told(&csv("a,5\" pipe\n1")), [("a,5\" pipe", false), ("1", false)]);
        assert_eq!(told(&csv("a,\"b\n1,2\n")), [("a,\"b", true), ("1,2", false)]);
        assert_eq!(csv("").len(), 0);
    }

    #[test]
    fn an_object_ends_at_its_brace() {
        let json = |data: &str| rows(data, json);
        let pretty = "[\n  {\"a\": {\"b\": \"}{\\\"\"},\n   \"c\": []}\n,\n]";
        assert_eq!(told(&json(pretty)), [("{\"a\": {\"b\": \"}{\\\"\"},\n   \"c\": []}", false)]);
        assert_eq!(told(&json("{}{}\n{}")), [("{}", false), ("{}", false), ("{}", false)]);
    }

    #[test]
    fn what_is_cut_off_costs_its_own_line() {
        let json = |data: &str| rows(data, json);
        assert_eq!(told(&json("{\"a\":1\n{\"b\":2}")), [("{\"a\":1", true), ("{\"b\":2}", false)]);
        assert_eq!(told(&json("{\"a\":\"x\n{\"b\":2}")), [("{\"a\":\"x", true), ("{\"b\":2}", false)]);
        assert_eq!(
            told(&json("hello\n{\"b\":2}\n{\"c\"")),
            [("hello", true), ("{\"b\":2}", false), ("{\"c\"", true)]
        );
    }

    #[test]
    fn the_end_may_still_come() {
        assert_eq!(csv(b"a,b", b',', false), Cut::More);
        assert_eq!(csv(b"a,\"b\n", b',', false), Cut::More);
        assert_eq!(json(b"{\"a\":1\n", false), Cut::More);
        let endless = vec![b'x'; LONGEST_ROW + 1];
        assert!(matches!(csv(&endless, b',', false), Cut::Row { damage: Some(TOO_LONG), .. }));
        assert!(matches!(json(&endless, false), Cut::Row { damage: Some(NO_OBJECT), .. }));
    }
}
