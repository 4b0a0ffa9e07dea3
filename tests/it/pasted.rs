//! What users are told to paste: it works, and it keeps secrets out of the arguments of processes,
//! which everybody on a machine can read.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::Process;

/// Stands before the real curl and writes its arguments down.
const RECORDER: &str = "#!/bin/sh\n\
    printf '%s\\n' \"$@\" >>\"$ARGUMENTS\"\n\
    PATH=${PATH#*:} exec curl \"$@\"\n";

/// What a secret is called where a shell puts it into a command.
const SECRETS: [&str; 6] = ["TOKEN", "SECRET", "API_KEY", "$KEY", "password=", "Bearer "];

async fn home(dev: &Process, host: &str) -> reqwest::Response {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.get(format!("{}/", dev.gateway));
    request.header("host", host).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_dev_answers_to_its_own_host_only() {
    let dev = Process::dev(&[]).await;
    let port = dev.gateway.rsplit(':').next().unwrap();
    for name in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
        let answer = home(&dev, &format!("{name}:{port}")).await;
        assert_eq!(answer.status(), 200, "{name}");
        assert!(answer.text().await.unwrap().contains("x-api-key: ck_"));
    }
    for host in [
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost.:{port}"),
        "evil.example".to_owned(),
        "127.0.0.1".to_owned(),
        "127.0.0.1:1".to_owned(),
    ] {
        let answer = home(&dev, &host).await;
        assert_eq!(answer.status(), 421, "{host}");
        let text = answer.text().await.unwrap();
        assert!(
            !text.contains("ck_") && text.contains(&dev.gateway),
            "{text}"
        );
    }
    dev.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pasted_lines_work_and_pass_no_secret_as_an_argument() {
    let dev = Process::dev(&[]).await;
    let page = home(&dev, dev.gateway.trim_start_matches("http://")).await;
    let page = page.text().await.unwrap();
    let start = ["eval ", "s3", "echo "];
    let lines: Vec<&str> = page
        .lines()
        .filter(|line| start.iter().any(|start| line.starts_with(start)))
        .collect();
    assert_eq!(lines.len(), 6, "{lines:#?}");
    let token = dev.dev_token(&["alice"]).await;
    let show = "echo; echo \"secrets $AWS_SECRET_ACCESS_KEY $AWS_SESSION_TOKEN\"";
    let script = format!("{}\n{show}", lines.join("\necho\n"));
    for shell in ["bash", "sh"] {
        let directory = tempfile::tempdir().unwrap();
        let ran = recorded(shell, &script, &token, directory.path()).await;
        let said = String::from_utf8(ran.stdout).unwrap();
        let errors = String::from_utf8_lossy(&ran.stderr);
        assert!(said.lines().any(|line| line == "hello"), "{said}{errors}");
        assert_eq!(said.matches("aws_secret_access_key").count(), 1, "{said}");
        assert_eq!(said.matches("\"secret_access_key\"").count(), 1, "{said}");
        let arguments = fs::read_to_string(directory.path().join("arguments")).unwrap();
        assert_eq!(arguments.matches("/v1/credentials?format=env").count(), 1);
        let key = page.split(['"', ' ']).find(|word| word.starts_with("ck_"));
        let shown = said.lines().find(|line| line.starts_with("secrets "));
        let secrets: Vec<&str> = shown.unwrap().split(' ').skip(1).collect();
        assert!(secrets.len() == 2 && secrets.iter().all(|secret| secret.len() > 20));
        for secret in secrets.into_iter().chain([token.as_str(), key.unwrap()]) {
            assert!(!arguments.contains(secret), "{shell}: {arguments}");
        }
    }
    dev.stop().await;
}

/// Runs a script with a curl that writes its arguments into the folder.
async fn recorded(shell: &str, script: &str, token: &str, folder: &Path) -> Output {
    let recorder = folder.join("curl");
    fs::write(&recorder, RECORDER).unwrap();
    fs::set_permissions(&recorder, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let running = tokio::process::Command::new(shell)
        .args(["-c", script])
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("ARGUMENTS", folder.join("arguments"))
        .env("NO_PROXY", "127.0.0.1")
        .env("TOKEN", token)
        .current_dir(folder)
        .output();
    running.await.unwrap()
}

#[test]
fn no_page_puts_a_secret_into_the_arguments_of_a_process() {
    let mut pages = vec![PathBuf::from("README.md")];
    for folder in ["docs", "docs/clients", "deploy/compose"] {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        pages.extend(files.map(|entry| entry.path()));
    }
    let mut looked_at = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap().replace("\\\n", " ");
        for command in text.lines().flat_map(commands) {
            looked_at += 1;
            let secret = SECRETS.iter().find(|secret| command.contains(**secret));
            assert_eq!(secret, None, "{}: {command}", page.display());
        }
    }
    assert!(looked_at > 10, "only {looked_at} commands");
}

/// The calls of programs that take secrets, without what is redirected to them.
fn commands(line: &str) -> impl Iterator<Item = &str> {
    line.split(['|', ';']).filter_map(|command| {
        let called = ["curl -", "mc admin ", "mc alias ", "psql "];
        let starts = called.iter().filter_map(|name| command.find(name));
        let command = command.get(starts.min()?..)?;
        Some(command.split(['<', '>']).next().unwrap_or(command))
    })
}
