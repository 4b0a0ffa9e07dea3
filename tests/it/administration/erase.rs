use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use cloakroom::domain::{Access, BlockTarget, ClientId, Owner, Principal, Subject, WorkspaceName};
use cloakroom::server::erase_owner;
use cloakroom::service::{
    AdministerError, BucketFate, EraseError, EraseOptions, ErasureOutcome, ErasureReport,
    Governance, NewArea, Place, Progress, SessionsOf, Tally,
};
use serde_json::Value;

use crate::support::{ALICES_BUCKET, App, Process, Setup, spawn_app};

use super::{ask, json, refused, said};

const PSEUDONYM: &str = "5c3b3bb8e6448a51b8ad7992994f722";

pub(super) const ERASE: EraseOptions = EraseOptions {
    governance: Governance::Respect,
    keep_bucket: false,
    wait: false,
};

struct Silence;

impl Progress for Silence {
    fn deleted(&self, _: &Place, _: &Tally) {}

    fn step(&self, _: &str) {}
}

fn person(subject: &str) -> Owner {
    Owner::Principal(Principal {
        issuer: None,
        client_id: ClientId::parse("demo").unwrap(),
        subject: Subject::parse(subject).unwrap(),
    })
}

pub(super) async fn erase(app: &App, owner: &Owner, options: EraseOptions) -> ErasureReport {
    let erase = erase_owner(&app.config, "tester".parse().unwrap()).await;
    let erase = erase.unwrap();
    let plan = erase.plan(owner).await.unwrap();
    erase.erase(&plan, options, &Silence).await.unwrap()
}

async fn put(app: &App, bucket: &str, keys: &[&str]) {
    for key in keys {
        let put = app.root().put_object().bucket(bucket).key(*key);
        put.body(ByteStream::from_static(b"x"))
            .send()
            .await
            .unwrap();
    }
}

async fn begin_upload(app: &App, bucket: &str, key: &str) {
    let begun = app.root().create_multipart_upload().bucket(bucket).key(key);
    begun.send().await.unwrap();
}

/// Every text of the registry's rows.
async fn texts(app: &App) -> String {
    let tables = [
        "owned_buckets",
        "former_buckets",
        "members",
        "audit_trail",
        "erasures",
        "blocks",
    ];
    let database = app.database().await;
    let mut lines = Vec::new();
    for table in tables {
        let columns = sqlx::query_scalar::<_, String>("SELECT name FROM pragma_table_info($1)");
        let columns = columns.bind(table).fetch_all(&database).await.unwrap();
        for column in columns {
            let statement = format!("SELECT CAST({column} AS TEXT) FROM {table}");
            let values = sqlx::query_scalar::<_, Option<String>>(sqlx::AssertSqlSafe(statement));
            for value in values.fetch_all(&database).await.unwrap() {
                lines.push(format!("{table}.{column}: {}", value.unwrap_or_default()));
            }
        }
    }
    lines.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_person_is_nowhere_but_in_the_pseudonym() {
    let app = spawn_app().await;
    app.workspace(
        "acme/lab",
        &[("alice", Access::Read), ("bob", Access::Read)],
    )
    .await;
    let token = app.token("alice").await;
    assert_eq!(app.ask(&token).await.credentials().bucket, ALICES_BUCKET);
    assert_eq!(app.ask_workspace("acme/lab", &token).await.status, 200);
    let bobs = app.credentials_of("bob").await.bucket;
    put(&app, &bobs, &["alice"]).await;
    put(
        &app,
        ALICES_BUCKET,
        &["a", "folder/b", "a b+c%20&ü", "folder/"],
    )
    .await;
    begin_upload(&app, ALICES_BUCKET, "large").await;
    let report = erase(&app, &person("alice"), ERASE).await;
    assert_eq!(report.outcome, ErasureOutcome::Erased);
    assert_eq!(report.places[0].bucket, BucketFate::Removed);
    let deleted = report.erasure.deleted;
    assert_eq!(
        (deleted.versions, deleted.uploads, deleted.bytes),
        (4, 1, 4)
    );
    let head = app.root().head_bucket().bucket(ALICES_BUCKET).send().await;
    assert_eq!(
        head.unwrap_err().raw_response().unwrap().status().as_u16(),
        404
    );
    let texts = texts(&app).await;
    let named: Vec<&str> = texts
        .lines()
        .filter(|line| line.contains("alice"))
        .collect();
    assert!(named.is_empty(), "{named:?}");
    assert!(
        texts.contains(&format!("audit_trail.owner_id: {PSEUDONYM}")),
        "{texts}"
    );
    assert!(
        texts.contains(&format!("audit_trail.caller: principal {PSEUDONYM}")),
        "{texts}"
    );
    assert!(
        texts.contains(&format!("audit_trail.detail: {PSEUDONYM} read")),
        "{texts}"
    );
    assert!(texts.contains("members.subject: bob"), "{texts}");
    let left = app
        .root()
        .get_object()
        .bucket(&bobs)
        .key("alice")
        .send()
        .await;
    left.unwrap();
    let report = erase(&app, &person("alice"), ERASE).await;
    assert_eq!(report.outcome, ErasureOutcome::ErasedBefore);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_person_is_refused_until_an_operator_lets_them_in_again() {
    let app = spawn_app().await;
    app.workspace("acme/lab", &[("alice", Access::Read)]).await;
    let token = app.token("alice").await;
    app.ask(&token).await.credentials();
    put(&app, ALICES_BUCKET, &["a"]).await;
    let replica = Setup::default().replica_of(&app).spawn().await;
    replica.ask(&token).await.credentials();
    erase(&app, &person("alice"), ERASE).await;
    for gateway in [&app, &replica] {
        assert_eq!(gateway.ask(&token).await.status, 403);
        assert_eq!(gateway.ask_workspace("acme/lab", &token).await.status, 404);
    }
    let administer = app.administer().await;
    let target = BlockTarget::Owner(person("alice"));
    let expired = administer.sessions_from_before_erasure(&target).await;
    let left = expired.unwrap().unwrap() - app.clock.now();
    assert_eq!(left.num_hours(), 12);
    let bob = BlockTarget::Owner(person("bob"));
    let expired = administer.sessions_from_before_erasure(&bob).await;
    assert_eq!(expired.unwrap(), None);
    assert!(administer.unblock(&target).await.unwrap());
    for gateway in [&app, &replica] {
        let credentials = gateway.ask(&token).await.credentials();
        assert_eq!(credentials.bucket, ALICES_BUCKET);
        let listed = credentials
            .s3()
            .list_objects_v2()
            .bucket(ALICES_BUCKET)
            .send()
            .await;
        assert!(listed.unwrap().contents().is_empty());
    }
    let again = erase(&app, &person("alice"), ERASE).await;
    assert_eq!(again.outcome, ErasureOutcome::Erased);
    assert_eq!(app.ask(&token).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_an_erased_person_calls_brings_the_name_back() {
    let setup = || Setup::default().key("storage.bucket_recheck", "1ms");
    let app = setup().spawn().await;
    let token = app.token("alice").await;
    app.ask(&token).await.credentials();
    // It knows of no erasure until it records an event.
    let replica = setup().replica_of(&app).spawn().await;
    replica.ask(&token).await.credentials();
    erase(&app, &person("alice"), ERASE).await;
    for gateway in [&replica, &app] {
        assert_eq!(gateway.ask(&token).await.status, 403);
        let listed = gateway.http.get(format!("{}/v1/storage", gateway.url));
        let revoked = format!("{}/v1/credentials/revoke", gateway.url);
        for (request, status) in [(listed, 403), (gateway.http.post(revoked), 200)] {
            let answer = request.bearer_auth(&token).send().await.unwrap();
            assert_eq!(answer.status(), status);
        }
    }
    let texts = texts(&app).await;
    assert!(!texts.contains("alice"), "{texts}");
    let head = app.root().head_bucket().bucket(ALICES_BUCKET).send().await;
    head.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_a_workspace_are_revoked_although_a_member_was_erased() {
    let app = spawn_app().await;
    app.workspace("acme/lab", &[("alice", Access::Read)]).await;
    let token = app.token("alice").await;
    app.ask(&token).await.credentials();
    assert_eq!(app.ask_workspace("acme/lab", &token).await.status, 200);
    erase(&app, &person("alice"), ERASE).await;
    let of = SessionsOf::Owner(Owner::Workspace("acme/lab".parse().unwrap()));
    let administer = app.administer().await;
    let report = administer
        .revoke(&of, Duration::from_secs(5))
        .await
        .unwrap();
    assert_eq!(report.sessions, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_one_else_gets_the_bucket_of_an_erased_person() {
    let app = spawn_app().await;
    app.credentials_of("alice").await;
    erase(&app, &person("alice"), ERASE).await;
    let administer = app.administer().await;
    let bucket = NewArea {
        bucket: Some(ALICES_BUCKET.parse().unwrap()),
        prefix: None,
    };
    let other = administer
        .create_organisation("other".parse().unwrap(), &bucket)
        .await;
    assert!(
        matches!(other, Err(AdministerError::PrincipalsBucket(_))),
        "{other:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_organisation_only_its_prefix_is_erased() {
    let app = spawn_app().await;
    let shared = NewArea {
        bucket: Some("shared".parse().unwrap()),
        prefix: None,
    };
    app.organisation("acme", &shared).await;
    app.organisation("acme-evil", &shared).await;
    put(
        &app,
        "shared",
        &["acme/a", "acme/b/c", "acme-evil/a", "acme"],
    )
    .await;
    begin_upload(&app, "shared", "acme/large").await;
    begin_upload(&app, "shared", "acme-evil/large").await;
    let report = erase(&app, &Owner::Organisation("acme".parse().unwrap()), ERASE).await;
    assert_eq!(report.outcome, ErasureOutcome::Erased);
    assert_eq!(report.places[0].bucket, BucketFate::Shared);
    let listed = app
        .root()
        .list_objects_v2()
        .bucket("shared")
        .send()
        .await
        .unwrap();
    let keys: Vec<_> = listed
        .contents()
        .iter()
        .filter_map(|one| one.key())
        .collect();
    assert_eq!(
        keys,
        [
            "acme",
            "acme-evil/Incoming/",
            "acme-evil/Outgoing/",
            "acme-evil/a"
        ]
    );
    let uploads = app
        .root()
        .list_multipart_uploads()
        .bucket("shared")
        .send()
        .await
        .unwrap();
    let keys: Vec<_> = uploads
        .uploads()
        .iter()
        .filter_map(|one| one.key())
        .collect();
    assert_eq!(keys, ["acme-evil/large"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_workspace_is_purged_once_it_is_erased() {
    let app = spawn_app().await;
    app.workspace("acme/lab", &[]).await;
    let administer = app.administer().await;
    let name: WorkspaceName = "acme/lab".parse().unwrap();
    let deleted = administer.delete_workspace(&name, true).await.unwrap();
    put(&app, deleted.area.bucket.as_str(), &["lab/report"]).await;
    administer.purge_workspace(&name).await.unwrap_err();
    let report = erase(&app, &Owner::Workspace(name.clone()), ERASE).await;
    assert_eq!(report.outcome, ErasureOutcome::Erased);
    administer.purge_workspace(&name).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_may_be_kept_and_is_then_removed_by_a_second_run() {
    let app = spawn_app().await;
    app.credentials_of("alice").await;
    put(&app, ALICES_BUCKET, &["a"]).await;
    let keep = EraseOptions {
        keep_bucket: true,
        ..ERASE
    };
    let report = erase(&app, &person("alice"), keep).await;
    assert_eq!(report.places[0].bucket, BucketFate::Kept);
    let head = || app.root().head_bucket().bucket(ALICES_BUCKET).send();
    head().await.unwrap();
    let again = erase(&app, &person("alice"), keep).await;
    assert_eq!(again.outcome, ErasureOutcome::ErasedBefore);
    erase(&app, &person("alice"), ERASE).await;
    assert!(head().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_owner_is_not_erased() {
    let app = spawn_app().await;
    let erase = erase_owner(&app.config, "tester".parse().unwrap()).await;
    let refused = erase.unwrap().plan(&person("alcie")).await;
    assert!(
        matches!(refused, Err(EraseError::Unknown(_))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn erase_shows_what_there_is_and_deletes_it_when_told_to() {
    let process = Process::dev(&[]).await;
    let token = process.dev_token(&["alice"]).await;
    assert_eq!(ask(&process, "/v1/credentials", &token).await.status(), 200);
    let erase = ["erase", "--owner", "demo/alice"];
    let plan = json(&process, &erase).await;
    assert_eq!(plan["outcome"], "planned");
    assert_eq!(plan["pseudonym"], PSEUDONYM);
    assert_eq!(plan["places"][0]["bucket"], ALICES_BUCKET);
    assert_eq!(plan["places"][0]["state"], "found");
    let report = process.data("report.json");
    let report = report.to_str().unwrap();
    let done = json(
        &process,
        &[&erase[..], &["--yes", "--report", report]].concat(),
    )
    .await;
    assert_eq!(done["outcome"], "erased");
    assert_eq!(done["places"][0]["state"], "removed");
    let written: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(written, done);
    let rows = json(&process, &["audit", "--owner", PSEUDONYM]).await;
    let actions: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["action"].clone())
        .collect();
    assert_eq!(actions.first().unwrap(), "vend");
    assert_eq!(actions.last().unwrap(), "erase");
    assert_eq!(
        json(&process, &["audit", "--owner", "demo/alice"]).await,
        Value::Array(vec![])
    );
    let shown = json(&process, &["bucket", "show", PSEUDONYM]).await;
    assert_eq!(shown[0]["reservations"][0]["owner"], "erased");
    let unknown = refused(&process, &["erase", "--owner", "demo/alcie"]).await;
    assert!(unknown.contains("nothing is known of"), "{unknown}");
    let unblock = ["unblock", "--owner", "demo/alice"];
    let told = refused(&process, &unblock).await;
    assert!(told.contains("sessions from before"), "{told}");
    assert_eq!(ask(&process, "/v1/credentials", &token).await.status(), 403);
    let unblocked = said(&process, &[&unblock[..], &["--now"]].concat()).await;
    assert!(unblocked.contains("Unblocked"), "{unblocked}");
    assert_eq!(ask(&process, "/v1/credentials", &token).await.status(), 200);
    process.stop().await;
}
