//! `cloakroom doctor`, against the embedded servers and against unsound stores.

use cloakroom::adapters::{DoctorRegistry, fixed};
use cloakroom::server::{Server, StartError, doctor};
use cloakroom::service::doctor::{Check, Outcome, RegisteredAreas as _, Report};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wiremock::matchers::{any, method, path_regex, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::{App, Process, Setup, session_of, spawn_app};

/// A second gateway with the configuration of an app and its own database, which runs doctor before it
/// is ready.
struct Examined {
    readyz: String,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), StartError>>,
}

impl Examined {
    async fn start(app: &App) -> Self {
        let mut config = app.config.clone();
        config.database.url = fixed(sqlite(app, "second.db").into());
        let server = Server::build_examined(&config).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        Self {
            readyz: format!("http://{}/readyz", server.address()),
            stop,
            running: tokio::spawn(server.run(async { stopped.await.unwrap_or(()) })),
        }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
    }
}

fn sqlite(app: &App, name: &str) -> String {
    let file = app.directory.path().join(name);
    format!("sqlite://{}?mode=rwc", file.display())
}

async fn examine(config: &cloakroom::config::Config) -> Report {
    let doctor = doctor(config).await.unwrap();
    doctor.examine(std::future::pending()).await
}

fn failed(report: &Report) -> Vec<&str> {
    report.failures().map(|check| check.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_passes_on_the_embedded_store_and_cleans_up() {
    let app = spawn_app().await;
    let alice = app.credentials_of("alice").await;
    let report = examine(&app.config).await;
    assert_eq!(failed(&report), Vec::<&str>::new(), "{report:#?}");
    assert!(report.is_sound());
    let skipped = |check: &&Check| matches!(check.outcome, Outcome::Skipped(_));
    // Skipped: the unused keys, credentials that last for six sessions, and access keys.
    assert_eq!(
        report.checks.iter().filter(skipped).count(),
        8,
        "{report:#?}"
    );
    for (check, times) in [
        ("below a prefix, refused: list a neighbour's prefix", 2),
        ("below one's own prefix: list (version 1)", 2),
        ("with a read-only grant: get", 1),
        ("with a read-only grant, refused: put", 1),
        ("with a read-only grant below a prefix, refused: put", 1),
        ("a session ends when it was asked to", 1),
    ] {
        let named = report.checks.iter().filter(|one| one.name == check);
        let passed = named.filter(|one| one.outcome == Outcome::Passed);
        assert_eq!(passed.count(), times, "{check}");
    }
    let buckets = app.root().list_buckets().send().await.unwrap();
    let names: Vec<_> = buckets.buckets().iter().filter_map(|b| b.name()).collect();
    assert_eq!(names, [alice.bucket]);
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_checks_the_signing_keys_in_jwt_mode() {
    let app = Setup::default()
        .key("oauth.validation", "jwt")
        .key("oauth.audience", "cloakroom")
        .spawn()
        .await;
    let report = examine(&app.config).await;
    assert!(report.is_sound(), "{report:#?}");
    let keys = report
        .checks
        .iter()
        .find(|check| check.name.contains("keys"));
    assert_eq!(keys.unwrap().outcome, Outcome::Passed);
}

#[tokio::test(flavor = "multi_thread")]
async fn store_that_allows_or_fails_everything_is_not_sound() {
    let sts = MockServer::start().await;
    Mock::given(any())
        .respond_with(session_of(3600))
        .mount(&sts)
        .await;
    let yes = "<ListBucketResult/>";
    for (answer, says) in [
        (
            ResponseTemplate::new(200).set_body_string(yes),
            "THE STORE DID IT",
        ),
        (ResponseTemplate::new(500), "CreateBucket"),
    ] {
        let store = MockServer::start().await;
        Mock::given(|request: &Request| request.url.query() == Some("tagging"))
            .and(method("GET"))
            .respond_with(
                ResponseTemplate::new(200).set_body_string("<Tagging><TagSet/></Tagging>"),
            )
            .mount(&store)
            .await;
        Mock::given(any()).respond_with(answer).mount(&store).await;
        let app = Setup::default()
            .key("storage.endpoint", &store.uri())
            .key("storage.sts_endpoint", &sts.uri())
            .spawn()
            .await;
        let report = examine(&app.config).await;
        assert!(!report.is_sound(), "{report:#?}");
        let why = report
            .failures()
            .any(|check| matches!(&check.outcome, Outcome::Failed(why) if why.contains(says)));
        assert!(why, "{says}: {report:#?}");
        if says == "THE STORE DID IT" {
            let overlong = "a session ends when it was asked to";
            assert!(
                failed(&report).contains(&overlong),
                "an hour for 15 minutes"
            );
        }
    }
}

/// A store that finishes a put of a killed doctor after the bucket was emptied.
#[tokio::test(flavor = "multi_thread")]
async fn bucket_refilled_during_removal_is_emptied_again() {
    let store = MockServer::start().await;
    let app = Setup::default()
        .key("storage.endpoint", &store.uri())
        .spawn()
        .await;
    let doctor = doctor(&app.config).await.unwrap();
    let formula = &app.config.naming.formula;
    let bucket = formula.throw_away([7; 16]);
    let listing = format!(
        "<ListAllMyBucketsResult><Buckets><Bucket><Name>{}</Name></Bucket></Buckets></ListAllMyBucketsResult>",
        bucket.as_str()
    );
    let not_empty = "<Error><Code>BucketNotEmpty</Code></Error>";
    let contents = "<ListBucketResult><Contents><Key>late</Key></Contents></ListBucketResult>";
    let at = |verb: &str, path: String| Mock::given(method(verb)).and(path_regex(path));
    let own = format!("^/{}/?$", bucket.as_str());
    at("POST", "^/$".to_owned())
        .respond_with(session_of(3600))
        .mount(&store)
        .await;
    at("GET", "^/$".to_owned())
        .respond_with(ResponseTemplate::new(200).set_body_string(listing))
        .mount(&store)
        .await;
    // The first listing comes before the object.
    for (listing, times) in [("<ListBucketResult/>", 1), (contents, u64::MAX)] {
        at("GET", own.clone())
            .and(query_param("list-type", "2"))
            .respond_with(ResponseTemplate::new(200).set_body_string(listing))
            .up_to_n_times(times)
            .mount(&store)
            .await;
    }
    at("DELETE", own.clone())
        .respond_with(ResponseTemplate::new(409).set_body_string(not_empty))
        .up_to_n_times(1)
        .mount(&store)
        .await;
    for path in [own, "/late$".to_owned()] {
        at("DELETE", path)
            .respond_with(ResponseTemplate::new(204))
            .expect(1)
            .mount(&store)
            .await;
    }
    assert_eq!(doctor.clean().await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_becomes_ready_after_doctor_passes() {
    let app = spawn_app().await;
    let second = Examined::start(&app).await;
    let started = std::time::Instant::now();
    let mut seen = Vec::new();
    loop {
        let answer = app.send(app.http.get(&second.readyz)).await;
        if answer.status == 200 {
            break;
        }
        seen.push(answer.text);
        assert!(started.elapsed().as_secs() < 60, "{seen:?}");
        tokio::task::yield_now().await;
    }
    assert!(
        seen.iter().any(|text| text == "not ready: isolation\n"),
        "{seen:?}"
    );
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_stays_unready_on_an_unsound_store() {
    let store = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(500))
        .mount(&store)
        .await;
    let app = Setup::default()
        .key("storage.endpoint", &store.uri())
        .spawn()
        .await;
    let second = Examined::start(&app).await;
    while store.received_requests().await.unwrap().len() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(app.send(app.http.get(&second.readyz)).await.status, 503);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn last_line_is_the_conclusion() {
    let dev = Process::dev(&[]).await;
    let sound = dev.command(&["doctor"]).output().await.unwrap();
    assert!(sound.status.success(), "{sound:?}");
    let last = last_line(&sound.stdout);
    assert!(
        last.starts_with("SOUND: ") && last.ends_with(" skipped"),
        "{last}"
    );

    let json = dev.command(&["doctor", "--json"]).output().await.unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["sound"], true);
    assert_eq!(json["verdict"], last);

    let elsewhere = ("CLOAKROOM_STORAGE__ENDPOINT", "http://127.0.0.1:9");
    let mut unsound = dev.command(&["doctor"]);
    let unsound = unsound
        .env(elsewhere.0, elsewhere.1)
        .output()
        .await
        .unwrap();
    assert_eq!(unsound.status.code(), Some(1));
    let last = last_line(&unsound.stdout);
    assert!(last.starts_with("NOT SOUND: "), "{last}");
    let log = String::from_utf8(unsound.stderr).unwrap();
    assert!(!log.contains("SOUND"), "the verdict is repeated: {log}");
    dev.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_shared_buckets_in_the_registry_and_creates_none() {
    let app = spawn_app().await;
    let registry = |url: String| DoctorRegistry {
        url: fixed(url.into()),
    };
    let missing = app.directory.path().join("missing.db");
    assert_eq!(
        registry(sqlite(&app, "missing.db")).all().await,
        Ok(Vec::new())
    );
    assert!(!missing.exists());

    let not_ours = app.directory.path().join("empty.db");
    std::fs::write(&not_ours, "").unwrap();
    let error = registry(sqlite(&app, "empty.db")).all().await.unwrap_err();
    assert!(error.contains("not a gateway's"), "{error}");

    let dev = Process::dev(&[]).await;
    let shared = ["org", "create", "beta", "--bucket", "prod-clients"];
    dev.administer(&shared).await;
    let areas = registry(dev.database_url()).all().await.unwrap();
    let areas: Vec<String> = areas.iter().map(|(_, area)| area.to_string()).collect();
    let named = "s3://prod-clients/beta/".to_owned();
    assert!(areas.len() > 1 && areas.contains(&named), "{areas:?}");
    dev.stop().await;
}

fn last_line(output: &[u8]) -> String {
    let text = std::str::from_utf8(output).unwrap();
    text.lines().last().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn access_keys_are_checked_if_there_is_a_broker() {
    let app = spawn_app().await;
    let mut config = app.config.clone();
    config.access_keys.broker = Some(cloakroom::config::BrokerConfig {
        kind: cloakroom::config::BrokerKind::Iam,
        endpoint: None,
        identity: config.storage.identity.clone().unwrap(),
    });
    let report = examine(&config).await;
    assert!(report.is_sound(), "{report:#?}");
    for name in [
        "an access key gets a pair",
        "the pair before it is dead",
        "with an access key: put",
    ] {
        let check = report.checks.iter().find(|check| check.name == name);
        assert_eq!(check.unwrap().outcome, Outcome::Passed);
    }
    for attack in [
        "get another's object",
        "mint credentials that last (CVE-2025-62506)",
        "publish an object",
        "publish an object in parts",
    ] {
        let by = |by: &str| {
            let name = format!("{by}refused: {attack}");
            report.checks.iter().filter(move |check| check.name == name)
        };
        assert_eq!(by("").count(), 2, "by two owners: {attack}");
        assert_eq!(by("with an access key, ").count(), 1, "by a key: {attack}");
        let is_anothers = attack.contains("CVE");
        let skipped = |check: &&Check| matches!(check.outcome, Outcome::Skipped(_));
        let by_key = by("with an access key, ").filter(skipped).count();
        assert_eq!(by_key, usize::from(is_anothers), "{attack}");
    }
    let separate = "with that key, refused: get there what it has put";
    let check = report.checks.iter().find(|check| check.name == separate);
    assert_eq!(check.unwrap().outcome, Outcome::Passed);
    let users = std::fs::read_to_string(app.directory.path().join("storage/iam.json"));
    assert!(!users.unwrap().contains("cloakroom-ak_"), "nothing is left");
}
