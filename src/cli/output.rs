//! What commands print: results on standard output, notes on standard error.

mod table;

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use super::error::CommandError;

pub(super) use table::{Row, records, table};

/// Prints a result, alone on standard output.
pub(super) fn print(text: &str) -> Result<(), CommandError> {
    write(std::io::stdout(), text)
}

/// Prints text with colours, which `anstream` removes unless a terminal shows them (`NO_COLOR`).
pub(super) fn print_styled(text: &str) -> Result<(), CommandError> {
    write(anstream::stdout(), text)
}

pub(super) fn print_json(view: &impl Serialize) -> Result<(), CommandError> {
    let json = serde_json::to_string_pretty(view).map_err(CommandError::failed)?;
    print(&format!("{json}\n"))
}

fn write(mut out: impl Write, text: &str) -> Result<(), CommandError> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // The reader has closed the pipe, so it needs no more output.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(CommandError::failed),
    }
}

/// Writes a line to standard error. Ignores a closed one: there is nowhere else to write.
pub(super) fn note(text: &impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{}", printable(&text.to_string()));
}

/// Replaces control characters, format characters (which reverse or hide text) and line separators by
/// spaces, so that names chosen by others cannot control a terminal.
pub(super) fn printable(text: &str) -> String {
    let is_unsafe = |c: char| {
        matches!(
            c.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        )
    };
    text.chars()
        .map(|c| if is_unsafe(c) { ' ' } else { c })
        .collect()
}

/// RFC 3339, UTC, whole seconds.
pub(super) fn utc(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// `-` for a missing value.
pub(super) fn or_dash(text: Option<&String>) -> String {
    text.map_or_else(|| "-".to_owned(), Clone::clone)
}

/// An owner or a caller as command-line arguments name it: a person is
/// `client/subject`, and a caller of a named issuer `["issuer","client","subject"]`.
pub(super) fn named(stored: &str) -> String {
    let Some(person) = stored.strip_prefix("principal ") else {
        return stored.to_owned();
    };
    match serde_json::from_str::<[String; 2]>(person) {
        Ok(pair) => pair.join("/"),
        Err(_) => person.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_format_characters_become_spaces() {
        for c in
            "\u{1b}\u{9b}\u{ad}\u{200b}\u{200f}\u{2028}\u{2029}\u{202e}\u{2066}\u{feff}\u{e0041}"
                .chars()
        {
            assert_eq!(printable(&format!("a{c}b")), "a b", "{c:?}");
        }
        assert_eq!(printable("Zoë 資料 🙂"), "Zoë 資料 🙂");
    }
}
