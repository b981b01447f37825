//! What could not be taken, in a file that can be mended and imported: each row as it came, byte for byte, with its
//! line, field and reason first.

use crate::{Fault, Place, Source, cut::is_object, rows::Form};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The names of what is put in front of a row of CSV.
pub(crate) const COLUMNS: [&str; 3] = ["line", "field", "reason"];

/// A file for the rows of one import; made with the first of them, for its owner only. Until the import is done it is
/// called `….part`: a run that was killed leaves none that looks whole.
#[derive(Debug)]
pub struct Quarantine {
    path: PathBuf,
    part: PathBuf,
    file: Option<BufWriter<File>>,
    form: Form,
    header: Vec<u8>,
    /// The rows come from a quarantine file: what it put in front of them is not theirs.
    again: bool,
}

impl Quarantine {
    /// Rows go to this file.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        let path = path.to_owned();
        // Imports at the same time may have files of one name.
        let part = with_ending(&path, &format!(".{}.part", std::process::id()));
        Self { path, part, file: None, form: Form::Json, header: Vec::new(), again: false }
    }

    /// The header of CSV, as it came, goes before the first row.
    pub(crate) fn header(&mut self, header: &[u8], delimiter: u8, again: bool) {
        self.form = Form::Csv { delimiter };
        self.again = again;
        for column in COLUMNS {
            self.header.extend_from_slice(column.as_bytes());
            self.header.push(delimiter);
        }
        self.header.extend_from_slice(self.own(header, delimiter));
        self.header.push(b'\n');
    }

    /// What of a row of CSV is its own.
    fn own<'r>(&self, raw: &'r [u8], delimiter: u8) -> &'r [u8] {
        if self.again { after(raw, delimiter, COLUMNS.len()) } else { raw }
    }

    pub(crate) fn put(&mut self, source: &Source, place: Place, faults: &[Fault]) -> io::Result<()> {
        let raw = source.raw(place)?;
        let field = faults.first().map_or("", |fault| &fault.field);
        let reason = reason(faults);
        let row = match self.form {
            Form::Csv { delimiter } => csv(delimiter, place.line, field, &reason, self.own(&raw, delimiter)),
            Form::Json => {
                let text = std::str::from_utf8(&raw).ok().map(unwrap);
                json(place.line, field, &reason, text.as_ref().map_or(&raw, |text| text.as_bytes()))
            }
        };
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut options = File::options();
                options.write(true).create(true).truncate(true).mode(0o600);
                let mut file = BufWriter::new(options.open(&self.part)?);
                file.write_all(&self.header)?;
                self.file.insert(file)
            }
        };
        file.write_all(&row)
    }

    /// Puts the file in its place. What is there, somebody may be mending, or it is none of ours: then the name gets a
    /// number. Where nothing was set aside, nothing is written.
    pub(crate) fn finish(&mut self) -> io::Result<Option<PathBuf>> {
        let Some(file) = self.file.take() else { return Ok(None) };
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        let path = self.free_path()?;
        fs::rename(&self.part, &path)?;
        Ok(Some(path))
    }

    /// A name that nobody has, taken by an empty file.
    fn free_path(&self) -> io::Result<PathBuf> {
        let numbered = (2..).map(|number| with_ending(&self.path, &format!(".{number}")));
        for path in std::iter::once(self.path.clone()).chain(numbered) {
            match File::options().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|_| path),
            }
        }
        unreachable!("numbers do not end")
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The first fault's reason, then the others with their fields.
fn reason(faults: &[Fault]) -> String {
    let mut reasons = faults.iter().enumerate().map(|(at, fault)| match at {
        0 => fault.reason.clone().into_owned(),
        _ => format!("{} {}", fault.field, fault.reason),
    });
    let first = reasons.next().unwrap_or_default();
    reasons.fold(first, |all, reason| format!("{all}; {reason}"))
}

/// What stands after so many fields.
fn after(raw: &[u8], delimiter: u8, fields: usize) -> &[u8] {
    let (mut left, mut quoted) = (fields, false);
    let end = raw.iter().position(|byte| {
        quoted ^= *byte == b'"';
        left -= usize::from(!quoted && *byte == delimiter);
        left == 0
    });
    end.map_or(raw, |end| &raw[end + 1..])
}

fn csv(delimiter: u8, line: u64, field: &str, reason: &str, raw: &[u8]) -> Vec<u8> {
    let mut row = line.to_string().into_bytes();
    for text in [field, reason] {
        row.push(delimiter);
        row.extend(format!("\"{}\"", text.replace('"', "\"\"")).into_bytes());
    }
    row.push(delimiter);
    row.extend_from_slice(raw);
    row.push(b'\n');
    row
}

/// A row that is JSON stays it, on one line; what is none goes along as a text. What is not UTF-8 cannot be a text
/// without a loss, so it stays if it will be cut as one row again.
fn json(line: u64, field: &str, reason: &str, raw: &[u8]) -> Vec<u8> {
    let whole = serde_json::from_slice::<serde::de::IgnoredAny>(raw).is_ok()
        || std::str::from_utf8(raw).is_err() && is_object(raw);
    let [field, reason] = [field, reason].map(|text| serde_json::Value::from(text).to_string());
    let mut row = format!("{{\"line\":{line},\"field\":{field},\"reason\":{reason}").into_bytes();
    if whole {
        row.extend_from_slice(b",\"row\":");
        // Line breaks stand between values only: inside a text there are none.
        row.extend(raw.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    } else {
        let text = serde_json::Value::from(String::from_utf8_lossy(raw));
        row.extend(format!(",\"text\":{text}").into_bytes());
    }
    row.extend_from_slice(b"}\n");
    row
}

/// A row of quarantine's own JSON.
#[derive(serde::Deserialize)]
struct SetAside<'a> {
    #[serde(borrow, default)]
    row: Option<&'a serde_json::value::RawValue>,
    #[serde(default)]
    text: Option<String>,
    #[expect(dead_code, reason = "tells this from any other object")]
    reason: String,
}

/// The row inside one that was set aside before; any other is itself.
pub(crate) fn unwrap(json: &str) -> std::borrow::Cow<'_, str> {
    if !json.contains("\"reason\"") {
        return json.into();
    }
    match serde_json::from_str(json) {
        Ok(SetAside { row: Some(row), .. }) => row.get().into(),
        Ok(SetAside { text: Some(text), .. }) => text.into(),
        _ => json.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault() -> Vec<Fault> {
        vec![Fault::new("value", "is an amount"), Fault::new("date", "is \"missing\"")]
    }

    #[test]
    fn rows_keep_their_bytes() {
        let row = csv(b';', 7, "value", "a; \"b\"", b"1;\"x\ny\";\xe3");
        assert_eq!(row, b"7;\"value\";\"a; \"\"b\"\"\";1;\"x\ny\";\xe3\n");
        let row = String::from_utf8(json(7, "value", &reason(&fault()), b"{\"a\":\n 1}")).unwrap();
        assert_eq!(
            row,
            "{\"line\":7,\"field\":\"value\",\"reason\":\"is an amount; date is \\\"missing\\\"\",\"row\":{\"a\":  1}}\n"
        );
        assert_eq!(unwrap(&row), "{\"a\":  1}");
    }

    #[test]
    fn what_is_not_utf_8_stays_if_it_is_an_object() {
        let row = |raw: &[u8]| json(1, "row", "is not UTF-8", raw);
        let ends = |row: &[u8], end: &[u8]| row.ends_with(&[end, b"}\n"].concat());
        assert!(ends(&row(b"{\"a\":\"\xff\"}"), b",\"row\":{\"a\":\"\xff\"}"));
        assert!(ends(&row(b"\"a\":{\"b\":\xff}"), ",\"text\":\"\\\"a\\\":{\\\"b\\\":\u{fffd}}\"".as_bytes()));
    }

    #[test]
    fn what_was_put_in_front_is_taken_off() {
        assert_eq!(after(b"7,\"value\",\"is \"\"a,b\"\"\",1,2", b',', 3), b"1,2");
        assert_eq!(after(b"7,8", b',', 3), b"7,8");
    }

    #[test]
    fn what_is_no_json_can_be_mended_as_a_text() {
        let row = String::from_utf8(json(1, "row", "is cut off", b"{\"a\":\"x")).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&row).is_ok());
        assert_eq!(unwrap(&row), "{\"a\":\"x");
        assert_eq!(unwrap("{\"reason\":\"mine\"}"), "{\"reason\":\"mine\"}");
    }
}
