use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::future::ProvideCredentials as ProvideFuture;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction, RetryPartition, TokenBucket};
use aws_sdk_s3::config::{
    Credentials, RequestChecksumCalculation, ResponseChecksumValidation, SharedCredentialsProvider,
    interceptors::InterceptorContext,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::classifiers::RetryClassifierPriority;
use secrecy::{ExposeSecret, SecretString};

use crate::adapters::{Current, Upstream, UpstreamCalls};
use crate::domain::Session;

use super::Engine;
use super::transport::Transport;

/// The limits for one attempt and for all attempts together, for calls that a request waits for and
/// calls that only read.
const SHORT_TIMEOUTS: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(4));

/// The same for writes, which detached tasks and commands send. The first bucket may take a store
/// several seconds.
const LONG_TIMEOUTS: (Duration, Duration) = (Duration::from_secs(12), Duration::from_secs(25));

/// The same for many versions that commands delete at once: a store deletes them one after another.
const DELETION_TIMEOUTS: (Duration, Duration) = (Duration::from_mins(1), Duration::from_mins(3));

const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// The store's addresses and the gateway's user there.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    /// The engine.
    pub engine: Engine,
    /// The S3 endpoint; AWS's if absent.
    pub endpoint: Option<String>,
    /// The STS endpoint; AWS's if absent.
    pub sts_endpoint: Option<String>,
    /// The region that requests are signed for and buckets are created in.
    pub region: String,
    /// The gateway's key pair; AWS's default provider chain if absent.
    pub identity: Option<StaticIdentity>,
    /// The role that sessions assume.
    pub role_arn: Option<String>,
    /// The `ExternalId` that the role's trust policy may require.
    pub external_id: Option<String>,
    /// `https://host/bucket` rather than `https://bucket.host`.
    pub path_style: bool,
    /// Certificate authorities to trust in addition to the system's (PEM).
    pub ca_bundle: Current<Option<Vec<u8>>>,
    /// Told of every request.
    pub calls: UpstreamCalls,
}

/// The gateway's long-lived key pair, as the configuration names it.
#[derive(Clone, Debug)]
pub struct StaticIdentity {
    /// The id.
    pub access_key_id: Current<SecretString>,
    /// The secret.
    pub secret_access_key: Current<SecretString>,
}

/// Clients for S3, STS and IAM over one set of connections.
#[derive(Clone, Debug)]
pub struct AwsClients {
    pub(super) s3: aws_sdk_s3::Client,
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) iam: aws_sdk_iam::Client,
    transport: Transport,
    pub(super) settings: AwsSettings,
}

/// The clients cannot be set up, for example because the certificate authorities are unusable.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS: {0}")]
pub struct AuthoritiesError(pub(super) String);

impl From<reqwest::Error> for AuthoritiesError {
    fn from(error: reqwest::Error) -> Self {
        Self(error.to_string())
    }
}

impl AwsClients {
    /// What is told of every request.
    #[must_use]
    pub fn calls(&self) -> UpstreamCalls {
        self.settings.calls.clone()
    }

    /// S3 with this session's credentials, over the same connections.
    pub(super) fn s3_as(&self, session: &Session) -> aws_sdk_s3::Client {
        let config = self.s3.config().to_builder();
        let config = config.credentials_provider(credentials(session));
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// The same over a new connection for each request: it may reach another node of the store.
    pub(super) fn s3_anew_as(&self, session: &Session) -> aws_sdk_s3::Client {
        let config = self.s3_as(session).config().to_builder();
        let config = config.timeout_config(timeouts(SHORT_TIMEOUTS));
        aws_sdk_s3::Client::from_conf(config.http_client(self.transport.unpooled()).build())
    }

    /// S3 for calls that only read, with short timeouts.
    pub(super) fn s3_reading(&self) -> aws_sdk_s3::Client {
        let config = self.s3.config().to_builder();
        aws_sdk_s3::Client::from_conf(config.timeout_config(timeouts(SHORT_TIMEOUTS)).build())
    }

    /// S3 for writes, with a new connection for each request: over a dead pooled connection, a write
    /// would wait for its whole timeout.
    pub(super) fn s3_writing(&self) -> aws_sdk_s3::Client {
        let config = self.s3.config().to_builder();
        aws_sdk_s3::Client::from_conf(
            config
                .http_client(self.transport.to(Upstream::S3).unpooled())
                .build(),
        )
    }

    /// The same client with a higher limit on answers, for lists of buckets and of what they hold.
    pub(super) fn listing(&self, s3: &aws_sdk_s3::Client) -> aws_sdk_s3::Client {
        let config = s3.config().to_builder();
        aws_sdk_s3::Client::from_conf(
            config
                .http_client(self.transport.to(Upstream::S3).for_listings())
                .build(),
        )
    }

    /// S3 for deleting many versions at once.
    pub(super) fn s3_deleting(&self) -> aws_sdk_s3::Client {
        let config = self.listing(&self.s3).config().to_builder();
        let config = config.timeout_config(timeouts(DELETION_TIMEOUTS));
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// Sets the clients up without sending a request.
    ///
    /// # Errors
    ///
    /// [`AuthoritiesError`] if the PEM contains no certificate authority.
    pub async fn new(settings: AwsSettings) -> Result<Self, AuthoritiesError> {
        let transport = Transport::new(settings.ca_bundle.clone(), settings.calls.clone())?;
        let config = sdk_config(&settings, transport.clone()).await;
        let mut s3 = aws_sdk_s3::config::Builder::from(&config)
            .http_client(transport.to(Upstream::S3))
            .force_path_style(settings.path_style)
            .timeout_config(timeouts(LONG_TIMEOUTS))
            // Stores older than 2025 refuse the checksums that newer SDKs add by default.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .retry_classifier(RetryOnce)
            .retry_partition(without_quota());
        s3.set_endpoint_url(settings.endpoint.clone());
        let mut sts = aws_sdk_sts::config::Builder::from(&config)
            .http_client(transport.to(Upstream::Sts))
            .timeout_config(timeouts(SHORT_TIMEOUTS))
            .retry_classifier(RetryOnce)
            .retry_partition(without_quota());
        sts.set_endpoint_url(settings.sts_endpoint.clone());
        // IAM is called so rarely that a pooled connection may be dead.
        let mut iam = aws_sdk_iam::config::Builder::from(&config)
            .http_client(transport.to(Upstream::Iam).unpooled())
            .timeout_config(timeouts(SHORT_TIMEOUTS))
            .retry_classifier(RetryOnce)
            .retry_partition(without_quota());
        iam.set_endpoint_url(settings.endpoint.clone());
        Ok(Self {
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
            iam: aws_sdk_iam::Client::from_conf(iam.build()),
            transport,
            settings,
        })
    }
}

fn timeouts((attempt, operation): (Duration, Duration)) -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

async fn sdk_config(settings: &AwsSettings, transport: Transport) -> SdkConfig {
    let retries = RetryConfig::standard()
        .with_max_attempts(2)
        .with_initial_backoff(FIRST_BACKOFF);
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if settings.endpoint.is_some() {
        // The environment may enable these; they work with AWS's own endpoints only.
        loader = loader.use_fips(false).use_dual_stack(false);
    }
    let loader = loader
        .region(Region::new(settings.region.clone()))
        .http_client(transport)
        .retry_config(retries)
        // Every attempt has a timeout, and no body is large.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    let Some(identity) = &settings.identity else {
        return loader.load().await;
    };
    let provider = SharedCredentialsProvider::new(identity.clone());
    // The operator may replace the key at any time, and looking it up costs nothing.
    let loader = loader.identity_cache(IdentityCache::no_cache());
    loader.credentials_provider(provider).load().await
}

impl StaticIdentity {
    /// The key pair that is configured now.
    pub(super) fn credentials(&self) -> Credentials {
        Credentials::builder()
            .access_key_id(self.access_key_id.borrow().expose_secret())
            .secret_access_key(self.secret_access_key.borrow().expose_secret())
            .provider_name("cloakroom")
            .build()
    }
}

impl ProvideCredentials for StaticIdentity {
    fn provide_credentials<'a>(&'a self) -> ProvideFuture<'a>
    where
        Self: 'a,
    {
        ProvideFuture::ready(Ok(self.credentials()))
    }
}

/// The SDK's quota is shared by all calls: 50 calls that fail twice use it up, and then nothing is retried.
fn without_quota() -> RetryPartition {
    RetryPartition::custom("without quota")
        .token_bucket(TokenBucket::unlimited())
        .build()
}

/// 429, every 5xx (the SDK knows only some) and broken connections are retried, but no timeout
/// (docs/decisions/retries.md): no time is left then, and a store that is too slow for one request does not
/// need a second.
#[derive(Debug)]
struct RetryOnce;

impl ClassifyRetry for RetryOnce {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };
        let slow_connection = error
            .as_connector_error()
            .is_some_and(ConnectorError::is_timeout);
        if error.is_timeout_error() || slow_connection {
            return RetryAction::RetryForbidden;
        }
        let status = context.response().map(|answer| answer.status().as_u16());
        match status {
            Some(429 | 500..=599) => RetryAction::server_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    /// The SDK may have read already how long the store wants it to wait.
    fn classify_retry_v2(
        &self,
        context: &InterceptorContext,
        previous: &RetryAction,
    ) -> RetryAction {
        match self.classify_retry(context) {
            RetryAction::RetryIndicated(_) if previous.should_retry() => previous.clone(),
            action => action,
        }
    }

    fn name(&self) -> &'static str {
        "once, and never after a timeout"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// A session's credentials as the SDK's type.
pub(super) fn credentials(session: &Session) -> Credentials {
    let token = Some(session.session_token.expose_secret());
    let token = token.filter(|token| !token.is_empty());
    Credentials::new(
        &session.access_key_id,
        session.secret_access_key.expose_secret(),
        token.map(str::to_owned),
        None,
        "cloakroom",
    )
}
