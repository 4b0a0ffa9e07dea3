use std::fmt::Write as _;
use std::io::IsTerminal;

use serde::Serialize;

use crate::config::Config;
use crate::server::doctor;
use crate::service::doctor::{Check, Outcome, Report};
use crate::telemetry;

use super::outcome::{CommandError, print};
use super::{ConfigFile, environment, signals};

/// Proves on the real store that one owner's credentials reach nothing of another's. Makes two
/// throw-away buckets and removes them, also when it is interrupted.
#[derive(clap::Args, Debug)]
pub(super) struct DoctorCommand {
    #[command(flatten)]
    file: ConfigFile,
    /// For machines: one JSON object
    #[arg(long)]
    json: bool,
    /// Only remove what an examination that was killed has left
    #[arg(long)]
    clean: bool,
}

#[derive(Serialize)]
struct JsonReport<'a> {
    sound: bool,
    interrupted: bool,
    verdict: String,
    checks: Vec<JsonCheck<'a>>,
}

#[derive(Serialize)]
struct JsonCheck<'a> {
    name: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    took_ms: u128,
}

impl DoctorCommand {
    pub(super) async fn run(&self) -> Result<(), CommandError> {
        let config = Config::load(self.file.config.as_deref(), environment()?)?;
        let _flush = telemetry::start(config.log.level)
            .map_err(|error| CommandError::Failed(error.to_string()))?;
        let doctor = doctor(&config).await?;
        if self.clean {
            let removed = doctor.clean().await;
            let removed = removed.map_err(|failure| CommandError::Failed(failure.to_string()))?;
            return print(&format!("{removed} buckets removed\n"));
        }
        let report = doctor.examine(signals::stop()).await;
        if self.json {
            let json = serde_json::to_string_pretty(&JsonReport::from(&report));
            let json = json.map_err(|error| CommandError::Failed(error.to_string()))?;
            print(&format!("{json}\n"))?;
        } else {
            let table = table(&report, std::io::stdout().is_terminal());
            print(&format!("{table}{}\n", verdict(&report)))?;
        }
        match (report.is_sound(), self.json) {
            (true, _) => Ok(()),
            (false, true) => Err(CommandError::Failed(verdict(&report))),
            (false, false) => Err(CommandError::Reported),
        }
    }
}

/// What an examination comes to: the table's last line.
fn verdict(report: &Report) -> String {
    let (all, failed) = (report.checks.len(), report.failures().count());
    let skipped = report.checks.iter();
    let skipped = skipped.filter(|check| matches!(check.outcome, Outcome::Skipped(_)));
    let skipped = skipped.count();
    if report.is_sound() {
        format!("SOUND: {} checks passed, {skipped} skipped", all - skipped)
    } else if failed > 0 {
        format!("NOT SOUND: {failed} of {all} checks failed, {skipped} skipped")
    } else {
        format!("NOT SOUND: interrupted after {all} checks, before everything was looked at")
    }
}

/// A check a line: outcome, time, name; and below it why, where there is something to say.
fn table(report: &Report, colours: bool) -> String {
    report.checks.iter().fold(String::new(), |mut text, check| {
        let (outcome, why) = words(check);
        let (colour, plain) = match (colours, outcome) {
            (false, _) => ("", ""),
            (true, "passed") => ("\u{1b}[32m", "\u{1b}[0m"),
            (true, "failed") => ("\u{1b}[31m", "\u{1b}[0m"),
            (true, _) => ("\u{1b}[33m", "\u{1b}[0m"),
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{colour}{outcome:7}{plain} {:>6} ms  {}",
            check.took.as_millis(),
            check.name
        );
        if let Some(why) = why {
            let _ = writeln!(text, "                    {why}");
        }
        text
    })
}

fn words(check: &Check) -> (&'static str, Option<&str>) {
    match &check.outcome {
        Outcome::Passed => ("passed", None),
        Outcome::Failed(why) => ("failed", Some(why)),
        Outcome::Skipped(why) => ("skipped", Some(why)),
    }
}

impl<'a> From<&'a Report> for JsonReport<'a> {
    fn from(report: &'a Report) -> Self {
        let checks = report.checks.iter().map(|check| {
            let (outcome, why) = words(check);
            JsonCheck {
                name: &check.name,
                outcome,
                why,
                took_ms: check.took.as_millis(),
            }
        });
        Self {
            sound: report.is_sound(),
            interrupted: report.interrupted,
            verdict: verdict(report),
            checks: checks.collect(),
        }
    }
}
