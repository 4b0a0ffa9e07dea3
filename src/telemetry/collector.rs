use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;
use url::Url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The time for one attempt.
const TIMEOUT: Duration = Duration::from_secs(5);

/// An OTLP collector. One that fails causes one warning until it works again.
#[derive(Debug)]
pub(super) struct Collector {
    client: reqwest::Client,
    /// The exporter's own thread is outside it.
    runtime: Handle,
    endpoint: Url,
    is_failing: AtomicBool,
}

impl Collector {
    pub(super) fn new(endpoint: &Url, runtime: Handle) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self {
            client,
            runtime,
            endpoint: endpoint.clone(),
            is_failing: AtomicBool::new(false),
        })
    }

    fn tell(&self, failure: Option<String>) {
        let was_failing = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        let endpoint = self.endpoint.as_str();
        match failure {
            Some(cause) if !was_failing => tracing::warn!(
                endpoint,
                cause,
                "telemetry.otlp_endpoint: spans cannot be delivered and are dropped"
            ),
            None if was_failing => {
                tracing::info!(
                    endpoint,
                    "telemetry.otlp_endpoint: spans are delivered again"
                );
            }
            Some(_) | None => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sending = self.runtime.spawn(send(self.client.clone(), request));
        let answer = match sending.await {
            Ok(answer) => answer.map_err(reqwest::Error::without_url),
            Err(ended) => return Err(ended.into()),
        };
        self.tell(match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the answer is {}", answer.status())),
            Err(error) => Some(described(error)),
        });
        Ok(answer?)
    }
}

async fn send(
    client: reqwest::Client,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, reqwest::Error> {
    let request = request.map(reqwest::Body::from).try_into()?;
    let answer = client.execute(request).await?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    *response.body_mut() = answer.bytes().await?;
    Ok(response)
}

/// The error with its causes: reqwest's own text does not say what failed.
fn described(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
