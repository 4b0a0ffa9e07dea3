use std::fmt::Write as _;

use clap::builder::styling::AnsiColor;
use serde::Serialize;

use crate::server::doctor;
use crate::service::doctor::{Check, Outcome, Report};
use crate::telemetry;

use super::error::CommandError;
use super::options::QueryOptions;
use super::output::{print, print_json, print_styled, printable};
use super::signals;

/// Prove on the real store that owners are isolated from each other
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom doctor --config /etc/cloakroom.toml
  cloakroom doctor --json | jq '.checks[] | select(.outcome == \"failed\")'
  cloakroom doctor --clean

Creates two temporary buckets and removes them, also when it is interrupted.

Exit codes: 0 every check that could run passed, 1 a check failed, 64 bad configuration.")]
pub(super) struct DoctorCommand {
    #[command(flatten)]
    options: QueryOptions,
    /// Only remove what a run that was killed left behind
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
        let config = self.options.config()?;
        let _telemetry = telemetry::start(config.log.level, None).map_err(CommandError::failed)?;
        let doctor = doctor(&config).await?;
        if self.clean {
            let removed = doctor.clean().await.map_err(CommandError::failed)?;
            return print(&format!("{removed} buckets removed\n"));
        }
        let report = doctor.examine(signals::stop()).await;
        let json = self.options.json;
        if json {
            print_json(&JsonReport::from(&report))?;
        } else {
            print_styled(&format!("{}{}\n", table(&report), verdict(&report)))?;
        }
        match (report.is_sound(), json) {
            (true, _) => Ok(()),
            (false, true) => Err(CommandError::Failed(verdict(&report))),
            (false, false) => Err(CommandError::Reported),
        }
    }
}

/// The conclusion: the last line of the table.
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

/// One check a line: outcome, time, name; below it the reason, if there is one.
fn table(report: &Report) -> String {
    report.checks.iter().fold(String::new(), |mut text, check| {
        let (outcome, why) = words(check);
        let colour = match check.outcome {
            Outcome::Passed => AnsiColor::Green,
            Outcome::Failed(_) => AnsiColor::Red,
            Outcome::Skipped(_) => AnsiColor::Yellow,
        };
        let style = colour.on_default();
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{style}{outcome:7}{style:#} {:>6} ms  {}",
            check.took.as_millis(),
            check.name
        );
        if let Some(why) = why {
            let _ = writeln!(text, "                    {}", printable(why));
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
