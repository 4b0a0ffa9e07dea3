//! The tasks that run in the background.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::adapters::database::{AuditPruner, Database};
use crate::adapters::oauth::Discovery;
use crate::adapters::{Current, KeyedRateLimiter};
use crate::config::{Reread, WatchedFile};
use crate::metrics::Metrics;
use crate::service::{AccessKeyKeeper, Clock, GenuineApiKeys, RevokeSessions};

use super::hangups::Hangups;
use super::issuers::KeysOf;
use super::outage::{Outage, RETRY_EVERY};

const REREAD_EVERY: Duration = Duration::from_secs(2);
const REREAD_API_KEYS_EVERY: Duration = Duration::from_mins(1);
const API_KEYS_RETRY: Duration = Duration::from_secs(2);
const FORGET_EVERY: Duration = Duration::from_mins(1);
const SWEEP_EVERY: Duration = Duration::from_mins(10);
const PRUNE_EVERY: Duration = Duration::from_mins(10);
const CHECK_DATABASE_EVERY: Duration = Duration::from_secs(2);

/// Reads the authorization server's metadata before the first request needs it, and retries until it
/// succeeds: seldom if only Swagger UI's sign-in depends on it.
pub(super) async fn discover(discovery: Arc<Discovery>) {
    let pause = if discovery.is_needed() {
        RETRY_EVERY
    } else {
        FORGET_EVERY
    };
    let mut outage = Outage::new("discovery");
    while let Err(failure) = discovery.run().await {
        outage.failed(&failure.cause);
        tokio::time::sleep(pause).await;
    }
    outage.ended();
}

/// Reads an issuer's keys before the first request needs them, and retries ever less often until it
/// succeeds; a request does not wait for that. [`Jwks`](crate::adapters::oauth::Jwks) logs failures.
pub(super) async fn read_keys(keys: KeysOf) {
    let mut pause = RETRY_EVERY;
    while keys.jwks.prepare().await.is_err() {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(FORGET_EVERY);
    }
}

/// Reloads the files that hold secrets and certificate authorities: every [`REREAD_EVERY`], and at
/// once on SIGHUP, which also logs standing errors again.
pub(super) async fn reread(
    mut files: Vec<WatchedFile>,
    mut hangups: Hangups,
    metrics: Arc<Metrics>,
) {
    loop {
        let is_asked = tokio::select! {
            () = tokio::time::sleep(REREAD_EVERY) => false,
            () = hangups.next() => true,
        };
        if is_asked {
            files.iter_mut().for_each(WatchedFile::forget_complaint);
        }
        let changed = files.iter_mut().filter_map(reread_one).count();
        for file in &files {
            metrics.config_file(file.key(), file.is_bad());
        }
        if is_asked {
            tracing::info!(
                files = files.len(),
                changed,
                "SIGHUP: the files were read again"
            );
        }
    }
}

/// Logs what changed. `Some` if the new content is now in use.
fn reread_one(file: &mut WatchedFile) -> Option<()> {
    match file.reread()? {
        Reread::Changed(exposures) => {
            tracing::info!(key = file.key(), "the file has changed and was reloaded");
            for exposure in exposures {
                tracing::warn!("{}: {exposure}", file.key());
            }
            Some(())
        }
        Reread::Bad(what) => {
            tracing::error!(
                key = file.key(),
                what,
                "the file is invalid: its previous content stays in use"
            );
            None
        }
    }
}

/// Uses a changed password for new connections. Refuses a database other than `opened` until the next
/// start, because its schema and fingerprint have not been checked.
pub(super) async fn follow_password(
    database: Database,
    opened: SecretString,
    mut url: Current<SecretString>,
) {
    let before = without_password(&opened);
    while url.changed().await.is_ok() {
        let now = url.borrow_and_update().clone();
        if without_password(&now) != before {
            tracing::error!("database.url names another database: restart the gateway to use it");
        } else if let Err(error) = database.reconnect(now.expose_secret()) {
            tracing::error!(%error, "database.url is invalid: its previous value stays in use");
        }
    }
}

/// Logs once that the database's file was replaced (every call notices by itself), and closes idle
/// connections before a firewall forgets them.
pub(super) async fn watch_database(database: Database) {
    let mut was_there = true;
    loop {
        tokio::time::sleep(CHECK_DATABASE_EVERY).await;
        let checked = database.check_file();
        if let Err(error) = &checked
            && was_there
        {
            tracing::error!(alarm = "registry-replaced", %error, "no credentials are issued any more");
        }
        was_there = checked.is_ok();
        database.close_idle().await;
    }
}

/// The URL without its password; unchanged if it cannot hold one.
fn without_password(url: &SecretString) -> String {
    let text = url.expose_secret();
    let Ok(mut url) = Url::parse(text) else {
        return text.to_owned();
    };
    match url.set_password(None) {
        Ok(()) => url.into(),
        Err(()) => text.to_owned(),
    }
}

/// Finishes what rotations of access keys left behind.
pub(super) async fn keep_keys(keeper: Arc<AccessKeyKeeper>) {
    let mut outage = Outage::new("the database to list access keys");
    loop {
        match keeper.look_after_all().await {
            Ok(()) => outage.ended(),
            Err(error) => outage.failed(&error),
        }
        tokio::time::sleep(AccessKeyKeeper::EVERY).await;
    }
}

/// Removes rows of the audit trail that are older than this.
pub(super) async fn prune_trail(pruner: AuditPruner, retention: Duration, clock: Arc<dyn Clock>) {
    // One that does not fit is longer than the trail.
    let retention = TimeDelta::from_std(retention).unwrap_or(TimeDelta::MAX);
    let mut outage = Outage::new("the database to remove old audit rows");
    loop {
        let now = clock.now();
        if let Some(before) = now.checked_sub_signed(retention) {
            match pruner.prune(before, now).await {
                Ok(()) => outage.ended(),
                Err(error) => outage.failed(&error),
            }
        }
        tokio::time::sleep(PRUNE_EVERY).await;
    }
}

/// Follows the API keys that operators create. A failure does not delay the start: until it succeeds,
/// calls with keys this process has not seen count against their client's address.
pub(super) async fn follow_api_keys(keys: Arc<GenuineApiKeys>) {
    let mut has_failed = false;
    loop {
        let read = keys.reread().await;
        if let Err(error) = &read
            && !has_failed
        {
            tracing::warn!(
                %error,
                "the registry's API keys could not be read, trying again: until then calls with \
                 valid keys may be limited by client address (limits.per_caller)"
            );
        }
        has_failed = read.is_err();
        let pause = if has_failed {
            API_KEYS_RETRY
        } else {
            REREAD_API_KEYS_EVERY
        };
        tokio::time::sleep(pause).await;
    }
}

pub(super) async fn forget_idle<Key: Clone + Eq + Hash>(limiter: Arc<KeyedRateLimiter<Key>>) {
    loop {
        tokio::time::sleep(FORGET_EVERY).await;
        limiter.forget_idle();
    }
}

/// Takes back what stores were told about revoked sessions, once these have expired.
pub(super) async fn sweep_revocations(revoke_sessions: Arc<RevokeSessions>) {
    loop {
        match revoke_sessions.sweep().await {
            Ok(0) => {}
            Ok(statements) => tracing::info!(statements, "took back what the store was told"),
            Err(error) => tracing::warn!(%error, "cannot take back what the store was told"),
        }
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::adapters::SystemClock;
    use crate::adapters::database::SqlBucketRegistry;

    #[tokio::test]
    async fn another_database_than_was_opened_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let url = |name: &str| {
            let path = directory.path().join(name);
            SecretString::from(format!("sqlite://{}?mode=rwc", path.display()))
        };
        let open = async |name: &str| Database::open(url(name).expose_secret()).await.unwrap();
        let deployment = async |database: &Database, fresh: u8| {
            let registry = SqlBucketRegistry::new(database.clone(), Arc::new(SystemClock));
            registry.deployment([fresh; 16]).await.unwrap()
        };
        let first = deployment(&open("other.db").await, 1).await;
        let opened = open("opened.db").await;
        let (file, current) = watch::channel(url("opened.db"));
        file.send_replace(url("other.db"));
        let following = follow_password(opened.clone(), url("opened.db"), current);
        let following = tokio::time::timeout(Duration::from_millis(100), following).await;
        assert!(following.is_err(), "it goes on");
        assert_ne!(deployment(&opened, 2).await, first);
    }

    #[test]
    fn only_the_password_may_change() {
        let same = |before: &str, now: &str| {
            without_password(&before.into()) == without_password(&now.into())
        };
        assert!(same("postgres://u:a@h/d", "postgres://u:b@h/d"));
        assert!(!same("postgres://u:a@h/d", "postgres://u:a@h/e"));
        assert!(!same("sqlite:///a.db", "sqlite:///b.db"));
        assert!(!same("postgres:///a?host=/run", "postgres:///b?host=/run"));
    }
}
