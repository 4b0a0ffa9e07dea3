use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;

use super::*;
use crate::adapters::{CallFailure, ObserveCalls, Upstream, UpstreamCall};
use crate::http::{Answered, Observer};

fn metrics() -> Metrics {
    Metrics::new("generic", "sqlite")
}

fn lines(metrics: &Metrics) -> Vec<String> {
    let text = metrics.text().unwrap();
    text.lines().map(ToOwned::to_owned).collect()
}

/// Metrics with labels are served from their first value on.
#[test]
fn every_declaration_is_served_under_its_name() {
    let text = metrics().text().unwrap();
    let mut served = 0;
    for declared in Instruments::DECLARED {
        let name = declared.name();
        let family = name.strip_suffix("_total").unwrap_or(&name);
        let kind = format!("# TYPE {family} {}\n", declared.kind.as_str());
        let help = format!("# HELP {family} {}.\n", declared.help);
        let is_served = text.contains(&kind) && text.contains(&help);
        assert!(is_served || !declared.labels.is_empty(), "{kind}");
        served += usize::from(is_served);
    }
    assert_eq!(
        text.matches("# TYPE ").count(),
        served,
        "some are not declared"
    );
}

#[test]
fn methods_that_no_route_takes_are_one_series() {
    let metrics = metrics();
    for method in ["BREW", "WHEN", "PUT", "DELETE"] {
        let method: Method = method.parse().unwrap();
        metrics.answered(&Answered {
            method: &method,
            route: "none",
            status: 404,
            took: Duration::ZERO,
        });
    }
    let counts = lines(&metrics);
    let counts = counts
        .iter()
        .filter(|line| line.starts_with("http_server_request_duration_seconds_count"));
    assert_eq!(
        counts.collect::<Vec<_>>(),
        [
            "http_server_request_duration_seconds_count{http_request_method=\"_OTHER\",\
          http_route=\"none\",http_response_status_code=\"404\"} 4"
        ]
    );
}

#[test]
fn a_request_without_an_answer_says_what_was_wrong() {
    let metrics = metrics();
    metrics.called(&UpstreamCall {
        upstream: Upstream::Sts,
        method: http::Method::POST,
        outcome: Err(CallFailure::Timeout),
        took: Duration::from_secs(3),
    });
    let sum = "http_client_request_duration_seconds_sum{http_request_method=\"POST\",\
               upstream=\"sts\",http_response_status_code=\"\",error_type=\"timeout\"} 3.0";
    assert!(lines(&metrics).contains(&sum.to_owned()));
}

/// What is read at a scrape must not live on for it: it may hold a database.
#[test]
fn a_source_is_read_only_as_long_as_it_exists() {
    let (metrics, source) = (metrics(), Arc::new(5_usize));
    metrics.read_from(&source, |metrics, now| metrics.log_lines_dropped(*now));
    let dropped = |lines: u32| format!("cloakroom_log_lines_dropped_total {lines}");
    assert!(lines(&metrics).contains(&dropped(5)));
    assert_eq!(Arc::strong_count(&source), 1);
    drop(source);
    metrics.log_lines_dropped(7);
    assert!(lines(&metrics).contains(&dropped(7)));
}
