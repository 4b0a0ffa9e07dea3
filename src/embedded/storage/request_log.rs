use std::time::Instant;

use hyper::{Method, Request, StatusCode, Uri};

/// The parameters of a presigned URL that are secret.
const SECRETS: [&str; 3] = ["signature", "x-amz-signature", "x-amz-security-token"];

/// The log line of a request, until its response is known.
pub(super) struct RequestLine {
    method: Method,
    path: String,
    began: Instant,
}

impl RequestLine {
    pub(super) fn begin<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            path: without_secrets(request.uri()),
            began: Instant::now(),
        }
    }

    /// Logs at level `debug`, which `cloakroom dev --verbose` shows.
    pub(super) fn log(self, status: StatusCode, code: Option<&str>) {
        tracing::debug!(
            method = %self.method,
            path = %self.path,
            status = status.as_u16(),
            code,
            duration_ms = self.began.elapsed().as_secs_f64() * 1_000.0,
            "store request"
        );
    }
}

/// Path and query as they were sent, with the secrets redacted.
fn without_secrets(uri: &Uri) -> String {
    let Some(query) = uri.query() else {
        return uri.path().to_owned();
    };
    let query: Vec<String> = query.split('&').map(redacted).collect();
    format!("{}?{}", uri.path(), query.join("&"))
}

/// Parses the parameter, because its name may be percent-encoded.
fn redacted(parameter: &str) -> String {
    let name = parameter
        .split_once('=')
        .map_or(parameter, |(name, _)| name);
    let mut parsed = url::form_urlencoded::parse(parameter.as_bytes());
    let is_secret = |name: &str| {
        SECRETS
            .iter()
            .any(|secret| secret.eq_ignore_ascii_case(name))
    };
    if parsed.next().is_some_and(|(name, _)| is_secret(&name)) {
        format!("{name}=REDACTED")
    } else {
        parameter.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_redacted() {
        for (sent, logged) in [
            ("/", "/"),
            ("/b/a%20b?versionId=1", "/b/a%20b?versionId=1"),
            (
                "/b/k?X-Amz-Credential=AKIA%2Fs3&X-Amz-Signature=0f0f&X-Amz-Security-Token=secret",
                "/b/k?X-Amz-Credential=AKIA%2Fs3&X-Amz-Signature=REDACTED&X-Amz-Security-Token=REDACTED",
            ),
            (
                "/b/k?AWSAccessKeyId=AKIA&Signature=x%3D&Expires=1",
                "/b/k?AWSAccessKeyId=AKIA&Signature=REDACTED&Expires=1",
            ),
            (
                "/b/k?x-amz-s%69gnature=0f0f",
                "/b/k?x-amz-s%69gnature=REDACTED",
            ),
        ] {
            assert_eq!(without_secrets(&sent.parse().unwrap()), logged);
        }
    }
}
