use url::Url;

use super::key::Key;
use super::reader::{Read, Reader};

const OTLP_ENDPOINT: Key = Key::new(
    "telemetry.otlp_endpoint",
    "Where spans are sent by OTLP over HTTP, such as `http://127.0.0.1:4318`; `/v1/traces` is added \
     to it. Nothing is traced unless it is set.",
)
.see("Tracing", "tracing.md");

/// Where a collector takes spans (OTLP specification, "OTLP/HTTP Request").
const TRACES: [&str; 2] = ["v1", "traces"];

/// `telemetry.*`
#[derive(Clone, Debug)]
pub struct TelemetryConfig {
    /// `telemetry.otlp_endpoint`, with the path for spans
    pub otlp_endpoint: Option<Url>,
}

impl TelemetryConfig {
    pub(super) fn read(reader: &mut Reader) -> Read<Self> {
        reader.section("telemetry", "Where the gateway sends traces.");
        let endpoint = reader.optional::<Url>(OTLP_ENDPOINT)?;
        let endpoint = endpoint.map(|url| traces_of(reader, url)).transpose()?;
        Ok(Self {
            otlp_endpoint: endpoint,
        })
    }
}

fn traces_of(reader: &mut Reader, mut url: Url) -> Read<Url> {
    let has_user = !url.username().is_empty() || url.password().is_some();
    let is_http = matches!(url.scheme(), "http" | "https");
    if !is_http || has_user || url.query().is_some() || url.fragment().is_some() {
        return Err(reader.error(
            OTLP_ENDPOINT,
            "must be http:// or https:// with host, port and path only",
        ));
    }
    let segments: Vec<&str> = url.path_segments().into_iter().flatten().collect();
    let ends_there = segments.ends_with(&TRACES);
    if let Ok(mut segments) = url.path_segments_mut()
        && !ends_there
    {
        segments.pop_if_empty().extend(TRACES);
    }
    Ok(url)
}
