use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::future::join_all;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::{Area, Owner};
use crate::service::doctor::{RegisteredAreas, Upstreams};
use crate::service::{Administration, Clock, RegistryError, UpstreamError};

use super::Current;
use super::aws::AwsClients;
use super::database::{Database, SqlDirectory};
use super::oauth::{Discovery, Jwks, OauthHttp};

/// The authorization server and the store, for `cloakroom doctor`.
pub struct DoctorUpstreams {
    /// The authorization server's metadata.
    pub discovery: Arc<Discovery>,
    /// Its keys, if the gateway checks signatures itself.
    pub jwks: Option<Jwks>,
    /// The keys of the issuers of `issuers.*`, by their section of the configuration.
    pub issuers: Vec<(String, Arc<Jwks>)>,
    /// The HTTP client for it.
    pub oauth_http: OauthHttp,
    /// The store.
    pub store: AwsClients,
    /// The gateway's clock.
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Upstreams for DoctorUpstreams {
    async fn discovery(&self) -> Result<(), UpstreamError> {
        if self.discovery.is_needed() {
            self.discovery.run().await
        } else {
            Ok(())
        }
    }

    async fn keys(&self) -> Option<Result<(), UpstreamError>> {
        Some(self.jwks.as_ref()?.fetch().await)
    }

    async fn issuer_keys(&self) -> Vec<(String, Result<(), UpstreamError>)> {
        let reading = self.issuers.iter();
        let reading = reading.map(|(name, jwks)| async { (name.clone(), jwks.fetch().await) });
        join_all(reading).await
    }

    async fn authorization_server_clock(&self) -> Result<Option<TimeDelta>, UpstreamError> {
        let theirs = self.oauth_http.date(self.discovery.address()).await?;
        Ok(theirs.map(|theirs| theirs - self.clock.now()))
    }

    async fn store_clock(&self) -> Result<Option<TimeDelta>, UpstreamError> {
        let theirs = self.store.date().await?;
        Ok(theirs.map(|theirs| theirs - self.clock.now()))
    }
}

/// The registry, for `cloakroom doctor`, which never creates one.
pub struct DoctorRegistry {
    /// The database's URL.
    pub url: Current<SecretString>,
}

#[async_trait]
impl RegisteredAreas for DoctorRegistry {
    async fn all(&self) -> Result<Vec<(Owner, Area)>, String> {
        let url = self.url.borrow().clone();
        if Database::is_missing(url.expose_secret()) {
            return Ok(Vec::new());
        }
        let opened = Database::open_existing(url.expose_secret()).await;
        let database = opened.map_err(|error| error.to_string())?;
        let directory = SqlDirectory::new(database.clone());
        let areas = areas(&directory).await.map_err(|error| error.to_string());
        database.close().await;
        areas
    }
}

async fn areas(directory: &SqlDirectory) -> Result<Vec<(Owner, Area)>, RegistryError> {
    let organisations = directory.organisations().await?.into_iter();
    let organisations = organisations.map(|one| (Owner::Organisation(one.slug), one.area));
    let workspaces = directory.workspaces(None).await?.into_iter();
    let workspaces = workspaces.map(|one| (Owner::Workspace(one.name), one.area));
    Ok(organisations.chain(workspaces).collect())
}
