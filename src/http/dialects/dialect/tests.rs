use std::sync::Arc;

use actix_web::dev::Service as _;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use async_trait::async_trait;
use serde_json::Value;

use super::*;
use crate::domain::{AccessToken, CallerId, UnverifiedClaims};
use crate::http::dialects::session::grant_session;
use crate::http::input::narrowing::Narrowing;
use crate::http::problems::problem;
use crate::http::test_gateway::{test_gateway, test_use_cases, test_use_cases_with};
use crate::http::{credential_route, read_route};
use crate::service::fakes::FakeDirectory;
use crate::service::{
    Credential, Introspection, RateLimitError, RateLimiter, UpstreamError, Wanted,
};

struct Panicking;

impl Dialect for Panicking {
    const NAME: &'static str = "panicking";
    const PATH: &'static str = "/dialect";
    const METHOD: Method = Method::GET;

    async fn answer(_: &Exchange, _: &Body, _: Deadline) -> Result<HttpResponse, Failure> {
        panic!("canary")
    }

    fn refuse(failure: &Failure, exchange: &Exchange) -> HttpResponse {
        assert!(!matches!(failure, Failure::MethodNotAllowed(_)), "canary");
        let mut answer = problem::answer(failure, exchange);
        let name = actix_web::http::header::HeaderName::from_static("x-dialect");
        answer
            .headers_mut()
            .insert(name, "panicking".parse().unwrap());
        answer
    }

    fn operation() -> Operation {
        Operation::new()
    }
}

async fn panics(_: &Exchange) -> Result<HttpResponse, Failure> {
    panic!("canary")
}

#[actix_web::test]
async fn panic_is_a_500_problem_in_the_words_of_the_route() {
    let app = App::new()
        .app_data(web::Data::new(test_gateway(test_use_cases())))
        .service(credential_route::<Panicking>())
        .service(read_route("/plain", panics));
    let app = init_service(app).await;
    for (method, path, dialect) in [
        (Method::GET, "/dialect", Some("panicking")),
        // Its words panic at this refusal.
        (Method::PUT, "/dialect", Some("panicking")),
        (Method::GET, "/plain", None),
    ] {
        let request = TestRequest::default().method(method).uri(path);
        let request = request.to_request();
        let answer = app.call(request).await.unwrap();
        assert_eq!(answer.status(), 500);
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .map(|v| v.to_str().unwrap().to_owned())
        };
        assert_eq!(
            header("content-type").as_deref(),
            Some("application/problem+json")
        );
        assert_eq!(header("cache-control").as_deref(), Some("no-store"));
        assert_eq!(header("x-request-id").map(|id| id.len()), Some(36));
        assert_eq!(header("x-dialect").as_deref(), dialect);
        let body = actix_web::body::to_bytes(answer.into_body())
            .await
            .ok()
            .unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert!(
            body["type"]
                .as_str()
                .unwrap()
                .ends_with("/problems/internal-error")
        );
        assert!(!body.to_string().contains("canary"));
    }
}

/// Every token is alice's.
struct Alice;

#[async_trait]
impl Introspection for Alice {
    async fn introspect(&self, _: &AccessToken) -> Result<Arc<UnverifiedClaims>, UpstreamError> {
        Ok(Arc::new(UnverifiedClaims {
            active: true,
            sub: Some("alice".to_owned()),
            client_id: Some("demo".to_owned()),
            scope: Some("storage".to_owned()),
            ..UnverifiedClaims::default()
        }))
    }
}

struct Spent;

impl RateLimiter<CallerId> for Spent {
    fn take(&self, _: &CallerId) -> Result<(), RateLimitError> {
        Err(RateLimitError {
            retry_after: Duration::from_secs(1),
            permitted: 1,
        })
    }
}

struct WorkspaceDialect;

impl Dialect for WorkspaceDialect {
    const NAME: &'static str = "workspace";
    const PATH: &'static str = "/dialect";
    const METHOD: Method = Method::POST;

    async fn answer(
        exchange: &Exchange,
        _: &Body,
        deadline: Deadline,
    ) -> Result<HttpResponse, Failure> {
        let credential = Credential::Token(AccessToken::parse("token").unwrap());
        let wanted = Wanted::Workspace("acme/research".parse().unwrap());
        let narrowing = Narrowing::NONE;
        grant_session::<Self>(exchange, &credential, &wanted, narrowing, deadline).await?;
        Ok(HttpResponse::Ok().finish())
    }

    fn refuse(failure: &Failure, exchange: &Exchange) -> HttpResponse {
        problem::answer(failure, exchange)
    }

    fn operation() -> Operation {
        Operation::new()
    }
}

#[actix_web::test]
async fn caller_beyond_the_rate_limit_does_not_reach_the_registry() {
    let directory = Arc::new(FakeDirectory {
        hangs: true,
        ..FakeDirectory::default()
    });
    let gateway = test_gateway(test_use_cases_with(
        Arc::new(Alice),
        directory,
        Arc::new(Spent),
    ));
    let app = App::new()
        .app_data(web::Data::new(gateway))
        .service(credential_route::<WorkspaceDialect>());
    let app = init_service(app).await;
    let request = TestRequest::post().uri("/dialect").to_request();
    let answer = tokio::time::timeout(Duration::from_secs(2), app.call(request)).await;
    let answer = answer.expect("the registry was asked").unwrap();
    assert_eq!(answer.status(), 429);
}

struct Hanging;

impl Dialect for Hanging {
    const NAME: &'static str = "hanging";
    const PATH: &'static str = "/dialect";
    const METHOD: Method = Method::POST;
    const TIME_LIMIT: Duration = Duration::from_millis(50);

    async fn answer(_: &Exchange, _: &Body, _: Deadline) -> Result<HttpResponse, Failure> {
        std::future::pending().await
    }

    fn refuse(failure: &Failure, exchange: &Exchange) -> HttpResponse {
        problem::answer(failure, exchange)
    }

    fn operation() -> Operation {
        Operation::new()
    }
}

#[actix_web::test]
async fn a_step_without_a_limit_of_its_own_ends_at_the_deadline() {
    let app = App::new()
        .app_data(web::Data::new(test_gateway(test_use_cases())))
        .service(credential_route::<Hanging>());
    let app = init_service(app).await;
    let request = TestRequest::post().uri("/dialect").to_request();
    let answer = tokio::time::timeout(Duration::from_secs(2), app.call(request)).await;
    let answer = answer.expect("the answer has no limit").unwrap();
    assert_eq!(answer.status(), 500);
}
