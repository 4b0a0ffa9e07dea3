//! Traces: what a small OTLP receiver gets, and what a receiver that is down costs.

use std::collections::{BTreeMap, BTreeSet};

use cloakroom::embedded::authorization_server::AuthorizationServer;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::Value;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{
    ALICES_BUCKET, Answer, Reserved, Serve, dev_token, furnish_store, session_of,
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

const STEPS: [&str; 5] = [
    "authenticate",
    "entitle",
    "ensure_bucket",
    "assume_role",
    "audit",
];

const WARNING: &str = "telemetry.otlp_endpoint: spans cannot be delivered and are dropped";

/// A gateway and the client that calls it.
struct World {
    gateway: Serve,
    http: reqwest::Client,
    token: String,
    _oauth: AuthorizationServer,
    _store: MockServer,
}

impl World {
    async fn start(variables: &[(&str, &str)]) -> Self {
        let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
        let store = MockServer::start().await;
        furnish_store(&store, session_of(3_600)).await;
        let gateway = Serve::start(&oauth, &store.uri(), variables).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let token = dev_token(&http, &oauth, &[]).await;
        Self {
            gateway,
            http,
            token,
            _oauth: oauth,
            _store: store,
        }
    }

    /// Asks for credentials within a trace.
    async fn ask(&self, traceparent: Option<&str>) {
        let url = format!("{}/v1/credentials", self.gateway.url);
        let mut request = self.http.post(url).bearer_auth(&self.token);
        if let Some(traceparent) = traceparent {
            request = request.header("traceparent", traceparent);
        }
        let answer = Answer::read(request.send().await.unwrap()).await;
        assert_eq!(answer.status, 200);
    }

    /// The same, and the line in the log.
    async fn call(&mut self, traceparent: Option<&str>) -> Value {
        self.ask(traceparent).await;
        self.gateway.line("request").await
    }
}

/// A collector, and what it was sent.
async fn collector() -> MockServer {
    let collector = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/traces"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&collector)
        .await;
    collector
}

fn text(attribute: &KeyValue) -> (String, String) {
    let value = attribute.value.clone().and_then(|value| value.value);
    let value = match value {
        Some(Attribute::StringValue(text)) => text,
        Some(Attribute::IntValue(number)) => number.to_string(),
        other => panic!("{}: {other:?}", attribute.key),
    };
    (attribute.key.clone(), value)
}

fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    attributes.iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_a_call_reach_the_collector_without_a_subject() {
    let collector = collector().await;
    let endpoint = ("CLOAKROOM_TELEMETRY__OTLP_ENDPOINT", &*collector.uri());
    let mut world = World::start(&[endpoint]).await;
    let line = world.call(Some(&format!("00-{TRACE}-{CALLER}-01"))).await;
    assert_eq!(line["trace_id"], TRACE);
    assert!(line.get("span").is_none(), "the log stays as it is: {line}");
    let health = format!("{}/readyz", world.gateway.url);
    world.http.get(health).send().await.unwrap();
    world.gateway.signal("TERM").await;
    world.gateway.ended().await;
    let mut spans: BTreeMap<String, Span> = BTreeMap::new();
    for request in collector.received_requests().await.unwrap() {
        let body = &request.body;
        for secret in ["alice", ALICES_BUCKET, &world.token] {
            let found = body
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "{secret}");
        }
        let sent = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
        for of_resource in sent.resource_spans {
            let resource = attributes(&of_resource.resource.unwrap().attributes);
            assert_eq!(resource["service.name"], "cloakroom");
            assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
            let spans_of = of_resource.scope_spans.into_iter();
            let named = spans_of.flat_map(|scope| scope.spans);
            spans.extend(named.map(|span| (span.name.clone(), span)));
        }
    }
    let root = &spans["POST /v1/credentials"];
    let names: BTreeSet<&str> = spans.keys().map(String::as_str).collect();
    let expected = STEPS.into_iter().chain(["POST /v1/credentials"]);
    assert_eq!(names, expected.collect(), "health checks are not traced");
    assert_eq!(hex::encode(&root.parent_span_id), CALLER);
    let root_attributes = attributes(&root.attributes);
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/v1/credentials"),
        ("http.response.status_code", "200"),
        ("owner", line["owner"].as_str().unwrap()),
        ("cloakroom.request_id", line["request_id"].as_str().unwrap()),
    ] {
        assert_eq!(root_attributes[name], value, "{name}");
    }
    for span in spans.values() {
        assert_eq!(hex::encode(&span.trace_id), TRACE, "{}", span.name);
        assert_eq!(
            span.status.clone().unwrap_or_default().code,
            0,
            "{}",
            span.name
        );
    }
    for step in STEPS {
        assert_eq!(spans[step].parent_span_id, root.span_id, "{step}");
    }
}

/// The first spans cause a warning, further ones none, and calls and the stop go on.
#[tokio::test(flavor = "multi_thread")]
async fn collector_that_is_down_costs_one_warning() {
    let closed = Reserved::new();
    let endpoint = format!("http://{}", closed.address());
    let variables = [
        ("CLOAKROOM_TELEMETRY__OTLP_ENDPOINT", &*endpoint),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
    ];
    let mut world = World::start(&variables).await;
    let mut log = Vec::new();
    while !log.iter().any(|line: &Value| line["message"] == WARNING) {
        world.ask(None).await;
        // The warning may come before the line of the call.
        log.push(world.gateway.next_line().await.unwrap());
    }
    for _ in 0..10 {
        world.ask(None).await;
    }
    world.gateway.signal("TERM").await;
    world.gateway.ended().await;
    log.extend(world.gateway.rest().await);
    let warnings = log.iter().filter(|line| line["message"] == WARNING);
    assert_eq!(warnings.count(), 1, "{log:?}");
    let calls = log.iter().filter(|line| line["message"] == "request");
    let traces: BTreeSet<&str> = calls
        .clone()
        .map(|call| call["trace_id"].as_str().unwrap())
        .collect();
    assert_eq!(
        traces.len(),
        calls.count(),
        "each call begins a trace: {log:?}"
    );
    assert!(traces.iter().all(|trace| trace.len() == 32), "{traces:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_endpoint_a_line_has_the_callers_trace_only() {
    let mut world = World::start(&[]).await;
    assert!(world.call(None).await.get("trace_id").is_none());
    let line = world.call(Some(&format!("00-{TRACE}-{CALLER}-00"))).await;
    assert_eq!(line["trace_id"], TRACE);
    let invalid = format!("00-{}-{CALLER}-01", TRACE.to_uppercase());
    assert!(world.call(Some(&invalid)).await.get("trace_id").is_none());
}
