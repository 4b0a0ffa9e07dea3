use super::*;

const ENDPOINT: &str = "CLOAKROOM_TELEMETRY__OTLP_ENDPOINT";

#[test]
fn spans_go_below_the_endpoint() {
    let none = with(&[]).unwrap().telemetry.otlp_endpoint;
    assert_eq!(none, None);
    for (configured, expected) in [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("https://otel.example/", "https://otel.example/v1/traces"),
        ("https://otel.example/a", "https://otel.example/a/v1/traces"),
        (
            "http://collector:4318/v1/traces",
            "http://collector:4318/v1/traces",
        ),
    ] {
        let config = with(&[(ENDPOINT, configured)]).unwrap();
        let url = config.telemetry.otlp_endpoint.unwrap();
        assert_eq!(url.as_str(), expected);
    }
    for wrong in [
        "grpc://collector:4317",
        "http://user:password@collector",
        "http://collector?token=x",
    ] {
        let message = complaint(&[(ENDPOINT, wrong)]);
        assert!(
            message.contains("telemetry.otlp_endpoint: must be http"),
            "{wrong}: {message}"
        );
    }
}
