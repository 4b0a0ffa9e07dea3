use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::service::doctor::Upstreams;
use crate::service::{Clock, UpstreamFailure};

use super::aws::S3ThrowAway;
use super::oauth::{Discovery, Jwks, OauthHttp};

/// The authorization server and the store, as `cloakroom doctor` looks at them.
pub struct ExaminedUpstreams {
    /// The authorization server's metadata.
    pub discovery: Arc<Discovery>,
    /// Its keys; none where signatures are not checked here.
    pub jwks: Option<Jwks>,
    /// How it is reached.
    pub oauth_http: OauthHttp,
    /// The store.
    pub store: Arc<S3ThrowAway>,
    /// The gateway's own time.
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Upstreams for ExaminedUpstreams {
    async fn discovery(&self) -> Result<(), UpstreamFailure> {
        if self.discovery.is_needed() {
            self.discovery.run().await
        } else {
            Ok(())
        }
    }

    async fn keys(&self) -> Option<Result<(), UpstreamFailure>> {
        Some(self.jwks.as_ref()?.read_once().await)
    }

    async fn authorization_server_clock(&self) -> Result<Option<TimeDelta>, UpstreamFailure> {
        let theirs = self.oauth_http.date(self.discovery.address()).await?;
        Ok(theirs.map(|theirs| theirs - self.clock.now()))
    }

    async fn store_clock(&self) -> Result<Option<TimeDelta>, UpstreamFailure> {
        let theirs = self.store.date().await?;
        Ok(theirs.map(|theirs| theirs - self.clock.now()))
    }
}
