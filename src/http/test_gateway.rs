//! A gateway whose ports answer nothing good, for unit tests.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::domain::{BucketFormula, CallerId, Scope, TokenRules};
use crate::service::fakes::{
    FakeBucketRegistry, FakeDirectory, FixedClock, Nothing, no_restrictions, test_issue,
    test_revoke_sessions, test_rotate_access_key,
};
use crate::service::{
    Authenticate, AuthenticateApiKey, AuthenticateToken, CallerLimit, Directory, Entitle,
    GenuineApiKeys, IdentifySession, IdentifySessionPorts, Introspection, ListSessions,
    ListSessionsPorts, ListStorage, ListStoragePorts, OauthTokens, RateLimiter, TokenValidation,
};

use crate::http::middleware::drain::ShutdownStage;
use crate::http::observer::{Answered, Observer};
use crate::http::state::{Gateway, Readiness, SignIn, SignInEndpoints, StorageAddress, UseCases};

pub(crate) fn test_gateway(use_cases: UseCases) -> Gateway {
    Gateway {
        clock: Arc::new(FixedClock),
        randomness: Arc::new(Nothing),
        readiness: Arc::new(AlwaysReady),
        required_scope: Scope::parse("storage").unwrap(),
        public_url: "https://gateway.example".to_owned(),
        issuer: "https://as.example".to_owned(),
        storage: StorageAddress {
            endpoint: "https://s3.example".to_owned(),
            region: "us-east-1".to_owned(),
            path_style: true,
        },
        in_flight: Semaphore::new(1),
        sign_in: Arc::new(NoSignIn),
        swagger_ui_client_id: None,
        login_client_id: None,
        console: None,
        samples: Arc::default(),
        minimum_client_version: None,
        trusted_proxies: Vec::new(),
        use_cases: OnceLock::from(use_cases),
        stage: ShutdownStage::default(),
        observer: Arc::new(NoObserver),
    }
}

pub(crate) fn test_use_cases() -> UseCases {
    let directory = Arc::new(FakeDirectory::default());
    test_use_cases_with(Arc::new(Nothing), directory, Arc::new(Nothing))
}

pub(crate) fn test_use_cases_with(
    introspection: Arc<dyn Introspection>,
    directory: Arc<dyn Directory>,
    callers: Arc<dyn RateLimiter<CallerId>>,
) -> UseCases {
    let rules = TokenRules {
        issuer: "https://as.example".to_owned(),
        audience: None,
    };
    UseCases {
        authenticate: Authenticate::new(
            AuthenticateToken::new(
                OauthTokens {
                    validation: TokenValidation::Introspection(introspection),
                    rules,
                    required_scope: Scope::parse("storage").unwrap(),
                },
                Vec::new(),
                Arc::new(FixedClock),
            ),
            AuthenticateApiKey::new(
                Arc::clone(&directory),
                Arc::new(FixedClock),
                Arc::new(Nothing),
                Arc::new(GenuineApiKeys::new(
                    Arc::clone(&directory),
                    Arc::new(FixedClock),
                )),
            ),
        ),
        caller_limit: CallerLimit::new(callers),
        entitle: Entitle::new(Arc::clone(&directory), BucketFormula::default()),
        list_storage: ListStorage::new(
            ListStoragePorts {
                directory: Arc::clone(&directory),
                buckets: Arc::new(FakeBucketRegistry::default()),
                restrictions: Arc::new(Nothing),
                clock: Arc::new(FixedClock),
            },
            Entitle::new(directory, BucketFormula::default()),
        ),
        identify_session: IdentifySession::new(IdentifySessionPorts {
            issued: Arc::new(Nothing),
            restrictions: no_restrictions(),
            addresses: Arc::new(Nothing),
            clock: Arc::new(FixedClock),
        }),
        list_sessions: ListSessions::new(ListSessionsPorts {
            sessions: Arc::new(Nothing),
            restrictions: no_restrictions(),
            clock: Arc::new(FixedClock),
        }),
        issue_session: test_issue(),
        revoke_sessions: test_revoke_sessions(),
        restrictions: no_restrictions(),
        rotate_access_key: test_rotate_access_key(),
    }
}

struct NoObserver;

impl Observer for NoObserver {
    fn answered(&self, _: &Answered<'_>) {}

    fn refused(&self, _: &'static str, _: &'static str) {}
}

struct NoSignIn;

impl SignIn for NoSignIn {
    fn endpoints(&self) -> Option<SignInEndpoints> {
        None
    }
}

struct AlwaysReady;

#[async_trait]
impl Readiness for AlwaysReady {
    async fn missing(&self) -> Option<&'static str> {
        None
    }
}
