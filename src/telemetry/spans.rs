use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;
use url::Url;

use super::collector::Collector;

const SERVICE: &str = "cloakroom";

/// How long the last spans may take when the gateway stops.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// The traces are not set up.
#[derive(Debug, thiserror::Error)]
pub enum SpansError {
    /// The HTTP client cannot be set up.
    #[error("telemetry.otlp_endpoint: cannot set up TLS: {0}")]
    Client(#[from] reqwest::Error),
    /// The exporter refuses its settings.
    #[error("telemetry.otlp_endpoint: {0}")]
    Exporter(#[from] ExporterBuildError),
}

/// Sends spans to a collector from a thread of its own. The queue in front of it is bounded: while the
/// collector is slow or down, spans are dropped and no request waits.
pub(super) struct Spans(SdkTracerProvider);

impl Spans {
    /// Must run within the runtime.
    pub(super) fn start(endpoint: &Url) -> Result<Self, SpansError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(endpoint, Handle::current())?)
            .with_endpoint(endpoint.as_str())
            .build()?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder()
            .with_service_name(SERVICE)
            .with_attribute(version);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build());
        Ok(Self(provider.build()))
    }

    pub(super) fn tracer(&self) -> SdkTracer {
        self.0.tracer(SERVICE)
    }

    /// Sends what is left, if the collector takes it in time.
    pub(super) async fn close(self) {
        let closing = move || self.0.shutdown_with_timeout(LAST_SPANS);
        let closed = tokio::task::spawn_blocking(closing).await;
        if !matches!(closed, Ok(Ok(()))) {
            tracing::warn!("the last spans were not delivered");
        }
    }
}
