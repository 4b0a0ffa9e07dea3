use chrono::{DateTime, TimeDelta, Utc};
use cloakroom::adapters::SystemClock;
use cloakroom::service::Clock;

use crate::support::{Answer, App, Credentials, Setup, spawn_app};

async fn ask(app: &App, token: &str, query: &str) -> Answer {
    let request = app.post(&format!("/v1/credentials?{query}"));
    app.send(request.bearer_auth(token)).await
}

fn lasts(credentials: &Credentials) -> TimeDelta {
    let expiration: DateTime<Utc> = credentials.keys.expiration.parse().unwrap();
    expiration - SystemClock.now()
}

#[tokio::test(flavor = "multi_thread")]
async fn read_access_allows_only_reading_and_listing() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    let (all, read) = (
        ask(&app, &token, "access=read-write").await.credentials(),
        ask(&app, &token, "access=read").await.credentials(),
    );
    assert_eq!(all.bucket, read.bucket);
    let put = |credentials: &Credentials| {
        let put = credentials.s3().put_object().bucket(&all.bucket).key("a");
        put.body(b"x".to_vec().into()).send()
    };
    put(&all).await.unwrap();
    let reader = read.s3();
    reader
        .get_object()
        .bucket(&all.bucket)
        .key("a")
        .send()
        .await
        .unwrap();
    reader
        .list_objects_v2()
        .bucket(&all.bucket)
        .send()
        .await
        .unwrap();
    put(&read).await.unwrap_err();
    let delete = reader.delete_object().bucket(&all.bucket).key("a").send();
    delete.await.unwrap_err();
    all.s3()
        .get_object()
        .bucket(&all.bucket)
        .key("a")
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_trail_records_what_was_asked() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    ask(&app, &token, "access=read&duration=900")
        .await
        .credentials();
    let database = app.database().await;
    let (access,): (String,) = sqlx::query_as("SELECT access FROM audit_trail")
        .fetch_one(&database)
        .await
        .unwrap();
    assert_eq!(access, "read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_session_is_shorter_and_a_longer_one_refused() {
    let app = Setup::default()
        .key("storage.session_duration", "2h")
        .spawn()
        .await;
    let token = app.token("alice").await;
    for seconds in [900, 3_600, 7_200] {
        let answer = ask(&app, &token, &format!("duration={seconds}")).await;
        let lasts = lasts(&answer.credentials()).num_seconds();
        assert!(
            (seconds - 10..=seconds).contains(&lasts),
            "{lasts} of {seconds}"
        );
    }
    for bad in [
        "0",
        "899",
        "7201",
        "18446744073709551615",
        "",
        "900s",
        "-900",
        "900.5",
    ] {
        let answer = ask(&app, &token, &format!("duration={bad}")).await;
        answer.assert_problem(400, "invalid-request");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_parameter_is_refused_before_any_upstream_is_asked() {
    let app = spawn_app().await;
    for query in [
        "access=write",
        "access=read&access=read",
        "duration=1",
        "Access=read",
        "format=xml",
    ] {
        let answer = ask(&app, "nonsense", query).await;
        answer.assert_problem(400, "invalid-request");
    }
}
