//! What only a process of its own shows: alarms, its log, its files, its memory.

use std::fs;
use std::time::Duration;

use cloakroom::embedded::authorization_server::AuthorizationServer;
use cloakroom::embedded::storage::Storage;
use reqwest::StatusCode;

use crate::support::{Process, Serve, cloakroom, dev_token};

use super::until;

const ON: (&str, &str) = ("CLOAKROOM_METRICS__ADDRESS", "127.0.0.1:0");

/// The address of the metrics of a process that starts.
async fn address(serve: &mut Serve) -> String {
    let line = serve.line("metrics are served").await;
    format!("http://{}/metrics", line["address"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_and_lost_log_lines_are_counted() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::start(0, directory.path().join("storage"))
        .await
        .unwrap();
    let identity = storage.identity();
    let key = identity.secret_access_key.as_str();
    let variables = [
        ON,
        (
            "CLOAKROOM_STORAGE__ACCESS_KEY_ID",
            identity.access_key_id.as_str(),
        ),
        ("CLOAKROOM_STORAGE__SECRET_ACCESS_KEY", key),
    ];
    let mut serve = Serve::launch(&oauth, &storage.url(), &variables);
    let metrics = address(&mut serve).await;
    serve.listening().await;
    crate::support::until_ready(&serve.url).await;
    let alarms = "cloakroom_alarms_total{kind=\"bucket-conflict\"}";
    let none = until(&metrics, "it starts", |_| true).await;
    assert!(none.names().contains("cloakroom_alarms_total"));
    assert_eq!(none.count("cloakroom_alarms_total"), 0);

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let token = dev_token(&http, &oauth, &[]).await;
    let root = crate::support::s3(&storage.url(), &identity.access_key_id, key, None);
    let bucket = crate::support::ALICES_BUCKET;
    root.create_bucket().bucket(bucket).send().await.unwrap();
    let ask = async || {
        let asked = http.post(format!("{}/v1/credentials", serve.url));
        asked.bearer_auth(&token).send().await.unwrap().status()
    };
    assert_eq!(ask().await, StatusCode::CONFLICT);
    let now = until(&metrics, "the alarm is counted", |samples| {
        samples.count(alarms) == 1
    })
    .await;
    assert_eq!(now.count("cloakroom_alarms_total"), 1);
    for level in [
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_threads",
        "process_start_time_seconds",
        "process_cpu_seconds_total",
        "cloakroom_runtime_tasks",
        "cloakroom_runtime_workers",
    ] {
        assert!(now.sum(level) > 0.0, "{level}");
    }
    assert_eq!(
        now.count("cloakroom_build_info{engine=\"generic\",database=\"sqlite\"}"),
        1
    );
    assert_eq!(now.count("cloakroom_log_lines_dropped_total"), 0);

    serve.close_log();
    let url = serve.url.clone();
    let lost = until(&metrics, "lines are lost", |samples| {
        samples.count("cloakroom_log_lines_dropped_total") > 0
    });
    let asking = async {
        loop {
            http.get(&url).send().await.unwrap();
        }
    };
    tokio::select! {
        _ = lost => {}
        () = asking => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_reloaded_shows_until_it_is_mended() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    fs::write(&file, &oauth.resource_server().client_secret).unwrap();
    let path = file.display().to_string();
    let variables = [ON, ("CLOAKROOM_OAUTH__CLIENT_SECRET_FILE", path.as_str())];
    let mut serve = Serve::launch(&oauth, "http://127.0.0.1:1", &variables);
    let metrics = address(&mut serve).await;
    serve.listening().await;
    let failed = "cloakroom_config_file_failed{key=\"oauth.client_secret_file\"}";
    for (content, expected) in [("", 1), ("another-secret-of-it", 0)] {
        fs::write(&file, content).unwrap();
        serve.signal("HUP").await;
        until(&metrics, failed, |samples| {
            samples.count(failed) == expected
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_isolation_shows_when_it_was() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::start(0, directory.path().join("storage"))
        .await
        .unwrap();
    let identity = storage.identity();
    let variables = [
        ON,
        (
            "CLOAKROOM_STORAGE__ACCESS_KEY_ID",
            identity.access_key_id.as_str(),
        ),
        (
            "CLOAKROOM_STORAGE__SECRET_ACCESS_KEY",
            identity.secret_access_key.as_str(),
        ),
    ];
    let command = cloakroom(&["serve", "--doctor"]);
    let mut serve = Serve::run(command, &oauth, &storage.url(), &variables);
    let metrics = address(&mut serve).await;
    let proven = "cloakroom_doctor_last_success_timestamp_seconds";
    let now = until(&metrics, proven, |samples| samples.count(proven) > 0).await;
    assert!(now.count(proven) >= now.count("process_start_time_seconds"));
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_serves_metrics_and_says_where() {
    let mut dev = Process::dev(&[]).await;
    let blocks = dev.blocks_to_paste().await;
    let line = blocks[0]
        .lines()
        .find(|line| line.trim_start().starts_with("metrics"));
    let url = line.unwrap().rsplit(' ').next().unwrap().to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let ready = until(&url, "dev is ready", |samples| {
        samples.count("cloakroom_ready") == 1
    });
    let ready = tokio::time::timeout(Duration::from_secs(20), ready).await;
    assert!(ready.is_ok());
    dev.stop().await;
}
