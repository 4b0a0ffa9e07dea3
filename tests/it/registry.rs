use sqlx::Row;

use crate::support::{ALICES_BUCKET, App, Setup, spawn_app};

async fn rows(app: &App, query: &'static str) -> Vec<sqlx::sqlite::SqliteRow> {
    let database = app.database().await;
    sqlx::query(query).fetch_all(&database).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_recorded_with_its_owner() {
    let app = spawn_app().await;
    app.credentials_of("alice").await;
    let rows = rows(
        &app,
        "SELECT owner_kind, owner_id, bucket, state FROM owned_buckets",
    )
    .await;
    assert_eq!(rows.len(), 1);
    let column = |i: usize| rows[0].get::<String, _>(i);
    assert_eq!(column(0), "principal");
    assert_eq!(column(1), "[\"demo\",\"alice\"]");
    assert_eq!(column(2), ALICES_BUCKET);
    assert_eq!(column(3), "ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_session_has_one_audit_row_and_no_secret_in_it() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    let answers = futures_util::future::join_all((0..30).map(|_| app.ask(&token))).await;
    app.ask("nonsense").await;
    let rows = rows(&app, "SELECT * FROM audit_trail").await;
    assert_eq!(rows.len(), 30);
    for answer in answers {
        let id = answer.header("x-request-id").unwrap().to_owned();
        let issued = answer.credentials();
        let mine: Vec<_> = rows
            .iter()
            .filter(|row| row.get::<String, _>("request_id") == id)
            .collect();
        assert_eq!(mine.len(), 1);
        let column = |name: &str| mine[0].get::<String, _>(name);
        assert_eq!(column("access_key_id"), issued.keys.access_key_id);
        assert_eq!(column("expiration"), issued.keys.expiration);
        assert_eq!(column("bucket"), ALICES_BUCKET);
        assert_eq!(column("dialect"), "v1");
        assert_eq!(column("caller"), "principal [\"demo\",\"alice\"]");
        assert_eq!(
            (column("owner_kind"), column("owner_id")),
            ("principal".into(), "[\"demo\",\"alice\"]".into())
        );
        assert_eq!(
            (column("access").as_str(), column("prefix").as_str()),
            ("read-write", "")
        );
        assert_eq!(column("time").len(), 20);
        for secret in [
            &token,
            &issued.keys.secret_access_key,
            &issued.keys.session_token,
        ] {
            for name in ["caller", "owner_id", "request_id", "access_key_id"] {
                assert_ne!(&column(name), secret);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_formula_or_issuer_is_refused_until_accepted() {
    let app = spawn_app().await;
    app.credentials_of("alice").await;
    let url = app.registry_url();
    let directory = app.stop().await;
    let start = |accept: &'static str, prefix: &'static str| {
        let variables = [
            ("CLOAKROOM_HTTP__ADDRESS", "127.0.0.1:0".to_owned()),
            ("CLOAKROOM_OAUTH__ISSUER", "http://127.0.0.1:1".to_owned()),
            ("CLOAKROOM_OAUTH__CLIENT_ID", "gateway".to_owned()),
            ("CLOAKROOM_OAUTH__CLIENT_SECRET", "0123456789".to_owned()),
            (
                "CLOAKROOM_STORAGE__ENDPOINT",
                "http://127.0.0.1:1".to_owned(),
            ),
            ("CLOAKROOM_DATABASE__URL", url.clone()),
            ("CLOAKROOM_NAMING__PREFIX", prefix.to_owned()),
            ("CLOAKROOM_NAMING__ACCEPT_CHANGE", accept.to_owned()),
        ];
        async move {
            let variables = variables.map(|(name, value)| (name.to_owned(), value));
            let config = cloakroom::config::Config::load(None, variables.into()).unwrap();
            cloakroom::server::Server::build(&config).await.err()
        }
    };
    let error = start("false", "new-").await.unwrap();
    assert!(error.is_configuration());
    let message = error.to_string();
    for key in ["naming.prefix:", "oauth.issuer:", "naming.accept_change:"] {
        assert_eq!(
            message.lines().filter(|line| line.starts_with(key)).count(),
            1,
            "{key} in {message}"
        );
    }
    assert!(start("true", "new-").await.is_none());
    assert!(start("false", "new-").await.is_none());
    assert!(start("false", "").await.is_some());
    drop(directory);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_share_one_database() {
    let one = spawn_app().await;
    let two = Setup::default().replica_of(&one).spawn().await;
    for user in 0..20 {
        let token = one.token(&format!("user-{user}")).await;
        let (a, b) = tokio::join!(one.ask(&token), two.ask(&token));
        assert_eq!(a.credentials().bucket, b.credentials().bucket);
    }
    assert_eq!(
        rows(&one, "SELECT 1 FROM owned_buckets WHERE state = 'ready'")
            .await
            .len(),
        20
    );
    assert_eq!(
        rows(&one, "SELECT DISTINCT request_id FROM audit_trail")
            .await
            .len(),
        40
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_registry_is_an_internal_error() {
    let app = spawn_app().await;
    let tokens = [app.token("alice").await, app.token("bob").await];
    app.ask(&tokens[0]).await.credentials();
    let database = app.database().await;
    let mut locking = database.acquire().await.unwrap();
    let run = async |connection: &mut sqlx::SqliteConnection, statement: &'static str| {
        sqlx::query(statement).execute(connection).await.unwrap();
    };
    run(&mut locking, "BEGIN IMMEDIATE").await;
    let (known, new) = tokio::join!(app.ask(&tokens[0]), app.ask(&tokens[1]));
    known.assert_problem(500, "internal-error");
    new.assert_problem(500, "internal-error");
    run(&mut locking, "ROLLBACK").await;
    for token in &tokens {
        app.ask(token).await.credentials();
    }
}
