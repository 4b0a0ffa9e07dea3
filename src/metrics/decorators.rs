//! Ports that count what passes through them.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::{AuditEvent, BucketName};
use crate::service::{
    AuditTrail, Buckets, Creation, Presence, Recorded, RegistryError, UpstreamError,
};

use super::Metrics;
use super::labels::{IssuedSession, Outcome};

/// How the creation of a bucket ends.
pub(super) const CREATIONS: [&str; 4] = ["created", "existed", "foreign", "failed"];

/// An audit trail that counts the sessions it records.
pub struct CountedAuditTrail {
    /// Records them.
    pub inner: Arc<dyn AuditTrail>,
    /// Counts them.
    pub metrics: Arc<Metrics>,
}

/// A store whose new buckets are counted.
pub struct CountedBuckets {
    /// Creates them.
    pub inner: Arc<dyn Buckets>,
    /// Counts them.
    pub metrics: Arc<Metrics>,
}

#[async_trait]
impl AuditTrail for CountedAuditTrail {
    async fn record(&self, event: AuditEvent, version: i64) -> Result<Recorded, RegistryError> {
        let session = event.access.map(|access| IssuedSession {
            dialect: event.cause.dialect,
            owner_kind: event.about.kind(),
            access: access.as_str(),
        });
        let session = session.filter(|_| event.action == AuditEvent::SESSION);
        let recorded = self.inner.record(event, version).await?;
        if let Some(session) = session.filter(|_| recorded == Recorded::Yes) {
            let sessions = &self.metrics.instruments.sessions;
            sessions.get_or_create(&session).inc();
        }
        Ok(recorded)
    }
}

#[async_trait]
impl Buckets for CountedBuckets {
    async fn look(&self, bucket: &BucketName) -> Result<Presence, UpstreamError> {
        self.inner.look(bucket).await
    }

    async fn create(&self, bucket: &BucketName) -> Result<Creation, UpstreamError> {
        let created = self.inner.create(bucket).await;
        let [made, ours, foreign, failed] = CREATIONS;
        let outcome = match &created {
            Ok(Creation::Made) => made,
            Ok(Creation::AlreadyOurs) => ours,
            Ok(Creation::Foreign) => foreign,
            Err(_) => failed,
        };
        let buckets = &self.metrics.instruments.buckets;
        buckets.get_or_create(&Outcome { outcome }).inc();
        created
    }

    async fn marker(&self, bucket: &BucketName) -> Result<Option<String>, UpstreamError> {
        self.inner.marker(bucket).await
    }

    async fn set_up(&self, bucket: &BucketName, deployment: &str) -> Result<(), UpstreamError> {
        self.inner.set_up(bucket, deployment).await
    }

    async fn repair_rules(&self, bucket: &BucketName) -> Result<(), UpstreamError> {
        self.inner.repair_rules(bucket).await
    }
}
