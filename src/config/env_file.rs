//! The file `.env`. Values are used exactly as they are written, without substitution. A line that could be read in two
//! ways is refused; the error has its number. The environment of the process is not changed.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use super::SETTINGS;

/// A larger file is not a settings file; a device such as `/dev/zero` never ends.
const MAX_BYTES: u64 = 1024 * 1024;

/// The settings of a `.env` file, and its unknown names.
#[derive(Debug, Default)]
pub(crate) struct EnvFile {
    settings: Vec<(&'static str, String)>,
    /// Names that are not settings, perhaps misspelled, as messages for people.
    pub(crate) unknown: Vec<String>,
}

impl EnvFile {
    /// Reads a file. A missing file has no settings.
    ///
    /// The error says what is wrong and in which line. It does not repeat the line, which may hold a password.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.to_string()),
            Ok(read) if u64::try_from(read).is_ok_and(|read| read > MAX_BYTES) => {
                Err(format!("is larger than {} KiB", MAX_BYTES / 1024))
            }
            Ok(_) => Self::parse(&bytes),
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (text, is_broken) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, text.contains('\0')),
            Err(error) => {
                (std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or(""), true)
            }
        };
        if is_broken {
            let good = text.split('\0').next().unwrap_or_default();
            return Err(format!("line {}: is not UTF-8 text", 1 + good.matches('\n').count()));
        }
        let (mut file, mut lines) = (Self::default(), Vec::new());
        let (mut rest, mut number) = (text.strip_prefix('\u{feff}').unwrap_or(text), 1);
        while !rest.is_empty() {
            let (entry, after) = entry(rest).map_err(|what| format!("line {number}: {what}"))?;
            if let Some((name, value)) = entry {
                file.add(&name, value, number, &mut lines).map_err(|what| format!("line {number}: {what}"))?;
            }
            number += rest.matches('\n').count() - after.matches('\n').count();
            rest = after;
        }
        Ok(file)
    }

    /// `lines` has the number of the line of each setting.
    fn add(&mut self, name: &str, value: String, number: usize, lines: &mut Vec<usize>) -> Result<(), String> {
        let Some(known) = SETTINGS.iter().find(|setting| setting.name.eq_ignore_ascii_case(name)) else {
            // Only text that looks like the name of a setting is repeated.
            self.unknown.push(if name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') {
                let known = SETTINGS.iter().find(|setting| resembles(setting.name, name));
                let hint = known.map(|known| format!("; did you mean {}?", known.name)).unwrap_or_default();
                format!("{name} is not a setting of tokensmith{hint}")
            } else {
                format!("line {number} sets something that is not a setting of tokensmith")
            });
            return Ok(());
        };
        if known.name != name {
            return Err(format!("{name}: names of settings are written in capital letters, as in {}", known.name));
        }
        if let Some(first) = self.settings.iter().position(|(other, _)| *other == name) {
            return Err(format!("{name} is already set in line {}", lines.get(first).copied().unwrap_or_default()));
        }
        self.settings.push((known.name, value));
        lines.push(number);
        Ok(())
    }

    /// The value of a setting.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// Whether the names differ in one place, by at most two characters.
fn resembles(known: &str, name: &str) -> bool {
    let front = known.bytes().zip(name.bytes()).take_while(|(one, other)| one == other).count();
    let (known, name) = (known.bytes().skip(front), name.bytes().skip(front));
    let longer = known.len().max(name.len());
    longer - known.rev().zip(name.rev()).take_while(|(one, other)| one == other).count() <= 2
}

type Entry = Option<(String, String)>;

const NO_PAIR: &str = "expected NAME=VALUE; put values with spaces in quotes";

/// The first entry of a text (unless its first line is empty or a comment), and the rest of the text.
fn entry(text: &str) -> Result<(Entry, &str), &'static str> {
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    if line.trim().is_empty() || line.trim_start().starts_with('#') {
        return Ok((None, after));
    }
    let (name, typed) = text.split_once('=').filter(|(name, _)| !name.contains('\n')).ok_or(NO_PAIR)?;
    let (quoted, after) = value(typed)?;
    match dotenvy::from_read_iter(format!("{name}={quoted}").as_bytes()).next() {
        Some(Ok(pair)) => Ok((Some(pair), after)),
        _ if quoted.contains('\\') && is_name(name) => {
            Err(r#"in "double quotes" only the escapes \\ \" \' \$ and \n are allowed"#)
        }
        _ => Err(NO_PAIR),
    }
}

fn is_name(text: &str) -> bool {
    text.trim_start_matches("export ").trim().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The value that a text begins with, in double quotes and with every `$` escaped, and the lines after it.
fn value(text: &str) -> Result<(String, &str), &'static str> {
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    let start = line.trim_start();
    let Some(quote) = start.chars().next().filter(|first| ['\'', '"'].contains(first)) else {
        return Ok((plain(line)?, after));
    };
    let (_, body) = text.split_once(quote).unwrap_or_default();
    let end = if quote == '\'' { body.find('\'') } else { unescaped_quote(body) };
    let (inside, rest) = end.and_then(|end| body.split_at_checked(end)).ok_or("a quote is not closed")?;
    let rest = rest.strip_prefix(quote).unwrap_or(rest);
    let (tail, after) = rest.split_once('\n').unwrap_or((rest, ""));
    let is_comment = tail.starts_with([' ', '\t']) && tail.trim_start().starts_with('#');
    if !is_comment && !tail.trim().is_empty() {
        return Err(
            "after a value in quotes only a space and a comment may follow; put the quotes around the whole value",
        );
    }
    if quote == '\'' { Ok((escaped(inside, &['\\', '"', '$']), after)) } else { Ok((literal_dollars(inside), after)) }
}

/// A value without quotes: one word, optionally followed by a comment.
fn plain(line: &str) -> Result<String, &'static str> {
    if line.starts_with('#') {
        return Err(
            "a value that begins with # may be a comment: put the value in quotes, or a space before the comment",
        );
    }
    let line = line.trim();
    let (word, tail) = if line.starts_with('#') {
        ("", line)
    } else {
        line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()))
    };
    if !tail.is_empty() && !tail.trim_start().starts_with('#') {
        return Err(NO_PAIR);
    }
    if word.contains(['\'', '"', '\\']) {
        return Err("put a value that holds a quote or a backslash in quotes; in '..' it is used as it is");
    }
    Ok(escaped(word, &['$']))
}

fn escaped(text: &str, special: &[char]) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        if special.contains(&c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// The text between double quotes with every bare `$` escaped. Other escapes stay.
fn literal_dollars(text: &str) -> String {
    let (mut quoted, mut chars) = (String::from('"'), text.chars());
    while let Some(c) = chars.next() {
        if c == '$' {
            quoted.push('\\');
        }
        quoted.push(c);
        if c == '\\' {
            quoted.extend(chars.next());
        }
    }
    quoted.push('"');
    quoted
}

/// Where a text in double quotes ends.
fn unescaped_quote(text: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some(at),
            '\\' => drop(chars.next()),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of `KEYS_PASSPHRASE`, which may be any text.
    fn read(text: &str) -> Result<Option<String>, String> {
        EnvFile::parse(text.as_bytes()).map(|file| file.get("KEYS_PASSPHRASE").map(ToOwned::to_owned))
    }

    #[test]
    fn a_value_is_what_was_typed() {
        for (typed, expected) in [
            ("a", "a"),
            ("", ""),
            ("   ", ""),
            ("a$b", "a$b"),
            ("$HOME", "$HOME"),
            ("${HOME}", "${HOME}"),
            ("$", "$"),
            (r#""a$b""#, "a$b"),
            (r#""$HOME/${PATH}$""#, "$HOME/${PATH}$"),
            (r#""a\$b""#, "a$b"),
            (r#""a\\$b""#, r"a\$b"),
            (r#""a\"b\\c\'d\ne""#, "a\"b\\c'd\ne"),
            ("'a$b'", "a$b"),
            (r"'C:\new\'", r"C:\new\"),
            (r#"'say "hi"'"#, r#"say "hi""#),
            (r#""it's""#, "it's"),
            ("''", ""),
            (r#""""#, ""),
            (r#"" a  b ""#, " a  b "),
            ("a#b", "a#b"),
            ("'#a'", "#a"),
            ("a # it's a comment", "a"),
            ("a\t#c", "a"),
            ("'a' # \"c\"", "a"),
            (" # nothing", ""),
            ("a=b=c", "a=b=c"),
            ("grüße", "grüße"),
            ("  a", "a"),
            ("a  ", "a"),
            ("'two\nlines'", "two\nlines"),
        ] {
            for end in ["", "\n", "\r\n", " ", "\nLISTEN=127.0.0.1:1\n"] {
                let text = format!("KEYS_PASSPHRASE={typed}{end}");
                assert_eq!(read(&text), Ok(Some(expected.to_owned())), "{text:?}");
            }
        }
    }

    #[test]
    fn a_name_may_be_written_as_shells_have_it() {
        for text in [
            "KEYS_PASSPHRASE=a",
            "export KEYS_PASSPHRASE=a",
            "  export  KEYS_PASSPHRASE=a",
            "KEYS_PASSPHRASE = a",
            "\u{feff}KEYS_PASSPHRASE=a",
            "\u{feff}# comment\nKEYS_PASSPHRASE=a",
            "# KEYS_PASSPHRASE=b\n\n \t\nKEYS_PASSPHRASE=a",
            "export=1\nKEYS_PASSPHRASE=a",
        ] {
            assert_eq!(read(text), Ok(Some("a".to_owned())), "{text:?}");
        }
        assert_eq!(read(""), Ok(None));
        assert_eq!(read("#KEYS_PASSPHRASE=a"), Ok(None));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused_by_its_line_and_never_repeated() {
        for line in [
            "KEYS_PASSPHRASE=hunter2 x",
            "KEYS_PASSPHRASE=hunter2\u{a0}x",
            "KEYS_PASSPHRASE=hunter2\rx",
            "KEYS_PASSPHRASE=#hunter2",
            "KEYS_PASSPHRASE=it's_hunter2",
            "KEYS_PASSPHRASE=hunter2\"x\"",
            r"KEYS_PASSPHRASE=hunter2\n",
            r"KEYS_PASSPHRASE=hunter2\$x",
            "KEYS_PASSPHRASE='hunter2'x",
            "KEYS_PASSPHRASE='hunter2'#x",
            "KEYS_PASSPHRASE='hunter2' x",
            "KEYS_PASSPHRASE=\"hunter2",
            "KEYS_PASSPHRASE='hunter2",
            r#"KEYS_PASSPHRASE="hunter2\""#,
            r#"KEYS_PASSPHRASE="hunter2\d""#,
            "KEYS_PASSPHRASE: hunter2",
            "KEYS_PASSPHRASE",
            "export KEYS_PASSPHRASE",
            "set KEYS_PASSPHRASE=hunter2",
            "KEYS-PASSPHRASE=hunter2",
            "=hunter2",
            "hunter2",
            "keys_passphrase=hunter2",
            "Keys_Passphrase=hunter2",
            "export keys_passphrase=hunter2",
            "AUDIENCE=hunter2",
            "LISTEN=\0hunter2",
        ] {
            let text = format!("AUDIENCE=\"a\nb\"\n\n# comment\n{line}\n");
            let problem = read(&text).expect_err(line);
            assert!(problem.starts_with("line 5: ") && !problem.contains("hunter2"), "{line:?}: {problem}");
        }
    }

    #[test]
    fn a_text_in_another_encoding_is_refused_by_its_line() {
        for (bytes, line) in
            [(b"\n\nAUDIENCE=\xff\n".as_slice(), 3), (b"\xff\xfeA\0=\0", 1), (b"A=b\nA\0=\0b\0", 2), (b"\xe9\n", 1)]
        {
            let problem = EnvFile::parse(bytes).unwrap_err();
            assert_eq!(problem, format!("line {line}: is not UTF-8 text"));
        }
    }

    #[test]
    fn a_setting_that_is_there_twice_is_refused_with_both_lines() {
        let problem = EnvFile::parse(b"AUDIENCE=a\nLISTEN=b\nAUDIENCE=a\n").unwrap_err();
        assert_eq!(problem, "line 3: AUDIENCE is already set in line 1");
    }

    #[test]
    fn a_misspelled_name_resembles_the_one_that_was_meant() {
        for (name, expected) in [
            ("LISTN", true),
            ("LISTENN", true),
            ("LSITEN", true),
            ("LIXXEN", true),
            ("XLISTEN", true),
            ("LISTEN_ON", false),
            ("LIS", false),
            ("NETSIL", false),
            ("", false),
        ] {
            assert_eq!(resembles("LISTEN", name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_no_setting_is_pointed_out() {
        let file = EnvFile::parse(b"AUDIENC=a\nHTTP2=a\nhunter2=\nAUDIENC=b\n").unwrap();
        let expected =
            ["AUDIENC is not a setting of tokensmith; did you mean AUDIENCE?", "HTTP2 is not a setting of tokensmith"];
        assert_eq!(file.unknown.first_chunk::<2>().unwrap(), &expected);
        assert_eq!(file.unknown.get(2).unwrap(), "line 3 sets something that is not a setting of tokensmith");
    }
}
