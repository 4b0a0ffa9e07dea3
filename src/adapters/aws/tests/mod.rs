mod attacks;
mod brokers;
mod bucket_answers;
mod bucket_rules;
mod connections;
mod tls;

use std::time::Duration;

use crate::adapters::{UpstreamCalls, fixed};
use crate::domain::{
    Access, BucketFormula, Grant, RequestId, RoleSessionName, SessionPolicy, SessionPolicySettings,
};
use crate::service::SessionRequest;
use crate::service::fakes::{alice, bucket_of};

use super::{AwsClients, AwsSettings, Engine, StaticIdentity};

/// The secret that signs requests.
const SECRET: &str = "secret";

/// Clients for the store at `endpoint`.
pub(super) async fn clients(endpoint: String) -> AwsClients {
    clients_that_trust(endpoint, None).await
}

/// The same, with additional certificate authorities (PEM).
async fn clients_that_trust(endpoint: String, authorities: Option<Vec<u8>>) -> AwsClients {
    let settings = AwsSettings {
        engine: Engine::Generic,
        sts_endpoint: Some(endpoint.clone()),
        endpoint: Some(endpoint),
        region: "us-east-1".to_owned(),
        identity: Some(StaticIdentity {
            access_key_id: fixed("key".to_owned().into()),
            secret_access_key: fixed(SECRET.to_owned().into()),
        }),
        role_arn: None,
        external_id: None,
        path_style: true,
        ca_bundle: fixed(authorities),
        calls: UpstreamCalls::default(),
    };
    AwsClients::new(settings).await.unwrap()
}

/// A request for alice's session.
pub(super) fn session_request(duration: Duration) -> SessionRequest {
    let grant = Grant::whole(bucket_of(&alice()), Access::Read);
    let digest = BucketFormula::default().digest(&alice());
    SessionRequest {
        policy: SessionPolicy::for_grant(&grant, &SessionPolicySettings::default()).unwrap(),
        name: RoleSessionName::new(&digest, &RequestId::from_random([1; 16])),
        duration,
    }
}
