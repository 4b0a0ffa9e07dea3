//! A deployment of fakes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use crate::domain::{AccessToken, Area, BucketName, Grant, Owner, Session, UnverifiedClaims};
use crate::service::doctor::{
    Attacker, Attempt, ListCall, Object, RegisteredAreas, S3Operation, ThrowAwayBuckets, Upstreams,
};
use crate::service::{
    Buckets, Creation, Introspection, Presence, RefusedSessions, Revoker, SessionRequest, Sessions,
    Told, Tried, UpstreamError, UpstreamErrorKind,
};

/// A deployment that is sound, apart from what a test changes.
pub(super) struct Deployment {
    pub(super) buckets: Mutex<BTreeSet<String>>,
    pub(super) made: Mutex<usize>,
    pub(super) attack: fn(S3Operation<'_>) -> Attempt,
    pub(super) active: bool,
    pub(super) ahead: TimeDelta,
    pub(super) hangs: bool,
    pub(super) areas: Result<Vec<(Owner, Area)>, String>,
    /// The store opens no shorter session.
    pub(super) shortest: Duration,
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            buckets: Mutex::default(),
            made: Mutex::default(),
            attack: |_| Attempt::Refused,
            active: false,
            ahead: TimeDelta::zero(),
            hangs: false,
            areas: Ok(Vec::new()),
            shortest: Duration::ZERO,
        }
    }
}

#[async_trait]
impl Upstreams for Deployment {
    async fn discovery(&self) -> Result<(), UpstreamError> {
        Ok(())
    }

    async fn keys(&self) -> Option<Result<(), UpstreamError>> {
        None
    }

    async fn issuer_keys(&self) -> Vec<(String, Result<(), UpstreamError>)> {
        Vec::new()
    }

    async fn authorization_server_clock(&self) -> Result<Option<TimeDelta>, UpstreamError> {
        Ok(Some(self.ahead))
    }

    async fn store_clock(&self) -> Result<Option<TimeDelta>, UpstreamError> {
        Ok(Some(TimeDelta::seconds(-30)))
    }
}

#[async_trait]
impl Introspection for Deployment {
    async fn introspect(&self, _: &AccessToken) -> Result<Arc<UnverifiedClaims>, UpstreamError> {
        Ok(Arc::new(UnverifiedClaims {
            active: self.active,
            ..UnverifiedClaims::default()
        }))
    }
}

#[async_trait]
impl Buckets for Deployment {
    async fn look(&self, _: &BucketName) -> Result<Presence, UpstreamError> {
        Ok(Presence::Missing)
    }

    async fn create(&self, bucket: &BucketName) -> Result<Creation, UpstreamError> {
        self.buckets.lock().unwrap().insert(bucket.to_string());
        *self.made.lock().unwrap() += 1;
        Ok(Creation::Made)
    }

    async fn marker(&self, _: &BucketName) -> Result<Option<String>, UpstreamError> {
        Ok(None)
    }

    async fn set_up(&self, _: &BucketName, _: &str) -> Result<(), UpstreamError> {
        Ok(())
    }

    async fn repair_rules(&self, _: &BucketName) -> Result<(), UpstreamError> {
        Ok(())
    }
}

#[async_trait]
impl ThrowAwayBuckets for Deployment {
    async fn list(&self) -> Result<Vec<String>, UpstreamError> {
        Ok(self.buckets.lock().unwrap().iter().cloned().collect())
    }

    async fn remove(&self, bucket: &BucketName, _: Option<&Session>) -> Result<(), UpstreamError> {
        self.buckets.lock().unwrap().remove(bucket.as_str());
        Ok(())
    }
}

#[async_trait]
impl Sessions for Deployment {
    /// The session's key says what it may do.
    async fn assume_role(&self, request: SessionRequest) -> Result<Session, UpstreamError> {
        if request.duration < self.shortest {
            return Err(UpstreamError::new(UpstreamErrorKind::Nonsense, "too long"));
        }
        Ok(Session {
            access_key_id: request.policy.as_str().to_owned(),
            secret_access_key: SecretString::from("secret"),
            session_token: SecretString::from("token"),
            expiration: DateTime::<Utc>::MAX_UTC,
        })
    }
}

#[async_trait]
impl RegisteredAreas for Deployment {
    async fn all(&self) -> Result<Vec<(Owner, Area)>, String> {
        self.areas.clone()
    }
}

#[async_trait]
impl Attacker for Deployment {
    async fn attempt(&self, session: Option<&Session>, operation: S3Operation<'_>) -> Attempt {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        let policy = session.map(|session| session.access_key_id.as_str());
        if policy.is_some_and(|policy| is_rightful(policy, operation)) {
            Attempt::Done
        } else {
            (self.attack)(operation)
        }
    }
}

fn is_rightful(policy: &str, operation: S3Operation<'_>) -> bool {
    let at = |action, Object { bucket, key }: Object<'_>| {
        allows(policy, action, &format!("{bucket}/{key}"), None)
    };
    match operation {
        S3Operation::Put(to)
        | S3Operation::Upload(to)
        | S3Operation::BeginUpload(to)
        | S3Operation::UploadPart(to, _) => at("s3:PutObject", to),
        S3Operation::Get(from) => at("s3:GetObject", from),
        S3Operation::Delete(of) | S3Operation::DeleteBatch(of) => at("s3:DeleteObject", of),
        S3Operation::Copy(from, to) | S3Operation::MultipartCopy(from, to) => {
            at("s3:GetObject", from) && at("s3:PutObject", to)
        }
        S3Operation::List(listing)
            if matches!(listing.query, [] | [_])
                && listing.header.is_none()
                && listing.shows != "../" =>
        {
            let is_keys = matches!(listing.call, ListCall::Objects | ListCall::ObjectsV1);
            let prefix = listing.query.iter().find(|(name, _)| *name == "prefix");
            let prefix = prefix.map(|(_, value)| *value);
            is_keys && allows(policy, "s3:ListBucket", listing.bucket.as_str(), prefix)
        }
        _ => false,
    }
}

/// As much of a policy engine as these policies need.
fn allows(policy: &str, action: &str, resource: &str, prefix: Option<&str>) -> bool {
    let fits = |pattern: &str, value: &str| match pattern.strip_suffix('*') {
        Some(start) => value.starts_with(start),
        None => value == pattern,
    };
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap();
    let arn = format!("arn:aws:s3:::{resource}");
    policy["Statement"].as_array().unwrap().iter().any(|one| {
        let condition = &one["Condition"]["StringLike"]["s3:prefix"];
        let holds = condition
            .as_str()
            .is_none_or(|pattern| prefix.is_some_and(|prefix| fits(pattern, prefix)));
        let actions = one["Action"].as_array().unwrap();
        actions.iter().any(|one| one == action)
            && fits(one["Resource"].as_str().unwrap(), &arn)
            && holds
    })
}

#[async_trait]
impl Revoker for Deployment {
    async fn refuse(&self, _: &RefusedSessions) -> Result<Told, UpstreamError> {
        Ok(Told::No("this store cannot"))
    }

    async fn take_back(&self, _: &BucketName, _: &str) -> Result<(), UpstreamError> {
        Ok(())
    }

    async fn try_session(&self, _: &Session, _: &Grant) -> Result<Tried, UpstreamError> {
        Ok(Tried::Taken)
    }
}
