//! Accounts as CSV, and as JSON lines: one object on each line.

use serde_json::Value;

use super::reading::{Bounded, Broken, Input, in_words, line};
use super::user::{FIELDS, Fields};

/// The next row: its number, and its fields or why they cannot be read.
pub(super) type Numbered = (u64, Result<Fields, String>);

/// JSON lines.
pub(crate) struct Lines {
    input: Input,
    number: u64,
}

impl Lines {
    pub(super) fn new(input: Input) -> Self {
        Self { input, number: 0 }
    }

    /// The next line that is not empty.
    pub(super) fn next(&mut self) -> Result<Option<Numbered>, Broken> {
        while let Some(line) = line(&mut self.input)? {
            self.number += 1;
            let fields = match line {
                Ok(line) if line.trim_ascii().is_empty() => continue,
                Ok(line) => {
                    let object = serde_json::from_slice::<Fields>(&line);
                    object.map_err(|error| format!("is no JSON object: {}", in_words(&error)))
                }
                Err(long) => Err(long.to_owned()),
            };
            return Ok(Some((self.number, fields)));
        }
        Ok(None)
    }
}

/// CSV ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)), whose first line names the fields.
pub(crate) struct Table {
    reader: csv::Reader<Bounded>,
    header: Vec<String>,
    /// The line at which the next row begins.
    line: u64,
}

impl Table {
    pub(super) fn new(input: Input) -> Result<Self, Broken> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(Bounded::new(input));
        let header: Vec<String> = reader.headers().map_err(broken)?.iter().map(|name| name.trim().to_owned()).collect();
        if !header.iter().any(|name| FIELDS.contains(&name.as_str())) {
            return Err(Broken::Form(
                "the first line of the file must name its fields, such as external_id and username",
            ));
        }
        let line = 2 + breaks(reader.byte_headers().map_err(broken)?);
        Ok(Self { reader, header, line })
    }

    /// The next row that is not empty. Its number is that of its first line in the file.
    pub(super) fn next(&mut self) -> Result<Option<Numbered>, Broken> {
        self.reader.get_mut().renew();
        let mut record = csv::ByteRecord::new();
        if !self.reader.read_byte_record(&mut record).map_err(broken)? {
            return Ok(None);
        }
        let number = self.line;
        self.line += 1 + breaks(&record);
        let fields = if record.len() == self.header.len() {
            let fields = self.header.iter().zip(&record).map(|(name, field)| {
                let text = str::from_utf8(field).map_err(|_not_utf_8| format!("{name} is not UTF-8"))?;
                Ok((name.clone(), Value::String(text.to_owned())))
            });
            fields.collect()
        } else {
            Err(format!("has {} fields, and the first line has {}", record.len(), self.header.len()))
        };
        Ok(Some((number, fields)))
    }
}

/// How many line breaks are within the fields of a row. The position that the library has is not that of the row where lines end
/// with CR LF.
fn breaks(record: &csv::ByteRecord) -> u64 {
    record.iter().flatten().filter(|byte| **byte == b'\n').map(|_| 1).sum()
}

fn broken(error: csv::Error) -> Broken {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Broken::Io(error),
        _ => Broken::Form("the first line of the file is not UTF-8"),
    }
}
