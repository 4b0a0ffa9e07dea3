//! `SIGHUP` makes the gateway read its files again, and does not end it.

use cloakroom::embedded::authorization_server::AuthorizationServer;

use crate::support::{Process, Serve};

const REREAD: &str = "SIGHUP: the files were read again";

async fn is_alive(gateway: &str) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.get(format!("{gateway}/livez")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_rereads_files_without_stopping_the_gateway() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    let write = |content: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        let new = directory.path().join("new");
        std::fs::write(&new, content).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(&new, &secret).unwrap();
    };
    write("0123456789abcdef");
    let file = (
        "CLOAKROOM_STORAGE__SECRET_ACCESS_KEY_FILE",
        secret.to_str().unwrap(),
    );
    let mut gateway = Serve::start(&oauth, "http://127.0.0.1:9", &[file]).await;
    // The periodic check every 2 s may come first, but not every time.
    for attempt in 0.. {
        write(&format!("fedcba987654321{attempt}"));
        gateway.signal("HUP").await;
        let line = gateway.line(REREAD).await;
        assert_eq!(line["files"], 1, "{line}");
        if line["changed"] == 1 {
            break;
        }
        assert!(attempt < 5, "a change is not seen at once");
    }
    write("");
    for _ in 0..2 {
        gateway.signal("HUP").await;
        let line = gateway
            .line("the file is invalid: its previous content stays in use")
            .await;
        assert_eq!(line["key"], "storage.secret_access_key_file", "{line}");
    }
    is_alive(&gateway.url).await;
    gateway.signal("TERM").await;
    gateway.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_does_not_end_dev() {
    let process = Process::dev(&[]).await;
    process.signal("HUP").await;
    is_alive(&process.gateway).await;
    let output = process.stop().await;
    assert!(output.contains(REREAD), "{output}");
}
