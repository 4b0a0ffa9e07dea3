//! `cloakroom org`, `api-key`, `workspace` and `audit` beside a running gateway.

mod areas;
mod audit;
mod blocks;
mod buckets;
mod erase;
mod erase_again;
mod export;
mod organisations;
mod owner_export;
mod removal;
mod retention;
mod tables;
mod workspaces;

use serde_json::Value;

use crate::support::Process;

/// The result of a command with `--json`.
pub(super) async fn json(process: &Process, arguments: &[&str]) -> Value {
    let text = process.administer(&[arguments, &["--json"]].concat()).await;
    serde_json::from_str(&text).unwrap()
}

/// The error of a command that must fail.
pub(super) async fn refused(process: &Process, arguments: &[&str]) -> String {
    let output = process.command(arguments).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

/// What a command that succeeds prints besides its result.
pub(super) async fn said(process: &Process, arguments: &[&str]) -> String {
    let output = process.command(arguments).output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

pub(super) async fn boto(process: &Process, key: &str) -> u16 {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.post(format!("{}/storage/boto", process.gateway));
    let answer = request.header("x-api-key", key).send().await.unwrap();
    answer.status().as_u16()
}

pub(super) async fn ask(process: &Process, path: &str, token: &str) -> reqwest::Response {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{path}", process.gateway);
    let request = match path {
        "/v1/credentials" => http.post(url),
        _ => http.get(url),
    };
    request.bearer_auth(token).send().await.unwrap()
}
