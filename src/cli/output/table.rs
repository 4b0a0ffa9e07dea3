//! Rows as text for people: a table where it fits, else one field a line.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use chrono::DateTime;
use unicode_width::UnicodeWidthStr as _;

use super::printable;

/// The longest line, in columns of a terminal.
const WIDTH: usize = 100;

/// The shortest form of a value, in columns of a terminal.
const SHORTEST: usize = 12;

/// `2026-11-21`
const DATE: usize = 10;

const GAP: usize = 2;

/// A result that is shown as a row of a table.
pub(in crate::cli) trait Row<const N: usize> {
    const COLUMNS: [&'static str; N];

    fn row(&self) -> [String; N];
}

/// Prints the rows below their headings, or one field a line if that is too wide. On a terminal, values
/// are shortened first, except those of the first column, which other commands take as arguments.
pub(in crate::cli) fn table<const N: usize>(names: [&str; N], rows: &[[String; N]]) -> String {
    let shorten = std::io::stdout().is_terminal();
    lay_out(names, &printable_rows(rows), shorten)
}

/// One field a line, empty ones left out; a blank line between rows.
pub(in crate::cli) fn records<const N: usize>(names: [&str; N], rows: &[[String; N]]) -> String {
    fields(names, &printable_rows(rows))
}

fn printable_rows<const N: usize>(rows: &[[String; N]]) -> Vec<[String; N]> {
    rows.iter()
        .map(|row| row.each_ref().map(|cell| printable(cell)))
        .collect()
}

fn lay_out<const N: usize>(names: [&str; N], rows: &[[String; N]], shorten: bool) -> String {
    let widths = widths(names, rows);
    if total(&widths) <= WIDTH {
        return columns(names, rows, widths);
    }
    let caps = (SHORTEST..=WIDTH).rev().filter(|_| shorten);
    let mut fitting = caps.map(|cap| capped(widths, cap));
    match fitting.find(|widths| total(widths) <= WIDTH) {
        Some(widths) => {
            let row = |row: &[String; N]| {
                let mut cells = row.each_ref().map(Clone::clone);
                for (cell, width) in cells.iter_mut().zip(widths) {
                    *cell = shortened(cell, width);
                }
                cells
            };
            let rows: Vec<[String; N]> = rows.iter().map(row).collect();
            columns(names, &rows, self::widths(names, &rows))
        }
        None => fields(names, rows),
    }
}

fn widths<const N: usize>(names: [&str; N], rows: &[[String; N]]) -> [usize; N] {
    let mut widths = names.map(length);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(length(cell));
        }
    }
    widths
}

fn capped<const N: usize>(mut widths: [usize; N], cap: usize) -> [usize; N] {
    for width in widths.iter_mut().skip(1) {
        *width = (*width).min(cap);
    }
    widths
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

fn columns<const N: usize>(names: [&str; N], rows: &[[String; N]], widths: [usize; N]) -> String {
    let names = names.map(str::to_owned);
    let mut text = String::new();
    for row in std::iter::once(&names).chain(rows) {
        let cells = row.iter().zip(widths);
        let line = cells.fold(String::new(), |mut line, (cell, width)| {
            // Writing to a string does not fail.
            let gap = width.saturating_sub(length(cell)) + GAP;
            let _ = write!(line, "{cell}{:gap$}", "");
            line
        });
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn fields<const N: usize>(names: [&str; N], rows: &[[String; N]]) -> String {
    let indent = names.map(length).into_iter().max().unwrap_or_default() + GAP;
    let row = |row: &[String; N]| {
        let mut text = String::new();
        for (name, cell) in names.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
            for (nth, line) in wrapped(cell, WIDTH - indent).iter().enumerate() {
                let name = if nth == 0 { name } else { "" };
                // Writing to a string does not fail.
                let _ = writeln!(text, "{name:indent$}{line}");
            }
        }
        text
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    rows.join("\n")
}

/// Wraps the text at words; a longer word gets a separate line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    if length(text) <= width {
        return vec![text.to_owned()];
    }
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if length(line) + 1 + length(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Shortens a time to its date, and other values to their beginning and end.
fn shortened(text: &str, width: usize) -> String {
    if length(text) <= width {
        return text.to_owned();
    }
    if DateTime::parse_from_rfc3339(text).is_ok() {
        return text.chars().take(DATE).collect();
    }
    let kept = width.saturating_sub(1);
    let cuts = || {
        text.char_indices()
            .filter_map(|(at, _)| text.split_at_checked(at))
    };
    let mut heads = cuts().map(|(head, _)| head).rev();
    let head = heads.find(|head| length(head) <= kept.div_ceil(2));
    let mut tails = cuts().map(|(_, tail)| tail);
    let tail = tails.find(|tail| length(tail) <= kept / 2);
    format!("{}…{}", head.unwrap_or_default(), tail.unwrap_or_default())
}

/// The width in columns of a terminal: some characters take two, some none.
fn length(text: &str) -> usize {
    text.width()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["ORGANISATION", "STATE", "BUCKET", "CREATED"];

    fn row(slug: &str, bucket: &str) -> [String; 4] {
        [slug, "enabled", bucket, "2026-11-25T23:33:30Z"].map(str::to_owned)
    }

    #[test]
    fn columns_align_with_their_headings() {
        let rows = [
            ["acme".to_owned(), "1".to_owned()],
            ["a\u{1b}[2J".to_owned(), "22".to_owned()],
        ];
        assert_eq!(
            table(["NAME", "N"], &rows),
            "NAME   N\nacme   1\na [2J  22\n"
        );
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let rows = [
            ["資料".to_owned(), "1".to_owned()],
            ["acme".to_owned(), "2".to_owned()],
        ];
        assert_eq!(table(["NAME", "N"], &rows), "NAME  N\n資料  1\nacme  2\n");
        assert_eq!(shortened(&"資".repeat(20), 12), "資資資…資資");
    }

    fn two_organisations() -> [[String; 4]; 2] {
        [row("acme", &"0123456789".repeat(6)), row("beta", "clients")]
    }

    #[test]
    fn values_are_shortened_to_fit_a_terminal() {
        insta::assert_snapshot!(lay_out(NAMES, &two_organisations(), true), @"
        ORGANISATION  STATE    BUCKET                                                   CREATED
        acme          enabled  012345678901234567890123456…345678901234567890123456789  2026-11-25T23:33:30Z
        beta          enabled  clients                                                  2026-11-25T23:33:30Z
        ");
    }

    #[test]
    fn values_are_not_shortened_without_a_terminal() {
        insta::assert_snapshot!(lay_out(NAMES, &two_organisations(), false), @"
        ORGANISATION  acme
        STATE         enabled
        BUCKET        012345678901234567890123456789012345678901234567890123456789
        CREATED       2026-11-25T23:33:30Z

        ORGANISATION  beta
        STATE         enabled
        BUCKET        clients
        CREATED       2026-11-25T23:33:30Z
        ");
    }

    #[test]
    fn a_long_list_of_words_is_wrapped() {
        let buckets = ["a".repeat(63), "b".repeat(63)].join(" ");
        let text = records(["KEY", "OPENS"], &[["ak_1".to_owned(), buckets]]);
        let (a, b) = ("a".repeat(63), "b".repeat(63));
        assert_eq!(text, format!("KEY    ak_1\nOPENS  {a}\n       {b}\n"));
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_wider_than_the_limit(
            rows in proptest::collection::vec(
                proptest::array::uniform8("([a-z]{0,63}|[a-z ]{0,255}|[一-龥]{0,32}|2026-11-25T23:33:30Z)"),
                0..4,
            ),
            shorten: bool,
        ) {
            let names = ["TIME", "ACTION", "WHO", "WHOSE", "ACCESS", "BUCKET", "PREFIX", "KEY"];
            let text = lay_out(names, &rows, shorten);
            for line in text.lines() {
                proptest::prop_assert!(length(line) <= WIDTH, "{line}");
            }
        }
    }

    #[test]
    fn a_shortened_time_is_its_date() {
        assert_eq!(shortened("2026-11-25T23:33:30Z", 12), "2026-11-25");
        assert_eq!(
            shortened("2026-11-25T23:33:30Z", 20),
            "2026-11-25T23:33:30Z"
        );
        assert_eq!(shortened("principal-of-somewhere", 12), "princi…where");
    }
}
