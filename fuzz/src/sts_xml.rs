//! STS's answer to `AssumeRole`. A session that is handed out has a key, a secret and a token that the
//! answer holds, ends after now, and lasts no longer than was asked for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloakroom::adapters::aws::{AwsClients, AwsSettings, Engine, StaticIdentity, StsSessions};
use cloakroom::adapters::{UpstreamCalls, fixed};
use cloakroom::domain::{
    Access, BucketFormula, Grant, Owner, RequestId, RoleSessionName, SessionPolicy,
    SessionPolicySettings,
};
use cloakroom::service::{SessionRequest, Sessions};
use secrecy::ExposeSecret;
use tokio::runtime::Runtime;

use crate::claims::now;
use crate::introspection::{Stopped, runtime};
use crate::upstream;
use crate::xml::texts;

const ASKED: Duration = Duration::from_hours(1);

struct Store {
    runtime: Runtime,
    sessions: StsSessions,
    request: SessionRequest,
    answer: Arc<Mutex<Vec<u8>>>,
}

thread_local! {
    static STORE: Store = Store::new();
}

/// Clients of a store at this address.
pub(crate) async fn clients(url: &str) -> AwsClients {
    let settings = AwsSettings {
        engine: Engine::Generic,
        endpoint: Some(url.to_owned()),
        sts_endpoint: Some(url.to_owned()),
        region: "us-east-1".to_owned(),
        identity: Some(StaticIdentity {
            access_key_id: fixed("key".to_owned().into()),
            secret_access_key: fixed("hunter2".to_owned().into()),
        }),
        role_arn: None,
        external_id: None,
        path_style: true,
        ca_bundle: fixed(None),
        calls: UpstreamCalls::default(),
    };
    AwsClients::new(settings).await.unwrap()
}

impl Store {
    fn new() -> Self {
        let runtime = runtime();
        let (url, answer) = upstream::saying("text/xml");
        let clients = runtime.block_on(clients(&url));
        let owner = Owner::Organisation("acme".parse().unwrap());
        let grant = Grant::whole("bucket".parse().unwrap(), Access::Read);
        let policy = SessionPolicy::for_grant(&grant, &SessionPolicySettings::default());
        let digest = BucketFormula::default().digest(&owner);
        Self {
            runtime,
            sessions: StsSessions::new(&clients, Arc::new(Stopped)),
            request: SessionRequest {
                policy: policy.unwrap(),
                name: RoleSessionName::new(&digest, &RequestId::from_random([1; 16])),
                duration: ASKED,
            },
            answer,
        }
    }
}

pub(crate) fn check(input: &[u8]) -> bool {
    let session = STORE.with(|store| {
        *store.answer.lock().unwrap() = input.to_vec();
        store
            .runtime
            .block_on(store.sessions.assume_role(store.request.clone()))
    });
    let Ok(session) = session else { return false };
    for (name, value) in [
        ("AccessKeyId", session.access_key_id.as_str()),
        ("SecretAccessKey", session.secret_access_key.expose_secret()),
        ("SessionToken", session.session_token.expose_secret()),
    ] {
        assert!(!value.is_empty(), "an empty {name}");
        let said = texts(input, name);
        assert!(
            said.iter().any(|said| said == value),
            "{name} {value:?} is not in {said:?}"
        );
    }
    let lasts = (session.expiration - now()).num_seconds();
    assert!((1..=3_660).contains(&lasts), "it lasts {lasts} s");
    assert!(!texts(input, "Expiration").is_empty());
    true
}
