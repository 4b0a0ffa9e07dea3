use std::collections::HashSet;
use std::time::Duration;

use cloakroom::embedded::authorization_server::AuthorizationServer;
use cloakroom::embedded::storage::Storage;
use tokio::process::Child;

use crate::support::{Answer, Reserved, cloakroom, dev_token, until_ready};

const OWNERS: usize = 1_000;

/// A gateway in a process that can be killed; its upstreams keep running.
struct World {
    oauth: AuthorizationServer,
    storage: Storage,
    directory: tempfile::TempDir,
    reserved: Reserved,
    http: reqwest::Client,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            oauth: AuthorizationServer::start(0, "cloakroom").unwrap(),
            storage: Storage::start(0, directory.path().join("storage"))
                .await
                .unwrap(),
            directory,
            reserved: Reserved::new(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    fn database_url(&self) -> String {
        format!(
            "sqlite://{}?mode=rwc",
            self.directory.path().join("cloakroom.db").display()
        )
    }

    async fn start(&self) -> Child {
        let (client, identity) = (self.oauth.resource_server(), self.storage.identity());
        let child = cloakroom(&["serve"])
            .env(
                "CLOAKROOM_HTTP__ADDRESS",
                self.reserved.address().to_string(),
            )
            .env("CLOAKROOM_HTTP__MAX_IN_FLIGHT", "2000")
            .env("CLOAKROOM_OAUTH__ISSUER", self.oauth.issuer())
            .env("CLOAKROOM_OAUTH__CLIENT_ID", &client.client_id)
            .env("CLOAKROOM_OAUTH__CLIENT_SECRET", &client.client_secret)
            .env("CLOAKROOM_STORAGE__ENDPOINT", self.storage.url())
            .env("CLOAKROOM_STORAGE__ACCESS_KEY_ID", &identity.access_key_id)
            .env(
                "CLOAKROOM_STORAGE__SECRET_ACCESS_KEY",
                &identity.secret_access_key,
            )
            .env("CLOAKROOM_DATABASE__URL", self.database_url())
            .env("CLOAKROOM_LOG__LEVEL", "error")
            .spawn()
            .unwrap();
        until_ready(&format!("http://{}", self.reserved.address())).await;
        child
    }

    async fn ask(&self, token: &str) -> Option<Answer> {
        let url = format!("http://{}/v1/credentials", self.reserved.address());
        let answer = self.http.post(url).bearer_auth(token).send().await.ok()?;
        Some(Answer::read(answer).await)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_owner_gets_a_bucket_after_a_crash_during_first_calls() {
    let world = World::new().await;
    let mut tokens = Vec::new();
    for owner in 0..OWNERS {
        let name = format!("owner-{owner}");
        tokens.push(dev_token(&world.http, &world.oauth, &[("user", &name)]).await);
    }
    let mut gateway = world.start().await;
    let database = sqlx::SqlitePool::connect(&world.database_url())
        .await
        .unwrap();
    let calls = futures_util::future::join_all(tokens.iter().map(|token| world.ask(token)));
    let kill = async {
        // Fewer than are served at once: who has to wait for a place gives up after a second.
        while count(&database, "ready").await < 50 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gateway.start_kill().unwrap();
        gateway.wait().await.unwrap();
    };
    let both = async { tokio::join!(calls, kill) };
    tokio::time::timeout(Duration::from_mins(1), both)
        .await
        .unwrap();
    let before = count(&database, "ready").await;
    assert!(before < OWNERS, "the gateway was done before it was killed");
    let _gateway = world.start().await;
    let mut buckets = HashSet::new();
    // Few at a time: on a busy machine the store must answer each within the gateway's limits.
    for chunk in tokens.chunks(8) {
        let answers =
            futures_util::future::join_all(chunk.iter().map(|token| world.ask(token))).await;
        buckets.extend(
            answers
                .into_iter()
                .map(|answer| answer.unwrap().credentials().bucket),
        );
    }
    assert_eq!(buckets.len(), OWNERS);
    assert_eq!(count(&database, "ready").await, OWNERS);
}

async fn count(database: &sqlx::SqlitePool, state: &str) -> usize {
    let rows = sqlx::query("SELECT 1 FROM owned_buckets WHERE state = ?").bind(state);
    rows.fetch_all(database).await.unwrap().len()
}
