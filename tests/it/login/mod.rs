//! `cloakroom login`, `logout`, `whoami`, `setup` and `credentials` by the tokens of `login`, see
//! docs/clients/login.md.

mod ending;
mod fake;
mod killed;
mod polling;
mod profiles;
mod refreshing;
mod replacing;
mod resource;
mod signing_in;
mod storage;

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use url::Url;
use wiremock::MockServer;

use crate::support::{App, Setup, cloakroom};

const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway that names a client to sign in as. It asks about each token each time.
async fn gateway() -> App {
    let setup = Setup::default().key("http.login_client_id", "demo");
    setup.key("oauth.introspection_cache", "0s").spawn().await
}

/// A fresh user of a machine, at a gateway.
struct User {
    home: TempDir,
    url: String,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// `cloakroom login` while it waits for the person.
struct Waiting {
    child: Child,
    stderr: Lines<BufReader<ChildStderr>>,
}

impl User {
    fn at(app: &App) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            url: app.url.clone(),
        }
    }

    /// A fresh user of a machine, at a server that is a gateway.
    fn of(server: &MockServer) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            url: server.uri(),
        }
    }

    /// Someone who has signed in as alice.
    async fn signed_in(app: &App) -> Self {
        let user = Self::at(app);
        let mut waiting = user.login(&["--browser"]);
        browse(&waiting.link().await, "alice").await;
        let ran = waiting.end().await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        user
    }

    /// The program, as this user runs it. `/bin/true` is the browser: it opens nothing.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = cloakroom(arguments);
        command
            .env("HOME", self.home.path())
            .env("BROWSER", "/bin/true")
            .env("CLOAKROOM_URL", &self.url);
        command
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        let running = tokio::time::timeout(PATIENCE, self.command(arguments).output());
        Ran::of(running.await.unwrap().unwrap())
    }

    fn login(&self, arguments: &[&str]) -> Waiting {
        let mut command = self.command(&["login", "--yes"]);
        command.args(arguments);
        Waiting::of(command)
    }

    fn state(&self) -> PathBuf {
        self.home.path().join(".local/state/cloakroom")
    }

    /// The file with the tokens, if there is one.
    fn file(&self) -> Option<PathBuf> {
        let entries = std::fs::read_dir(self.state()).ok()?;
        let mut paths = entries.map(|entry| entry.unwrap().path());
        paths.find(|path| path.extension().is_some_and(|end| end == "json"))
    }

    /// Where a killed process leaves new content.
    fn unfinished(&self) -> PathBuf {
        let file = self.file().unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        file.with_file_name(format!(".{name}.new"))
    }

    fn kept(&self) -> Value {
        let text = std::fs::read_to_string(self.file().unwrap()).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Changes what is kept.
    fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut kept = self.kept();
        change(&mut kept);
        std::fs::write(self.file().unwrap(), kept.to_string()).unwrap();
    }

    /// Lets the access token be about to expire.
    fn expire(&self) {
        self.change(|kept| kept["granted"]["expires"] = json!("2026-01-01T00:00:00Z"));
    }

    fn access_token(&self) -> String {
        let kept = self.kept();
        kept["granted"]["access_token"].as_str().unwrap().to_owned()
    }
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Waiting {
    fn of(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, stderr }
    }

    /// The link that it prints.
    async fn link(&mut self) -> Url {
        let line = self.line_with("  http").await;
        Url::parse(line.trim()).unwrap()
    }

    async fn line_with(&mut self, what: &str) -> String {
        let reading = async {
            loop {
                let line = self.stderr.next_line().await.unwrap();
                let line = line.expect("the command ended early");
                if line.contains(what) {
                    return line;
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap()
    }

    async fn end(mut self) -> Ran {
        let waiting = tokio::time::timeout(PATIENCE, self.child.wait());
        let code = waiting.await.unwrap().unwrap().code();
        let mut stderr = String::new();
        let mut rest = self.stderr.into_inner();
        rest.read_to_string(&mut stderr).await.unwrap();
        Ran {
            code,
            stdout: String::new(),
            stderr,
        }
    }

    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

fn http() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy();
    builder.redirect(Policy::none()).build().unwrap()
}

/// Where the page of the authorization server sends the browser once this person has signed in.
async fn sign_in(link: &Url, user: &str) -> Url {
    let mut form: Vec<(String, String)> = link.query_pairs().into_owned().collect();
    form.push(("user".to_owned(), user.to_owned()));
    let mut page = link.clone();
    page.set_query(None);
    let answer = http().post(page).form(&form).send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap();
    Url::parse(location).unwrap()
}

/// Signs in on the page, and follows the browser back to the command.
async fn browse(link: &Url, user: &str) {
    let back = sign_in(link, user).await;
    let answer = http().get(back).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.unwrap().contains("close this page"));
}

/// Answers the page for devices.
async fn on_page(link: &Url, form: &[(&str, &str)]) {
    let shown = http().get(link.clone()).send().await.unwrap();
    assert_eq!(shown.status(), 200);
    let (_, code) = link.query_pairs().next().unwrap();
    let mut page = link.clone();
    page.set_query(None);
    let form = [&[("user_code", &*code)], form].concat();
    let answer = http().post(page).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}
