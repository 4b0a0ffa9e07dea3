//! Builds the parts of a gateway from its configuration.

use std::sync::Arc;

use clap::ValueEnum as _;
use tokio::runtime::Handle;
use url::Url;

use crate::adapters::aws::{AwsClients, AwsSettings, S3Buckets, StoreRevoker, StsSessions};
use crate::adapters::database::{
    Database, ObserveGroups, SqlAuditTrail, SqlBucketRegistry, SqlDirectory,
};
use crate::adapters::oauth::{CacheSettings, CachedIntrospection};
use crate::adapters::oauth::{
    Discovery, DiscoverySettings, Endpoint, InFlightLimit, IntrospectionClient,
    IntrospectionSettings, Jwks, JwtReader, JwtReaderSettings, KeyUse, OauthHttp,
};
use crate::adapters::{OsRandomness, OwnerRateLimiter, UpstreamCalls};
use crate::config::{Config, OauthClient, StorageConfig, ValidationMode};
use crate::domain::TokenRules;
use crate::http::{Console, StorageAddress};
use crate::metrics::{CountedAuditTrail, CountedBuckets, Metrics};
use crate::service::{
    Buckets, Clock, CurrentRestrictions, EndSessions, EnsureBucket, EnsureBucketPorts,
    EnsureBucketSettings, Entitle, Introspection, IssueSession, IssueSessionPorts,
    IssueSessionSettings, ListSessions, ListSessionsPorts, ListStorage, ListStoragePorts, LocalJwt,
    OauthTokens, Randomness, RevokeSessions, TokenValidation, UnderWay,
};

use super::opening::Opening;
use super::{StartError, sources};

/// The store's address as clients are told it.
pub(super) fn storage_address(storage: &StorageConfig) -> StorageAddress {
    StorageAddress {
        endpoint: storage.told_endpoint(),
        region: storage.region.clone(),
        path_style: storage.path_style,
    }
}

/// What the console is told, if it is switched on.
pub(super) fn console(config: &Config) -> Option<Console> {
    let engine = config.storage.engine.to_possible_value()?;
    config.http.console.then(|| Console {
        client_id: config.http.console_client_id.clone(),
        engine: engine.get_name().to_owned(),
    })
}

pub(super) fn discovery(config: &Config, http: OauthHttp) -> Arc<Discovery> {
    let oauth = &config.oauth;
    let endpoint = |used: bool, configured: &Option<Url>| match configured {
        _ if !used => Endpoint::Unused,
        Some(url) => Endpoint::Configured(url.clone()),
        None => Endpoint::Discovered,
    };
    let settings = DiscoverySettings {
        section: "oauth".to_owned(),
        issuer: oauth.issuer.clone(),
        url: oauth.discovery_url.clone(),
        allow_http: oauth.allow_http,
        introspection: endpoint(oauth.validation.asks(), &oauth.introspection_endpoint),
        jwks: endpoint(oauth.validation.reads(), &oauth.jwks_uri),
    };
    Arc::new(Discovery::new(http, settings))
}

pub(super) fn oauth_tokens(
    config: &Config,
    http: &OauthHttp,
    discovery: &Arc<Discovery>,
    clock: &Arc<dyn Clock>,
    metrics: &Metrics,
) -> Result<OauthTokens, StartError> {
    let oauth = &config.oauth;
    let in_flight = InFlightLimit::new(oauth.max_in_flight);
    let rules = TokenRules {
        issuer: oauth.issuer.clone(),
        audience: oauth.audience.clone(),
    };
    let jwt = || -> Arc<dyn LocalJwt> {
        let jwks = jwks(http, discovery, in_flight.clone());
        let plain = oauth.accept_plain_jwt.then_some("JWT");
        let accepted = ["at+jwt"].into_iter().chain(plain);
        let settings = JwtReaderSettings {
            accept_typ: accepted.map(str::to_owned).collect(),
            membership_claim: config.workspaces.membership_claim.clone(),
            ..JwtReaderSettings::default()
        };
        Arc::new(JwtReader::new(Arc::new(jwks), settings))
    };
    let cached = |client| -> Result<Arc<dyn Introspection>, StartError> {
        let asking = introspection(config, client, http, discovery, clock);
        let settings = CacheSettings {
            keep: oauth.introspection_cache,
            max_bytes: oauth.introspection_cache_bytes,
            rules: rules.clone(),
            scopes: vec![
                oauth.required_scope.clone(),
                config.access_keys.oauth_scope.clone(),
            ],
            in_flight: in_flight.clone(),
        };
        let cached = CachedIntrospection::new(asking, Arc::clone(clock), &OsRandomness, settings);
        let cached = Arc::new(cached.map_err(|_| StartError::CacheKey)?);
        sources::of_introspection(metrics, &cached, &in_flight);
        Ok(cached)
    };
    let validation = match (oauth.validation, &oauth.client) {
        (ValidationMode::Jwt, _) => TokenValidation::Jwt(jwt()),
        (ValidationMode::Introspection, Some(client)) => {
            TokenValidation::Introspection(cached(client)?)
        }
        (ValidationMode::JwtThenIntrospection, Some(client)) => {
            TokenValidation::JwtThenIntrospection(jwt(), cached(client)?)
        }
        (_, None) => return Err(StartError::NoClient),
    };
    Ok(OauthTokens {
        validation,
        rules,
        required_scope: oauth.required_scope.clone(),
    })
}

/// The authorization server's keys.
pub(super) fn jwks(http: &OauthHttp, discovery: &Arc<Discovery>, in_flight: InFlightLimit) -> Jwks {
    let discovery = Arc::clone(discovery);
    Jwks::new(http.clone(), discovery, in_flight, KeyUse::Signature)
}

/// Introspection without a cache.
pub(super) fn introspection(
    config: &Config,
    client: &OauthClient,
    http: &OauthHttp,
    discovery: &Arc<Discovery>,
    clock: &Arc<dyn Clock>,
) -> Arc<dyn Introspection> {
    let settings = IntrospectionSettings {
        issuer: config.oauth.issuer.clone(),
        client_id: client.id.clone(),
        authentication: client.authentication.clone(),
        membership_claim: config.workspaces.membership_claim.clone(),
    };
    Arc::new(IntrospectionClient::new(
        http.clone(),
        Arc::clone(discovery),
        settings,
        Arc::clone(clock),
        Arc::new(OsRandomness),
    ))
}

pub(super) async fn issue_session(
    opening: &Opening,
    database: &Database,
    registry: &Arc<SqlBucketRegistry>,
    restrictions: &Arc<CurrentRestrictions>,
    rate_limiter: &Arc<OwnerRateLimiter>,
) -> Result<IssueSession, StartError> {
    let Opening {
        config,
        clients,
        clock,
        metrics,
        ..
    } = opening;
    let buckets = Arc::new(CountedBuckets {
        inner: Arc::new(S3Buckets::new(clients, config.buckets.rules.clone())),
        metrics: Arc::clone(metrics),
    });
    let ensure_bucket = ensure_bucket(config, buckets, registry, Handle::current()).await?;
    let ensure_bucket = Arc::new(ensure_bucket);
    sources::of_buckets(metrics, &ensure_bucket);
    let written: Arc<dyn ObserveGroups> = Arc::<Metrics>::clone(metrics);
    let audit_trail = CountedAuditTrail {
        inner: Arc::new(SqlAuditTrail::observed_by(Some(written), database.clone())),
        metrics: Arc::clone(metrics),
    };
    let ports = IssueSessionPorts {
        rate_limiter: Arc::<OwnerRateLimiter>::clone(rate_limiter),
        ensure_bucket,
        sessions: Arc::new(StsSessions::new(clients, Arc::clone(clock))),
        restrictions: Arc::clone(restrictions),
        audit_trail: Arc::new(audit_trail),
        clock: Arc::clone(clock),
    };
    let settings = IssueSessionSettings {
        formula: config.naming.formula.clone(),
        session_policies: config.storage.session_policies(),
        session_duration: config.storage.session_duration,
        cap_to_token_expiry: config.storage.cap_to_token_expiry,
        session_reuse: config.storage.session_reuse,
    };
    Ok(IssueSession::new(ports, settings))
}

pub(super) fn list_storage(
    config: &Config,
    directory: &Arc<SqlDirectory>,
    registry: &Arc<SqlBucketRegistry>,
    clock: &Arc<dyn Clock>,
) -> ListStorage {
    let ports = ListStoragePorts {
        directory: Arc::<SqlDirectory>::clone(directory),
        buckets: Arc::<SqlBucketRegistry>::clone(registry),
        restrictions: Arc::<SqlDirectory>::clone(directory),
        clock: Arc::clone(clock),
    };
    let directory = Arc::<SqlDirectory>::clone(directory);
    ListStorage::new(
        ports,
        Entitle::new(directory, config.naming.formula.clone()),
    )
}

pub(super) fn list_sessions(
    directory: &Arc<SqlDirectory>,
    restrictions: &Arc<CurrentRestrictions>,
    clock: &Arc<dyn Clock>,
) -> ListSessions {
    ListSessions::new(ListSessionsPorts {
        sessions: Arc::<SqlDirectory>::clone(directory),
        restrictions: Arc::clone(restrictions),
        clock: Arc::clone(clock),
    })
}

pub(super) async fn ensure_bucket(
    config: &Config,
    buckets: Arc<dyn Buckets>,
    registry: &Arc<SqlBucketRegistry>,
    runtime: Handle,
) -> Result<EnsureBucket, StartError> {
    let settings = EnsureBucketSettings {
        deployment: registry.deployment(OsRandomness.bits()).await?,
        recheck: config.storage.bucket_recheck,
        adopt: config.naming.adopt,
        adopt_from: config.naming.adopt_from.clone(),
    };
    let ports = EnsureBucketPorts {
        registry: Arc::<SqlBucketRegistry>::clone(registry),
        buckets,
        runtime,
    };
    Ok(EnsureBucket::new(ports, settings))
}

pub(super) fn aws_settings(storage: &StorageConfig) -> AwsSettings {
    let base = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    let endpoint = storage.endpoint.as_ref().map(base);
    AwsSettings {
        engine: storage.engine,
        sts_endpoint: storage
            .sts_endpoint
            .as_ref()
            .map(base)
            .or_else(|| endpoint.clone()),
        endpoint,
        region: storage.region.clone(),
        identity: storage.identity.clone(),
        role_arn: storage.role_arn.clone(),
        external_id: storage.external_id.clone(),
        path_style: storage.path_style,
        ca_bundle: storage.authorities.clone(),
        calls: UpstreamCalls::default(),
    }
}

/// Ends sessions at the configured store.
pub(super) fn end_sessions(
    config: &Config,
    clients: &AwsClients,
    clock: &Arc<dyn Clock>,
) -> Result<EndSessions, StartError> {
    Ok(EndSessions {
        sessions: Arc::new(StsSessions::new(clients, Arc::clone(clock))),
        revoker: Arc::new(StoreRevoker::new(clients)?),
        clock: Arc::clone(clock),
        randomness: Arc::new(OsRandomness),
        formula: config.naming.formula.clone(),
        session_policies: config.storage.session_policies(),
        session_duration: config.storage.session_duration,
        spreads: config.storage.engine.spreads_policies(),
    })
}

pub(super) fn revoke_sessions(
    config: &Config,
    clients: &AwsClients,
    directory: &Arc<SqlDirectory>,
    clock: &Arc<dyn Clock>,
) -> Result<RevokeSessions, StartError> {
    Ok(RevokeSessions {
        registry: Arc::<SqlDirectory>::clone(directory),
        directory: Arc::<SqlDirectory>::clone(directory),
        end: end_sessions(config, clients, clock)?,
        runtime: Handle::current(),
        under_way: UnderWay::default(),
    })
}
