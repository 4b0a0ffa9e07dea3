//! What `tests/load/run` holds the gateway against: an actix-web handler that calls `aws-sdk-sts`, set
//! up as the gateway sets it up, and does nothing else. No token, no registry, no audit trail.

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use cloakroom::adapters::aws::{AwsClients, AwsSettings, Engine, StaticIdentity, StsSessions};
use cloakroom::adapters::{SystemClock, UpstreamCalls, fixed};
use cloakroom::domain::{
    Access, BucketFormula, ClientId, Grant, Owner, Principal, RequestId, RoleSessionName,
    SessionPolicy, SessionPolicySettings, Subject,
};
use cloakroom::service::{SessionRequest, Sessions};

struct Store {
    sts: StsSessions,
    request: SessionRequest,
}

async fn assume_role(store: web::Data<Store>) -> HttpResponse {
    match store.sts.assume_role(store.request.clone()).await {
        Ok(session) => HttpResponse::Ok().body(session.access_key_id),
        Err(_) => HttpResponse::BadGateway().finish(),
    }
}

fn settings() -> Result<AwsSettings, env::VarError> {
    let storage = |key: &str| env::var(format!("CLOAKROOM_STORAGE__{key}"));
    let endpoint = storage("ENDPOINT")?;
    Ok(AwsSettings {
        engine: Engine::Generic,
        sts_endpoint: Some(endpoint.clone()),
        endpoint: Some(endpoint),
        region: "us-east-1".to_owned(),
        identity: Some(StaticIdentity {
            access_key_id: fixed(storage("ACCESS_KEY_ID")?.into()),
            secret_access_key: fixed(storage("SECRET_ACCESS_KEY")?.into()),
        }),
        role_arn: storage("ROLE_ARN").ok().filter(|role| !role.is_empty()),
        external_id: None,
        path_style: true,
        ca_bundle: fixed(None),
        calls: UpstreamCalls::default(),
    })
}

fn request() -> Result<SessionRequest, Box<dyn Error>> {
    let formula = BucketFormula::default();
    let owner = Owner::Principal(Principal {
        issuer: None,
        client_id: ClientId::parse("load")?,
        subject: Subject::parse("bare")?,
    });
    let grant = Grant::whole(formula.bucket(&owner), Access::ReadWrite);
    Ok(SessionRequest {
        policy: SessionPolicy::for_grant(&grant, &SessionPolicySettings::default())?,
        name: RoleSessionName::new(&formula.digest(&owner), &RequestId::from_random([0; 16])),
        duration: Duration::from_hours(1),
    })
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let clients = AwsClients::new(settings()?).await?;
    let store = web::Data::new(Store {
        sts: StsSessions::new(&clients, Arc::new(SystemClock)),
        request: request()?,
    });
    HttpServer::new(move || {
        App::new()
            .app_data(store.clone())
            .route("/v1/credentials", web::post().to(assume_role))
    })
    .bind(env::var("BARE_ADDRESS")?)?
    .run()
    .await?;
    Ok(())
}
