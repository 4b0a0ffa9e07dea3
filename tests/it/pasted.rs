//! The lines that users are told to paste: they work, and they keep secrets out of the arguments of
//! processes, which every user of a machine can read.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use cloakroom::http::StorageAddress;
use cloakroom::http::pages::snippets;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Process, spawn_app};

/// Replaces curl, records its arguments and calls the real one.
const RECORDER: &str = "#!/bin/sh\n\
    printf '%s\\n' \"$@\" >>\"$ARGUMENTS\"\n\
    PATH=${PATH#*:} exec curl \"$@\"\n";

/// The variables by which a shell could put a secret into a command.
const SECRETS: [&str; 6] = ["TOKEN", "SECRET", "API_KEY", "$KEY", "password=", "Bearer "];

async fn home(dev: &Process, host: &str) -> reqwest::Response {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.get(format!("{}/", dev.gateway));
    request.header("host", host).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn home_page_of_dev_answers_only_to_its_own_host() {
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
    let start = ["credentials", "echo "];
    let blocks: Vec<&str> = page
        .split("\n\n")
        .filter(|block| start.iter().any(|start| block.starts_with(start)))
        .collect();
    assert_eq!(blocks.len(), 4, "{blocks:#?}");
    let token = dev.dev_token(&["alice"]).await;
    let show = "echo; echo \"secrets $AWS_SECRET_ACCESS_KEY $AWS_SESSION_TOKEN\"\n\
        for name in $(echo \"$answer\" | sed -n 's/^export \\([A-Z0-9_]*\\)=.*/\\1/p'); do\n\
        env | grep -q \"^$name=.\" && echo \"has $name\" || echo \"lacks $name\"; done";
    let script = format!("{}\n{show}", blocks.join("\necho\n"));
    for shell in ["bash", "sh"] {
        let directory = tempfile::tempdir().unwrap();
        let ran = recorded(shell, &script, &token, directory.path()).await;
        let printed = String::from_utf8(ran.stdout).unwrap();
        let errors = String::from_utf8_lossy(&ran.stderr);
        assert!(
            printed.lines().any(|line| line == "hello"),
            "{printed}{errors}"
        );
        assert!(
            printed.contains("has BUCKET") && !printed.contains("lacks "),
            "{printed}"
        );
        let is_told = |what: &str| errors.lines().any(|line| line.starts_with(what));
        assert!(is_told("200 PUT ") && is_told("200 GET "), "{errors}");
        assert_eq!(
            printed.matches("aws_secret_access_key").count(),
            1,
            "{printed}"
        );
        assert_eq!(
            printed.matches("\"secret_access_key\"").count(),
            1,
            "{printed}"
        );
        let arguments = fs::read_to_string(directory.path().join("arguments")).unwrap();
        assert_eq!(arguments.matches("/v1/credentials?format=env").count(), 1);
        let key = page.split(['"', ' ']).find(|word| word.starts_with("ck_"));
        let shown = printed.lines().find(|line| line.starts_with("secrets "));
        let secrets: Vec<&str> = shown.unwrap().split(' ').skip(1).collect();
        assert!(secrets.len() == 2 && secrets.iter().all(|secret| secret.len() > 20));
        for secret in secrets.into_iter().chain([token.as_str(), key.unwrap()]) {
            assert!(!arguments.contains(secret), "{shell}: {arguments}");
        }
    }
    dev.stop().await;
}

/// Runs a script, which must exit with 0. Returns its standard output and standard error.
async fn succeeds(shell: &str, script: &str, token: &str, directory: &Path) -> (String, String) {
    let ran = recorded(shell, script, token, directory).await;
    let printed = String::from_utf8(ran.stdout).unwrap();
    let errors = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(0), "{shell}: {printed}{errors}");
    (printed, errors)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_explained_and_leaves_no_keys() {
    let app = spawn_app().await;
    let alice = app.token("alice").await;
    let functions = snippets::functions(&app.url);
    let script = format!(
        "{functions}\ncredentials || exit 9\nTOKEN=bad\ncredentials && exit 8\n\
         echo \"left $BUCKET$AWS_ACCESS_KEY_ID$AWS_SECRET_ACCESS_KEY$AWS_SESSION_TOKEN\
         $AWS_CREDENTIAL_EXPIRATION\"\n\
         s3 hello.txt && exit 7\nunset TOKEN\ncredentials && exit 6\nexit 0"
    );
    for shell in ["bash", "sh"] {
        let directory = tempfile::tempdir().unwrap();
        let (printed, errors) = succeeds(shell, &script, &alice, directory.path()).await;
        assert!(printed.starts_with("bucket ") && printed.lines().any(|line| line == "left "));
        assert!(errors.contains("\"title\":\"Invalid token\"") && errors.contains("\"detail\":"));
        let last: Vec<&str> = errors.lines().rev().take(2).collect();
        let missing = [
            "TOKEN is empty: set it to an access token first",
            "BUCKET is empty: run credentials first",
        ];
        assert_eq!(last, missing, "{shell}");
        let arguments = fs::read_to_string(directory.path().join("arguments")).unwrap();
        assert_eq!(
            arguments.matches("--fail-with-body").count(),
            2,
            "{shell}: {arguments}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_cannot_run_code_in_the_shell_that_pastes() {
    let gateway = MockServer::start().await;
    let answer = "export BUCKET='b-1'\nexport AWS_ENDPOINT_URL_S3='http://[::1]:9000'\nexport PATH='/evil'\n\
        export AWS_REGION='$(touch pwned)'\nexport AWS_SECRET_ACCESS_KEY='a+/='; touch pwned\n\
        export AWS_SESSION_TOKEN='x'$(touch pwned)'y'\ntouch pwned\n\
        export AWS_CREDENTIAL_EXPIRATION='x\\n'; touch pwned\\n'\n\
        export AWS_CONFIG_FILE='./evil'\nexport AWS_PROFILE='evil'\n";
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_string(answer))
        .mount(&gateway)
        .await;
    let show = "echo \"$BUCKET|$AWS_ENDPOINT_URL_S3|$AWS_REGION|$AWS_SECRET_ACCESS_KEY|$AWS_SESSION_TOKEN|$AWS_CONFIG_FILE$AWS_PROFILE\"";
    let functions = snippets::functions(&gateway.uri());
    for shell in ["bash", "sh"] {
        let directory = tempfile::tempdir().unwrap();
        let script = format!("{functions}\ncredentials; {show}; ls");
        let ran = recorded(shell, &script, "token", directory.path()).await;
        let printed = String::from_utf8(ran.stdout).unwrap();
        let wanted = "bucket b-1 until \nb-1|http://[::1]:9000||||\narguments\ncurl\n";
        assert_eq!(printed, wanted, "{shell}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_cannot_control_the_terminal() {
    let gateway = MockServer::start().await;
    let answer = "no \u{1b}]0;x\u{7}\u{9b}2J\u{202e}\\033[2J\r\nhere";
    Mock::given(any())
        .respond_with(ResponseTemplate::new(403).set_body_string(answer))
        .mount(&gateway)
        .await;
    let script = format!("{}\ncredentials", snippets::functions(&gateway.uri()));
    for shell in ["bash", "sh"] {
        let directory = tempfile::tempdir().unwrap();
        let ran = recorded(shell, &script, "token", directory.path()).await;
        let errors = String::from_utf8(ran.stderr).unwrap();
        assert!(
            errors.ends_with("\nno ]0;x2J\\033[2J\nhere\n"),
            "{shell}: {errors:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn object_keys_are_used_unchanged() {
    let app = spawn_app().await;
    let alice = app.token("alice").await;
    let script = format!(
        "{}\ncredentials || exit 9\nprintf 'two\\nlines\\n' >file\n\
         s3 a.txt -T file && s3 'report[1].txt' -T file && s3 '{{a,b}}.txt' -T file || exit 8\n\
         s3 'report[1].txt' && s3 '{{a,b}}.txt' -X DELETE && s3 a.txt || exit 7\n\
         s3 '{{a,b}}.txt' >gone && exit 6\n\
         s3 ../other/x >outside && exit 5\nexit 0",
        snippets::functions(&app.url)
    );
    for shell in ["bash", "sh"] {
        let directory = tempfile::tempdir().unwrap();
        let (printed, _) = succeeds(shell, &script, &alice, directory.path()).await;
        assert_eq!(printed.matches("two\nlines\n").count(), 2, "{printed}");
        let outside = fs::read_to_string(directory.path().join("outside")).unwrap();
        assert!(outside.contains("The key has a segment"), "{outside}");
    }
}

/// README and docs show the same lines as the pages and the banner of `dev`.
#[test]
fn documentation_matches_the_pasted_lines() {
    let (gateway, store) = ("http://127.0.0.1:8080", "http://127.0.0.1:9000");
    let storage = StorageAddress {
        endpoint: store.to_owned(),
        region: "us-east-1".to_owned(),
        path_style: true,
    };
    let (first_steps, organisations) = ("docs/first-steps.md", "docs/organisations.md");
    for (page, lines) in [
        ("README.md", snippets::functions(gateway)),
        ("README.md", snippets::FIRST_FILE.to_owned()),
        (first_steps, snippets::AWS_CLI.to_owned()),
        (first_steps, snippets::sdk_lines(gateway, &storage)),
        (organisations, snippets::api_key_line(gateway, "$API_KEY")),
        (
            organisations,
            snippets::workspace_line(gateway, "acme", "research"),
        ),
    ] {
        let text = fs::read_to_string(page).unwrap();
        assert!(text.contains(&lines), "{page} lacks\n{lines}");
    }
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
    for folder in ["docs", "docs/api", "docs/clients", "deploy/compose"] {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        let files = files.map(|entry| entry.path());
        // Pictures are not text.
        pages.extend(files.filter(|file| file.extension().is_none_or(|end| end != "webp")));
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

/// The calls of programs that take secrets, without their redirected input.
fn commands(line: &str) -> impl Iterator<Item = &str> {
    line.split(['|', ';']).filter_map(|command| {
        let called = ["curl -", "mc admin ", "mc alias ", "psql "];
        let starts = called.iter().filter_map(|name| command.find(name));
        let command = command.get(starts.min()?..)?;
        Some(command.split(['<', '>']).next().unwrap_or(command))
    })
}
