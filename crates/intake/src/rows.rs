//! The rows of a file, one after the other, in bounded memory.

use crate::{
    Encoding, Error, Source,
    cut::{self, Cut, LONGEST_ROW},
    source::Place,
};
use std::borrow::Cow;

const BUFFER: usize = LONGEST_ROW + (1 << 18);

/// How the file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Csv { delimiter: u8 },
    Json,
}

/// Walks through a file.
pub(crate) struct Rows<'s> {
    source: &'s Source,
    pub(crate) form: Form,
    buffer: Vec<u8>,
    start: usize,
    /// Of the first byte that is not consumed.
    offset: u64,
    line: u64,
    last: bool,
}

/// One row, in bytes.
pub(crate) struct Raw<'b> {
    pub(crate) place: Place,
    pub(crate) bytes: &'b [u8],
    pub(crate) damage: Option<&'static str>,
}

impl<'s> Rows<'s> {
    /// Looks at the beginning: a byte order mark, the form, of CSV the delimiter of its header.
    pub(crate) fn open(source: &'s Source) -> Result<Self, Error> {
        let buffer = Vec::with_capacity(BUFFER);
        let form = Form::Json;
        let mut rows = Self { source, form, buffer, start: 0, offset: 0, line: 1, last: false };
        rows.fill()?;
        if rows.buffer.starts_with(&[0xff, 0xfe]) || rows.buffer.starts_with(&[0xfe, 0xff]) {
            return Err(Error::Unreadable("it is UTF-16; save it as UTF-8".into()));
        }
        if rows.buffer.starts_with("\u{feff}".as_bytes()) {
            rows.consume(3);
        }
        rows.form = form_of(&rows.buffer[rows.start..]);
        Ok(rows)
    }

    /// The next row.
    pub(crate) fn next(&mut self) -> Result<Option<Raw<'_>>, Error> {
        Ok(self.block(1)?.pop())
    }

    /// The next rows: as many as lie in the buffer, at most `most`; none at the end.
    pub(crate) fn block(&mut self, most: usize) -> Result<Vec<Raw<'_>>, Error> {
        let mut cuts = Vec::new();
        if let Some(first) = self.first()? {
            cuts.push(first);
        }
        while !cuts.is_empty()
            && cuts.len() < most
            && let Cut::Row { skip, len, end, damage } = self.cut()
        {
            cuts.push(self.take(skip, len, end, damage));
        }
        let Self { buffer, offset, start, .. } = self;
        // What the buffer begins with.
        let origin = *offset - *start as u64;
        let raw = |(place, damage): (Place, _)| {
            let from = (place.offset - origin) as usize;
            Raw { place, bytes: &buffer[from..from + place.len as usize], damage }
        };
        Ok(cuts.into_iter().map(raw).collect())
    }

    fn cut(&self) -> Cut {
        let data = &self.buffer[self.start..];
        match self.form {
            Form::Csv { delimiter } => cut::csv(data, delimiter, self.last),
            Form::Json => cut::json(data, self.last),
        }
    }

    /// The next row, whatever has to be read for it.
    fn first(&mut self) -> Result<Option<(Place, Option<&'static str>)>, Error> {
        loop {
            match self.cut() {
                Cut::More => self.fill()?,
                Cut::Nothing if self.last => return Ok(None),
                Cut::Nothing => {
                    self.consume(self.buffer.len() - self.start);
                    self.fill()?;
                }
                Cut::Row { skip, len, end, damage } => return Ok(Some(self.take(skip, len, end, damage))),
            }
        }
    }

    /// The row that [`Rows::next`] gave was nonsense that goes over several lines: its first line is the row, and
    /// what follows is read again.
    pub(crate) fn only_first_line(&mut self, place: Place) -> Place {
        let back = usize::try_from(self.offset - place.offset).unwrap_or(0).min(self.start);
        self.start -= back;
        self.offset = place.offset;
        self.line = place.line;
        let row = &self.buffer[self.start..];
        let len = memchr::memchr(b'\n', row).unwrap_or(row.len());
        self.take(0, len, 0, None).0
    }

    fn take(
        &mut self,
        skip: usize,
        len: usize,
        end: usize,
        damage: Option<&'static str>,
    ) -> (Place, Option<&'static str>) {
        self.consume(skip);
        // At most LONGEST_ROW, or the buffer.
        let place = Place { line: self.line, offset: self.offset, len: len as u32 };
        self.consume(len + end);
        (place, damage)
    }

    fn consume(&mut self, count: usize) {
        let consumed = &self.buffer[self.start..self.start + count];
        self.line += memchr::memchr_iter(b'\n', consumed).count() as u64;
        self.start += count;
        self.offset += count as u64;
    }

    fn fill(&mut self) -> Result<(), Error> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let kept = self.buffer.len();
        self.buffer.resize(BUFFER.max(kept + 1), 0);
        let count = self.source.read_at(&mut self.buffer[kept..], self.offset + kept as u64)?;
        self.buffer.truncate(kept + count);
        self.last = count == 0;
        Ok(())
    }
}

fn form_of(data: &[u8]) -> Form {
    let first = data.iter().find(|byte| !byte.is_ascii_whitespace());
    if matches!(first, None | Some(b'{' | b'[')) {
        return Form::Json;
    }
    let header = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| memchr::memchr_iter(delimiter, header).count();
    Form::Csv { delimiter: if count(b';') > count(b',') { b';' } else { b',' } }
}

/// A row as text.
pub(crate) fn decode(bytes: &[u8], encoding: Encoding) -> Option<Cow<'_, str>> {
    match encoding {
        Encoding::Utf8 => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Encoding::Latin1 if bytes.is_ascii() => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Encoding::Latin1 => Some(bytes.iter().map(|byte| windows_1252(*byte)).collect()),
    }
}

/// Windows writes signs where Latin-1 has control characters, and calls both ANSI; as browsers do, one is read as the
/// other (WHATWG Encoding).
fn windows_1252(byte: u8) -> char {
    const SIGNS: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => SIGNS[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

/// The fields of a row of CSV. `None` where something stands after a closing quotation mark.
pub(crate) fn fields(row: &str, delimiter: u8) -> Option<Vec<Cow<'_, str>>> {
    let mut fields = Vec::with_capacity(8);
    let mut rest = row;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let len = memchr::memchr(delimiter, rest.as_bytes()).unwrap_or(rest.len());
                (Cow::Borrowed(&rest[..len]), &rest[len..])
            }
        };
        fields.push(field);
        match after.as_bytes().first() {
            None => return Some(fields),
            Some(byte) if *byte == delimiter => rest = &after[1..],
            Some(_) => return None,
        }
    }
}

fn unquote(quoted: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut text = Cow::Borrowed("");
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('"')?;
        if text.is_empty() {
            text = Cow::Borrowed(part);
        } else {
            text.to_mut().push_str(part);
        }
        match after.strip_prefix('"') {
            Some(more) => {
                text.to_mut().push('"');
                rest = more;
            }
            None => return Some((text, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source(bytes: &[u8]) -> Source {
        Source::copied("test".into(), bytes, &std::env::temp_dir()).unwrap()
    }

    fn read(bytes: &[u8]) -> (Form, Vec<(u64, Vec<u8>)>) {
        let source = source(bytes);
        let mut rows = Rows::open(&source).unwrap();
        let mut read = Vec::new();
        while let Some(raw) = rows.next().unwrap() {
            assert_eq!(raw.bytes, source.raw(raw.place).unwrap(), "a row is found again as it came");
            read.push((raw.place.line, raw.bytes.to_vec()));
        }
        (rows.form, read)
    }

    #[test]
    fn the_form_is_told_by_the_beginning() {
        assert_eq!(read(b"\xef\xbb\xbfcpf;name;a\n1;2,3;4\n").0, Form::Csv { delimiter: b';' });
        assert_eq!(read(b"cpf,name\n1;2,3\n").0, Form::Csv { delimiter: b',' });
        assert_eq!(read(b"\xef\xbb\xbf [ {}]").0, Form::Json);
        assert!(Rows::open(&source(b"\xff\xfec\0p\0f\0")).is_err());
    }

    #[test]
    fn lines_are_counted_as_an_editor_does() {
        let (_, rows) = read(b"a,b\n\n\"x\ny\",2\n3,4");
        let lines: Vec<_> = rows.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 3, 5]);
    }

    #[test]
    fn a_buffer_ends_anywhere() {
        let row = format!("{{\"a\":\"{}\"}}\n", "é\\\"}".repeat(997));
        let (_, rows) = read(row.repeat(400).as_bytes());
        assert_eq!(rows.len(), 400);
        assert!(rows.iter().all(|(_, bytes)| bytes == row.trim_end().as_bytes()));
    }

    #[test]
    fn quotes_are_taken_off() {
        let fields = |row: &str| fields(row, b';').map(|fields| fields.join("|"));
        assert_eq!(fields(r#"a;"b;""c""";"";d"e"#).unwrap(), r#"a|b;"c"||d"e"#);
        assert_eq!(fields(r#""a"b;c"#), None);
        assert_eq!(fields("").unwrap(), "");
    }

    #[test]
    fn latin_1_is_that_of_windows() {
        let text = decode(b"Jo\xe3o \x96 R$\xa0\x80", Encoding::Latin1).unwrap();
        assert_eq!(text, "João – R$\u{a0}€");
        assert_eq!(decode(b"Jo\xe3o", Encoding::Utf8), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_rows(bytes in proptest::collection::vec(prop_oneof![
            any::<u8>(), proptest::sample::select(b"\"\"{}[],;\n\n\\".to_vec())], 0..400)) {
            let (form, rows) = read(&bytes);
            for (_, row) in rows {
                let text = decode(&row, Encoding::Latin1).unwrap();
                if let Form::Csv { delimiter } = form {
                    let _ = fields(&text, delimiter);
                }
            }
        }
    }
}
