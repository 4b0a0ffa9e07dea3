//! `cloakroom audit export`.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::support::Process;

use super::{json, refused};

async fn export(process: &Process, arguments: &[&str]) -> String {
    let export = [&["audit", "export"], arguments].concat();
    process.administer(&export).await
}

fn rows(lines: &str) -> Vec<Value> {
    let lines = lines.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_every_row_that_audit_shows_in_order() {
    let process = Process::dev(&[]).await;
    process.administer(&["org", "create", "beta"]).await;
    let label = "=1+1, \"x\"";
    let create = ["api-key", "create", "--org", "beta", "--label", label];
    process.administer(&create).await;
    let shown = json(&process, &["audit"]).await;
    let shown = shown.as_array().unwrap();
    assert!(shown.len() > 4, "{shown:?}");
    for form in [&[][..], &["--format", "jsonl"], &["--json"]] {
        assert_eq!(rows(&export(&process, form).await), *shown, "{form:?}");
    }
    let csv = export(&process, &["--format", "csv"]).await;
    let mut read = csv::Reader::from_reader(csv.as_bytes());
    let names = read.headers().unwrap().clone();
    let records: Vec<csv::StringRecord> = read.records().map(Result::unwrap).collect();
    let records: Vec<Value> = records
        .iter()
        .map(|record| names.iter().zip(record).collect())
        .collect();
    let (last, before) = shown.split_last().unwrap();
    assert_eq!(records[..before.len()], *before);
    assert_eq!(records[before.len()]["detail"], json!(format!("'{label}")));
    assert_eq!(last["detail"], json!(label));
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_bound_an_export() {
    let process = Process::dev(&[]).await;
    let all = rows(&export(&process, &["--since", "1h"]).await);
    assert!(!all.is_empty());
    assert_eq!(rows(&export(&process, &["--until", "1h"]).await), [""; 0]);
    let later = ["--since", "1h", "--until", "2999-01-01"];
    assert_eq!(rows(&export(&process, &later).await), all);
    let never = ["audit", "export", "--since", "1h", "--until", "2h"];
    let said = refused(&process, &never).await;
    assert!(said.starts_with("--until: must be later"), "{said}");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_takes_its_filters_without_a_subcommand_only() {
    let process = Process::dev(&[]).await;
    let found = json(&process, &["audit", "--owner", "acme"]).await;
    assert!(!found.as_array().unwrap().is_empty());
    let both = ["audit", "--owner", "acme", "export"];
    let output = process.command(&both).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_ends_well_when_its_reader_has_read_enough() {
    let process = Process::dev(&[]).await;
    let mut command = process.command(&["audit", "export", "--format", "csv"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).await.unwrap();
    let status = child.wait().await.unwrap();
    assert!(status.success(), "{said}");
    process.stop().await;
}
