use std::borrow::Cow;
use std::io::{self, BufWriter, ErrorKind, Write};

use chrono::{DateTime, Utc};
use clap::ValueEnum;

use crate::adapters::database::{AuditPages, AuditRow};
use crate::cli::error::CommandError;
use crate::cli::options::QueryOptions;
use crate::cli::output::note;
use crate::server::database;

use crate::cli::time::parse_since;

/// The names of the columns, which are the fields of `audit --json`.
const COLUMNS: [&str; 13] = [
    "time",
    "action",
    "caller",
    "owner",
    "holder",
    "bucket",
    "prefix",
    "access",
    "access_key_id",
    "expiration",
    "dialect",
    "request_id",
    "detail",
];

/// What a spreadsheet takes for the start of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Print all rows of the audit trail, or those of a time, oldest first
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom audit export --since 2026-11-01 --until 2026-12-01 | gzip > 2026-11.jsonl.gz
  cloakroom audit export --since 30d --format csv > audit.csv

Needs little memory however many rows there are, and ends with those that were there when it began.
In CSV, a value that a spreadsheet would run as a formula has a ' in front; JSON is exact.")]
pub(super) struct ExportCommand {
    /// Only rows since then: 24h, 2026-11-21, or 2026-11-21T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<DateTime<Utc>>,
    /// Only rows before then, in the same forms
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    until: Option<DateTime<Utc>>,
    /// Form of the rows
    #[arg(long, value_enum, default_value = "jsonl", conflicts_with = "json")]
    format: Format,
    #[command(flatten)]
    options: QueryOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A JSON object a line
    Jsonl,
    /// Comma-separated values, the names of the columns first
    Csv,
}

/// Where the rows go.
enum Sink<Output: Write> {
    Jsonl(BufWriter<Output>),
    Csv(Box<csv::Writer<Output>>),
}

impl ExportCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        if let (Some(since), Some(until)) = (self.since, self.until)
            && since >= until
        {
            return Err(CommandError::failed("--until: must be later than --since"));
        }
        let database = database(&self.options.config()?).await?;
        let mut pages = AuditPages::open(&database, self.since, self.until).await?;
        let mut sink = Sink::new(self.format, io::stdout());
        let (mut has_reader, mut count) = (goes_on(sink.begin())?, 0);
        while has_reader && let Some(rows) = pages.next().await? {
            has_reader = goes_on(sink.write(&rows))?;
            count += rows.len();
        }
        note(&format!("{count} rows"));
        Ok(())
    }
}

impl<Output: Write> Sink<Output> {
    fn new(format: Format, output: Output) -> Self {
        match format {
            Format::Jsonl => Self::Jsonl(BufWriter::new(output)),
            Format::Csv => Self::Csv(Box::new(csv::Writer::from_writer(output))),
        }
    }

    /// Writes what comes before the rows.
    fn begin(&mut self) -> io::Result<()> {
        match self {
            Self::Jsonl(_) => Ok(()),
            Self::Csv(csv) => {
                csv.write_record(COLUMNS)?;
                csv.flush()
            }
        }
    }

    fn write(&mut self, rows: &[AuditRow]) -> io::Result<()> {
        match self {
            Self::Jsonl(output) => {
                for row in rows {
                    serde_json::to_writer(&mut *output, row)?;
                    output.write_all(b"\n")?;
                }
                output.flush()
            }
            Self::Csv(csv) => {
                for row in rows {
                    csv.write_record(cells(row).map(|cell| harmless(cell).into_owned()))?;
                }
                csv.flush()
            }
        }
    }
}

/// Whether the output still has a reader.
fn goes_on(written: io::Result<()>) -> Result<bool, CommandError> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(CommandError::failed(error)),
    }
}

/// The row's values in the order of [`COLUMNS`].
fn cells(row: &AuditRow) -> [&str; 13] {
    let AuditRow {
        time,
        action,
        caller,
        owner,
        access_key_owner,
        bucket,
        prefix,
        access,
        access_key_id,
        expiration,
        dialect,
        request_id,
        detail,
    } = row;
    [
        time,
        action,
        caller,
        owner,
        access_key_owner,
        bucket,
        prefix,
        access,
        access_key_id,
        expiration,
        dialect,
        request_id,
        detail,
    ]
}

/// The value as spreadsheets show it and never run it (OWASP, CSV injection).
fn harmless(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(FORMULA) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(detail: &str) -> AuditRow {
        let text = str::to_owned;
        AuditRow {
            time: text("2026-11-26T00:00:00Z"),
            action: text("api-key create"),
            caller: text("operator root"),
            owner: text("organisation acme"),
            access_key_owner: String::new(),
            bucket: String::new(),
            prefix: String::new(),
            access: String::new(),
            access_key_id: text("ck_1"),
            expiration: String::new(),
            dialect: text("cli"),
            request_id: text("1"),
            detail: detail.to_owned(),
        }
    }

    fn written(format: Format, rows: &[AuditRow]) -> String {
        let mut output = Vec::new();
        let mut sink = Sink::new(format, &mut output);
        sink.begin().unwrap();
        sink.write(rows).unwrap();
        drop(sink);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn columns_are_the_fields_of_json() {
        let line = written(Format::Jsonl, &[row("")]);
        let fields: serde_json::Map<_, _> = serde_json::from_str(&line).unwrap();
        let row = row("");
        let pairs = COLUMNS.into_iter().zip(cells(&row));
        let named: serde_json::Map<_, _> = pairs
            .map(|(name, cell)| (name.to_owned(), cell.into()))
            .collect();
        assert_eq!(fields, named);
    }

    #[test]
    fn json_has_a_row_a_line() {
        let lines = written(Format::Jsonl, &[row("a\nb"), row("=1+1")]);
        let lines: Vec<serde_json::Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let details: Vec<_> = lines.iter().map(|line| &line["detail"]).collect();
        assert_eq!(details, ["a\nb", "=1+1"]);
    }

    #[test]
    fn csv_starts_no_formula_and_quotes_its_own_characters() {
        for (detail, cell) in [
            ("=HYPERLINK(0)", "'=HYPERLINK(0)"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("a=1", "a=1"),
            ("a,\"b\"", "\"a,\"\"b\"\"\""),
            ("a\nb", "\"a\nb\""),
        ] {
            let text = written(Format::Csv, &[row(detail)]);
            let (names, values) = text.split_once('\n').unwrap();
            assert_eq!(names, COLUMNS.join(","));
            assert!(values.ends_with(&format!(",cli,1,{cell}\n")), "{values}");
        }
    }

    #[test]
    fn csv_names_its_columns_without_rows() {
        assert_eq!(
            written(Format::Csv, &[]),
            format!("{}\n", COLUMNS.join(","))
        );
    }
}
