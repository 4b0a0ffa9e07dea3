//! Each metric moves when its thing happens.

use std::time::Duration;

use cloakroom::domain::AccessKeyOwner;
use wiremock::ResponseTemplate;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer};

use crate::access_keys::{access_key, brokering, named, request, with_organisation};
use crate::support::{
    ALICES_BUCKET, App, fake_authorization_server, introspection_says, session_of,
};

use super::{measured, samples, until};

/// What happens, in this order, and by how much it moves which metrics.
const HAPPENS: &[(Happening, &[(&str, u64)])] = &[
    (
        Happening::FirstCall,
        &[
            (
                "cloakroom_sessions_issued_total{dialect=\"v1\",owner_kind=\"principal\",access=\"read-write\"}",
                1,
            ),
            ("cloakroom_introspection_cache_misses_total", 1),
            ("cloakroom_introspection_cache_hits_total", 0),
            ("cloakroom_buckets_created_total{outcome=\"created\"}", 1),
            ("cloakroom_audit_write_duration_seconds_count", 1),
            ("cloakroom_audit_group_size_sum", 1),
            ("cloakroom_audit_write_failures_total", 0),
            (
                "http_server_request_duration_seconds_count{http_request_method=\"POST\",http_route=\"/v1/credentials\",http_response_status_code=\"200\"}",
                1,
            ),
            (
                "http_client_request_duration_seconds_count{http_request_method=\"POST\",upstream=\"introspection\",http_response_status_code=\"200\"}",
                1,
            ),
            (
                "http_client_request_duration_seconds_count{http_request_method=\"POST\",upstream=\"sts\",http_response_status_code=\"200\"}",
                1,
            ),
            (
                "http_client_request_duration_seconds_count{http_request_method=\"HEAD\",upstream=\"s3\",http_response_status_code=\"404\"}",
                1,
            ),
        ],
    ),
    (
        Happening::SecondCall,
        &[
            ("cloakroom_introspection_cache_misses_total", 0),
            ("cloakroom_introspection_cache_hits_total", 1),
            ("cloakroom_buckets_created_total{outcome=\"created\"}", 0),
            (
                "http_client_request_duration_seconds_count{upstream=\"sts\"}",
                1,
            ),
            (
                "http_client_request_duration_seconds_count{upstream=\"s3\"}",
                0,
            ),
        ],
    ),
    (
        Happening::CallWithoutToken,
        &[
            (
                "cloakroom_refusals_total{dialect=\"v1\",cause=\"no-credential\"}",
                1,
            ),
            ("cloakroom_sessions_issued_total", 0),
            (
                "http_server_request_duration_seconds_count{http_route=\"/v1/credentials\",http_response_status_code=\"401\"}",
                1,
            ),
        ],
    ),
    (
        Happening::Conflict,
        &[
            (
                "cloakroom_refusals_total{dialect=\"v1\",cause=\"conflict\"}",
                1,
            ),
            ("cloakroom_buckets_created_total", 0),
        ],
    ),
    (
        Happening::Rotation,
        &[
            ("cloakroom_rotations_total{outcome=\"proven\"}", 1),
            ("cloakroom_rotations_total{outcome=\"failed\"}", 0),
            ("cloakroom_sessions_issued_total", 0),
        ],
    ),
    (
        Happening::Page,
        &[
            (
                "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_route=\"/problems/{slug}\",http_response_status_code=\"404\"}",
                1,
            ),
            (
                "cloakroom_refusals_total{dialect=\"none\",cause=\"not-found\"}",
                1,
            ),
        ],
    ),
];

#[derive(Clone, Copy, Debug)]
enum Happening {
    FirstCall,
    SecondCall,
    CallWithoutToken,
    Conflict,
    Rotation,
    Page,
}

impl Happening {
    async fn happen(self, app: &App, token: &str) {
        let status = match self {
            Self::FirstCall | Self::SecondCall => app.ask(token).await.status,
            Self::CallWithoutToken => app.send(app.post("/v1/credentials")).await.status,
            Self::Conflict => app.ask(&app.token("bob").await).await.status,
            Self::Rotation => rotate(app).await,
            Self::Page => {
                let page = app.http.get(format!("{}/problems/nothing", app.url));
                app.send(page).await.status
            }
        };
        let expected = match self {
            Self::FirstCall | Self::SecondCall | Self::Rotation => 200,
            Self::CallWithoutToken => 401,
            Self::Conflict => 409,
            Self::Page => 404,
        };
        assert_eq!(status, expected, "{self:?}");
    }
}

async fn rotate(app: &App) -> u16 {
    let token = with_organisation(app, "acme").await;
    let made = app.root().create_bucket().bucket("data").send().await;
    made.unwrap();
    let owner = AccessKeyOwner::Organisation("acme".parse().unwrap());
    let key = access_key(app, owner, named(&["data"], &[]), &[]).await;
    let rotated = request(app, token.expose(), key.id.as_str());
    app.send(rotated).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn each_metric_moves_when_its_thing_happens() {
    let app = brokering(measured()).await;
    let token = app.token("alice").await;
    // Somebody else's bucket stands where bob's would.
    let bob = app.config.naming.formula.bucket(&bob());
    let made = app.root().create_bucket().bucket(bob.as_str()).send().await;
    made.unwrap();
    let mut before = samples(&app).await;
    for (happening, moves) in HAPPENS {
        happening.happen(&app, &token).await;
        let after = samples(&app).await;
        for (metric, by) in *moves {
            let moved = after.count(metric) - before.count(metric);
            assert_eq!(moved, *by, "{happening:?}: {metric}");
        }
        before = after;
    }
    let bucket = app.ask(&token).await.credentials().bucket;
    assert_eq!(bucket, ALICES_BUCKET);
}

fn bob() -> cloakroom::domain::Owner {
    use cloakroom::domain::{ClientId, Owner, Principal, Subject};
    Owner::Principal(Principal {
        issuer: None,
        client_id: ClientId::parse("demo").unwrap(),
        subject: Subject::parse("bob").unwrap(),
    })
}

/// A store that answers slowly, so that a creation stays under way.
#[tokio::test(flavor = "multi_thread")]
async fn creations_of_buckets_take_places() {
    let store = MockServer::start().await;
    let slow = ResponseTemplate::new(404).set_delay(Duration::from_secs(1));
    Mock::given(method("HEAD"))
        .respond_with(slow)
        .mount(&store)
        .await;
    Mock::given(method("POST"))
        .respond_with(session_of(3_600))
        .mount(&store)
        .await;
    let app = measured()
        .key("storage.endpoint", &store.uri())
        .spawn()
        .await;
    let token = app.token("alice").await;
    let url = app.metrics.clone().unwrap();
    let seen = until(&url, "a bucket is being created", |samples| {
        samples.count("cloakroom_places_taken{limit=\"bucket-creations\"}") == 1
    });
    let (answer, seen) = tokio::join!(app.ask(&token), seen);
    assert_eq!(answer.status, 502);
    assert_eq!(
        seen.count("cloakroom_places{limit=\"bucket-creations\"}"),
        64
    );
    let failed = "cloakroom_buckets_created_total{outcome=\"failed\"}";
    until(&url, "the creation fails", |samples| {
        samples.count(failed) == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upstreams_that_do_not_answer_are_counted_by_what_was_wrong() {
    let fake = fake_authorization_server().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(10));
    introspection_says(&fake, slow).await;
    let setup = measured().key("storage.endpoint", "http://127.0.0.1:1");
    let app = setup.key("oauth.issuer", &fake.uri()).spawn().await;
    app.ask("token")
        .await
        .assert_problem(502, "identification-unavailable");
    let timed_out = "http_client_request_duration_seconds_count{upstream=\"introspection\",error_type=\"timeout\"}";
    let discovered = "http_client_request_duration_seconds_count{upstream=\"discovery\",http_response_status_code=\"200\"}";
    let now = samples(&app).await;
    assert_eq!((now.count(timed_out), now.count(discovered)), (1, 1));
}
