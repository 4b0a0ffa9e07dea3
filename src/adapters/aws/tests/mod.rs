mod brokers;
mod bucket_answers;
mod intruder;

use crate::adapters::fixed;

use super::{AwsClients, AwsSettings, Flavor, StaticIdentity};

/// Signs with this.
const SECRET: &str = "secret";

/// The clients of a store there.
pub(super) async fn clients(endpoint: String) -> AwsClients {
    let settings = AwsSettings {
        flavor: Flavor::Generic,
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
        ca_bundle: fixed(None),
    };
    AwsClients::new(settings).await.unwrap()
}
