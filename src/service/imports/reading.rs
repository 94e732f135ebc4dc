//! Reads a file record by record, in memory that does not grow with the file.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

use serde_json::error::Category;

/// A longer record is refused.
const MAX_RECORD_BYTES: usize = 4 * 1_024 * 1_024;

/// A file that is read.
pub type Input = Box<dyn BufRead + Send>;

/// Why the rest of a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The system says so.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It has not the form that was expected.
    #[error("{0}")]
    Form(&'static str),
    /// Its accounts are of another model.
    #[error(
        "the file has tokens and no {wanted}, but {found}: if that is the model of the accounts, pass --model {found}"
    )]
    Model {
        /// The model that looks like one of accounts.
        found: String,
        /// The one that was asked for.
        wanted: String,
    },
}

/// A record, or why it is left out.
pub(super) type Record = Result<Vec<u8>, &'static str>;

/// What is wrong with a record that should be JSON, without what it says: that may be secret.
pub(super) fn in_words(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Io => "it cannot be read",
        Category::Syntax => "it is not valid",
        Category::Data => "something is missing, or of another kind",
        Category::Eof => "it ends too early",
    };
    format!("{what}, at line {} and column {} of the row", error.line(), error.column())
}

/// Skips the mark by which some programs say that a file is UTF-8, and refuses UTF-16.
pub(super) fn skip_mark(input: &mut Input) -> Result<(), Broken> {
    let start = input.fill_buf()?;
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Err(Broken::Form(
            "the file is UTF-16, as PowerShell writes it: make it UTF-8, for example by dumpdata --output",
        ));
    }
    if start.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    Ok(())
}

/// Takes bytes up to and with the one that `is_last`; `None`: the file ends before it.
fn take(input: &mut Input, mut is_last: impl FnMut(u8) -> bool) -> io::Result<(Record, bool)> {
    let mut record: Record = Ok(Vec::new());
    loop {
        let chunk = input.fill_buf()?;
        let end = chunk.iter().position(|byte| is_last(*byte));
        let taken = end.map_or(chunk.len(), |at| at + 1);
        if let Ok(bytes) = &mut record {
            bytes.extend_from_slice(chunk.get(..taken).unwrap_or_default());
            if bytes.len() > MAX_RECORD_BYTES {
                record = Err("is longer than 4 MiB");
            }
        }
        input.consume(taken);
        if end.is_some() || taken == 0 {
            return Ok((record, end.is_some()));
        }
    }
}

/// The next line, without its end.
pub(super) fn line(input: &mut Input) -> Result<Option<Record>, Broken> {
    let (line, has_end) = take(input, |byte| byte == b'\n')?;
    let is_over = !has_end && line.as_ref().is_ok_and(Vec::is_empty);
    Ok((!is_over).then_some(line))
}

/// How far a JSON array is read.
#[derive(Clone, Copy, Default)]
pub(super) enum Place {
    /// Before it.
    #[default]
    Before,
    /// At its first object, or its end.
    First,
    /// After an object.
    Between,
    /// After a comma.
    Next,
    /// After it.
    After,
}

/// The next object of a JSON array, which is all that a file has.
pub(super) fn element(input: &mut Input, place: &mut Place) -> Result<Option<Record>, Broken> {
    loop {
        let next = input.fill_buf()?.first().copied();
        *place = match (*place, next) {
            (Place::After, None) => return Ok(None),
            (_, None) => return Err(Broken::Form("the file ends before its array does: it is not whole")),
            (_, Some(b' ' | b'\t' | b'\r' | b'\n')) => *place,
            (Place::First | Place::Next, Some(b'{')) => break,
            (Place::Before, Some(b'[')) => Place::First,
            (Place::First | Place::Between, Some(b']')) => Place::After,
            (Place::Between, Some(b',')) => Place::Next,
            (Place::After, Some(_)) => {
                return Err(Broken::Form("the file goes on after its array: import each dump by itself"));
            }
            _ => return Err(Broken::Form("the file is no JSON array of objects: dump with --format json, not jsonl")),
        };
        input.consume(1);
    }
    *place = Place::Between;
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    let (element, is_whole) = take(input, |byte| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match byte {
            b'\\' if in_string => is_escaped = !was_escaped,
            b'"' if !was_escaped => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })?;
    if is_whole { Ok(Some(element)) } else { Err(Broken::Form("the file ends within a row: it is not whole")) }
}

/// Reads at most so much of a record; what is longer is probably one whose quote is not closed. Knows which line a byte is in.
pub(super) struct Bounded {
    input: Input,
    left: usize,
    read: u64,
    /// Where lines end that were not asked about yet, and how many end before them.
    ends: VecDeque<u64>,
    passed: u64,
}

impl Bounded {
    pub(super) fn new(input: Input) -> Self {
        Self { input, left: MAX_RECORD_BYTES, read: 0, ends: VecDeque::new(), passed: 0 }
    }

    /// A new record begins.
    pub(super) fn renew(&mut self) {
        self.left = MAX_RECORD_BYTES;
    }

    /// The line of a byte, from 1; of one that comes after those that were asked about before.
    pub(super) fn line_of(&mut self, byte: u64) -> u64 {
        while self.ends.front().is_some_and(|end| *end < byte) {
            self.ends.pop_front();
            self.passed += 1;
        }
        self.passed + 1
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other("a row is longer than 4 MiB: a quote may not be closed"));
        }
        let most = buffer.len().min(self.left);
        let read = self.input.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left -= read;
        for byte in buffer.iter().take(read) {
            if *byte == b'\n' {
                self.ends.push_back(self.read);
            }
            self.read += 1;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(text: &str) -> Input {
        Box::new(io::BufReader::with_capacity(3, io::Cursor::new(text.as_bytes().to_vec())))
    }

    fn elements(text: &str) -> (Vec<String>, Option<String>) {
        let (mut input, mut place, mut found) = (input(text), Place::default(), Vec::new());
        loop {
            match element(&mut input, &mut place) {
                Ok(Some(element)) => found.push(String::from_utf8(element.unwrap()).unwrap()),
                Ok(None) => return (found, None),
                Err(broken) => return (found, Some(broken.to_string())),
            }
        }
    }

    #[test]
    fn the_objects_of_an_array_are_found_whatever_is_in_their_texts() {
        let objects = [r#"{"a": "]}\\"}"#, r#"{"b": [{"c": "\"{["}]}"#, "{}"];
        let (found, broken) = elements(&format!(" [\n{},{} , {}]\n", objects[0], objects[1], objects[2]));
        assert_eq!((found, broken), (objects.map(ToOwned::to_owned).to_vec(), None));
        assert_eq!(elements("[]"), (Vec::new(), None));
    }

    #[test]
    fn what_comes_before_the_end_of_a_file_that_is_not_whole_is_read() {
        for (text, count) in
            [("[{}, {", 1), ("[{}", 1), ("[{\"a\": \"}", 0), ("", 0), ("[", 0), ("{}", 0), ("[{}, 1]", 1), ("[{},", 1)]
        {
            let (found, broken) = elements(text);
            assert_eq!((found.len(), broken.is_some()), (count, true), "{text}");
        }
    }

    #[test]
    fn what_comes_after_the_array_is_not_passed_over() {
        for (text, count) in [
            ("[{}][{}]", 1),
            ("[{}]\n[]", 1),
            ("[] x", 0),
            ("[{}],", 1),
            ("[,{}]", 0),
            ("[{},,{}]", 1),
            ("[{},]", 1),
            ("[{}{}]", 1),
            ("[[{}]]", 0),
        ] {
            let (found, broken) = elements(text);
            assert_eq!((found.len(), broken.is_some()), (count, true), "{text}");
        }
        assert_eq!(elements("[{}] \r\n\t\n"), (vec!["{}".to_owned()], None));
    }

    #[test]
    fn a_line_needs_no_end_and_may_be_empty() {
        let mut input = input("a\n\nb");
        let mut lines = Vec::new();
        while let Some(next) = line(&mut input).unwrap() {
            lines.push(String::from_utf8(next.unwrap()).unwrap());
        }
        assert_eq!(lines, ["a\n", "\n", "b"]);
    }

    #[test]
    fn a_record_that_is_too_long_is_left_out_and_the_next_is_read() {
        let long = format!("{}\nb\n", "a".repeat(MAX_RECORD_BYTES + 1));
        let mut input: Input = Box::new(io::Cursor::new(long.into_bytes()));
        assert!(line(&mut input).unwrap().unwrap().is_err());
        assert_eq!(line(&mut input).unwrap().unwrap().unwrap(), b"b\n");
    }

    #[test]
    fn a_mark_at_the_start_is_skipped_and_utf_16_is_refused() {
        let mut input: Input = Box::new(io::Cursor::new(b"\xef\xbb\xbfa".to_vec()));
        skip_mark(&mut input).unwrap();
        assert_eq!(line(&mut input).unwrap().unwrap().unwrap(), b"a");
        assert!(skip_mark(&mut (Box::new(io::Cursor::new(b"\xff\xfe[\0".to_vec())) as Input)).is_err());
    }
}
