use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use ipnet::IpNet;
use semver::Version;

use crate::domain::{RequestId, Scope, WorkspaceName};
use crate::service::{
    Authenticate, CallerLimit, Entitle, IssueSession, Randomness, Refusal, RotateAccessKey,
};

use crate::http::middleware::drain::Stage;

/// What every handler shares.
pub struct Gateway {
    parts: GatewayParts,
    use_cases: OnceLock<UseCases>,
    in_flight: AtomicUsize,
    stage: Stage,
}

/// What a [`Gateway`] hands out credentials with. It needs the registry.
pub struct UseCases {
    /// The use case "who is asking".
    pub authenticate: Authenticate,
    /// How often a caller may ask for anything.
    pub caller_limit: CallerLimit,
    /// The use case "what is theirs".
    pub entitle: Entitle,
    /// The use case "hand out a key".
    pub issue_session: IssueSession,
    /// The use case "new credentials for an access key that lasts".
    pub rotate_access_key: RotateAccessKey,
}

/// What a [`Gateway`] is made of.
pub struct GatewayParts {
    /// Names requests.
    pub randomness: Arc<dyn Randomness>,
    /// Tells whether the gateway can work.
    pub readiness: Arc<dyn Readiness>,
    /// The scope that a token must hold.
    pub required_scope: Scope,
    /// The gateway's own address, as clients see it, without a slash at the end.
    pub public_url: String,
    /// Whose tokens are taken.
    pub issuer: String,
    /// What clients are told about the store.
    pub storage: StorageAddress,
    /// How many credential calls may be under way at once.
    pub max_in_flight: usize,
    /// Where people sign in.
    pub sign_in: Arc<dyn SignIn>,
    /// Swagger UI, unless switched off.
    pub swagger_ui: Option<SwaggerUi>,
    /// What to paste, in development.
    pub samples: Arc<OnceLock<Samples>>,
    /// Clients of workspaces that are older are turned away.
    pub minimum_client_version: Option<Version>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// Credentials that work as they stand: in development only.
#[derive(Clone, Debug)]
pub struct Samples {
    /// A command that prints a token for anybody.
    pub token_command: String,
    /// A key of an organisation's.
    pub api_key: String,
    /// A workspace that the token's user is a member of.
    pub workspace: WorkspaceName,
}

/// How Swagger UI signs in.
#[derive(Clone, Debug)]
pub struct SwaggerUi {
    /// A public client of the authorization server: authorization code with PKCE, no secret.
    pub client_id: String,
}

/// Where clients find the store.
#[derive(Clone, Debug)]
pub struct StorageAddress {
    /// Its base URL.
    pub endpoint: String,
    /// Its region.
    pub region: String,
    /// `https://host/bucket` rather than `https://bucket.host`.
    pub path_style: bool,
}

/// Whether the gateway can do its work: the registry writable, discovery succeeded once.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// What is missing, in a word; nothing if all is well.
    async fn missing(&self) -> Option<&'static str>;
}

/// Where people sign in: the authorization server, as browsers see it.
pub trait SignIn: Send + Sync {
    /// Nothing as long as its metadata cannot be read, or if it names no such endpoints.
    fn endpoints(&self) -> Option<SignInEndpoints>;
}

/// The endpoints of the authorization code grant (RFC 6749 section 3).
#[derive(Clone, Debug)]
pub struct SignInEndpoints {
    /// `authorization_endpoint`
    pub authorization: String,
    /// `token_endpoint`
    pub token: String,
}

/// One credential call under way; ends when dropped.
pub(crate) struct InFlight<'a>(&'a AtomicUsize);

impl Gateway {
    /// A gateway that hands out nothing before [`Gateway::open`].
    #[must_use]
    pub fn new(parts: GatewayParts) -> Self {
        Self {
            parts,
            use_cases: OnceLock::new(),
            in_flight: AtomicUsize::new(0),
            stage: Stage::default(),
        }
    }

    /// From now on credentials are handed out, with these; the first count.
    pub fn open(&self, use_cases: UseCases) {
        self.use_cases.get_or_init(|| use_cases);
    }

    /// Whether it hands out credentials, or did before it stopped.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.use_cases.get().is_some()
    }

    /// From now on `/readyz` says no: load balancers are to look elsewhere.
    pub fn leave(&self) {
        self.stage.leave();
    }

    /// From now on requests that arrive get 503, and every answer closes its connection.
    pub fn close(&self) {
        self.stage.close();
    }

    pub(crate) fn stage(&self) -> &Stage {
        &self.stage
    }

    pub(crate) fn parts(&self) -> &GatewayParts {
        &self.parts
    }

    pub(crate) fn use_cases(&self) -> Result<&UseCases, Refusal> {
        let open = self.use_cases.get();
        open.ok_or_else(|| Refusal::Internal("the registry is not open yet".to_owned()))
    }

    pub(crate) fn new_request_id(&self) -> RequestId {
        RequestId::from_random(self.parts.randomness.bits())
    }

    /// The address of one of the gateway's own pages.
    pub(crate) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.parts.public_url)
    }

    /// A gateway that stops refuses all requests for one reason (docs/operations.md).
    pub(crate) fn check_open(&self) -> Result<(), Refusal> {
        if self.stage.is_closed() {
            return Err(Refusal::Overloaded);
        }
        Ok(())
    }

    /// Counts a credential call in, unless there are too many.
    pub(crate) fn enter(&self) -> Option<InFlight<'_>> {
        let entered = InFlight(&self.in_flight);
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        (before < self.parts.max_in_flight).then_some(entered)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A gateway whose ports answer nothing good.
#[cfg(test)]
pub(crate) fn test_gateway() -> Gateway {
    let gateway = Gateway::new(test_parts());
    gateway.open(test_use_cases());
    gateway
}

#[cfg(test)]
pub(crate) fn test_use_cases() -> UseCases {
    use crate::domain::{BucketFormula, TokenRules};
    use crate::service::fakes::{FakeDirectory, FixedClock, Nothing, test_issue, test_rotate_key};
    use crate::service::{
        AuthenticateApiKey, AuthenticateToken, Directory, GenuineApiKeys, TokenValidation,
    };

    let directory: Arc<dyn Directory> = Arc::new(FakeDirectory::default());
    let rules = TokenRules {
        issuer: "https://as.example".to_owned(),
        audience: None,
    };
    UseCases {
        authenticate: Authenticate::new(
            AuthenticateToken::new(
                TokenValidation::Introspection(Arc::new(Nothing)),
                Arc::new(FixedClock),
                rules,
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
        caller_limit: CallerLimit::new(Arc::new(Nothing)),
        entitle: Entitle::new(directory, BucketFormula::default()),
        issue_session: test_issue(),
        rotate_access_key: test_rotate_key(),
    }
}

#[cfg(test)]
pub(crate) fn test_parts() -> GatewayParts {
    GatewayParts {
        randomness: Arc::new(crate::service::fakes::Nothing),
        readiness: Arc::new(Always),
        required_scope: Scope::parse("storage").unwrap(),
        public_url: "https://gateway.example".to_owned(),
        issuer: "https://as.example".to_owned(),
        storage: StorageAddress {
            endpoint: "https://s3.example".to_owned(),
            region: "us-east-1".to_owned(),
            path_style: true,
        },
        max_in_flight: 1,
        sign_in: Arc::new(Nobody),
        swagger_ui: None,
        samples: Arc::default(),
        minimum_client_version: None,
        trusted_proxies: Vec::new(),
    }
}

#[cfg(test)]
struct Nobody;

#[cfg(test)]
impl SignIn for Nobody {
    fn endpoints(&self) -> Option<SignInEndpoints> {
        None
    }
}

#[cfg(test)]
struct Always;

#[cfg(test)]
#[async_trait]
impl Readiness for Always {
    async fn missing(&self) -> Option<&'static str> {
        None
    }
}
