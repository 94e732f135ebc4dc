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
    /// The line at which the last row began.
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
        Ok(Self { reader, header, line: 1 })
    }

    /// The next row that is not an empty line. Its number is that of its first line in the file, where all lines count.
    pub(super) fn next(&mut self) -> Result<Option<Numbered>, Broken> {
        self.reader.get_mut().renew();
        let mut record = csv::ByteRecord::new();
        if !self.reader.read_byte_record(&mut record).map_err(broken)? {
            return Ok(None);
        }
        let last_byte = self.reader.position().byte().saturating_sub(1);
        let last_line = self.reader.get_mut().line_of(last_byte);
        // At least one more than before: lines may also end with CR alone.
        let number = last_line.saturating_sub(breaks(&record)).max(self.line + 1);
        self.line = number;
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

/// How many line breaks are within the fields of a row. The library knows where a row ends, but not where it begins after empty lines.
fn breaks(record: &csv::ByteRecord) -> u64 {
    record.iter().flatten().filter(|byte| **byte == b'\n').map(|_| 1).sum()
}

fn broken(error: csv::Error) -> Broken {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Broken::Io(error),
        _ => Broken::Form("the first line of the file is not UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn numbers(text: &str) -> Vec<u64> {
        let mut table = Table::new(Box::new(Cursor::new(text.as_bytes().to_vec()))).unwrap();
        std::iter::from_fn(|| table.next().unwrap().map(|(number, _)| number)).collect()
    }

    #[test]
    fn a_row_has_the_number_of_its_first_line_whatever_lines_are_empty_and_however_they_end() {
        for (text, expected) in [
            ("id,name\n1,a\n\n2,b\n\n\n3,c\n", &[2, 4, 7][..]),
            ("id,name\n1,a\n\n2,b\n\n\n3,c", &[2, 4, 7]),
            ("\n\nid,name\n\n1,a\n", &[5]),
            ("id,name\n1,\"a\n\nb\"\n\n2,\"\nc\"", &[2, 6]),
            ("\"id\",\"na\nme\"\n1,a\n", &[3]),
            ("id,name\n1,a\n\n", &[2]),
            ("id,name\n", &[]),
        ] {
            assert_eq!(numbers(text), expected, "{text:?}");
            assert_eq!(numbers(&text.replace('\n', "\r\n")), expected, "{text:?} with CR LF");
        }
        assert_eq!(numbers("id,name\r1,a\r2,b\r"), [2, 3]);
        let long = "1,a\n\n".repeat(20_000);
        assert_eq!(numbers(&format!("id,name\n{long}")).last(), Some(&40_000));
    }
}
