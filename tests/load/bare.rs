//! What `tests/load/run` holds the gateway against: an actix-web handler that calls `aws-sdk-sts` and
//! does nothing else. No token, no registry, no audit trail.

use std::env;
use std::error::Error;

use actix_web::{App, HttpResponse, HttpServer, web};
use aws_config::{BehaviorVersion, Region};
use aws_sdk_sts::Client;
use aws_sdk_sts::config::Credentials;

struct Store {
    sts: Client,
    role_arn: String,
}

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::bare"]}]}"#;

async fn assume_role(store: web::Data<Store>) -> HttpResponse {
    let asked = store
        .sts
        .assume_role()
        .role_arn(&store.role_arn)
        .role_session_name("bare")
        .policy(POLICY)
        .duration_seconds(3_600)
        .send();
    match Box::pin(asked).await {
        Ok(session) => HttpResponse::Ok().body(format!("{:?}", session.credentials().is_some())),
        Err(_) => HttpResponse::BadGateway().finish(),
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = |key: &str| env::var(format!("CLOAKROOM_STORAGE__{key}"));
    let identity = Credentials::new(
        storage("ACCESS_KEY_ID")?,
        storage("SECRET_ACCESS_KEY")?,
        None,
        None,
        "bare",
    );
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(storage("ENDPOINT")?)
        .credentials_provider(identity)
        .load()
        .await;
    let store = web::Data::new(Store {
        sts: Client::new(&config),
        role_arn: storage("ROLE_ARN")?,
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
