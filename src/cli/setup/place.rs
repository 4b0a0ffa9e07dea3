use serde::Deserialize;
use url::Url;

use crate::domain::BucketName;

/// Where the person's bucket is, as `POST /v1/credentials` says. The parts go into files that other
/// programs obey and into a command to paste, so each is held to its grammar.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Answer")]
pub(super) struct Place {
    pub(super) bucket: BucketName,
    pub(super) region: String,
    /// Without a slash at the end.
    pub(super) endpoint: String,
}

#[derive(Deserialize)]
struct Answer {
    bucket: String,
    endpoint: Url,
    region: String,
}

impl TryFrom<Answer> for Place {
    type Error = &'static str;

    fn try_from(answer: Answer) -> Result<Self, Self::Error> {
        let bucket = answer.bucket.parse().map_err(|_| "not a bucket's name")?;
        if !is_region(&answer.region) {
            return Err("not a region");
        }
        if !is_endpoint(&answer.endpoint) {
            return Err("not an endpoint");
        }
        Ok(Self {
            bucket,
            region: answer.region,
            endpoint: answer.endpoint.as_str().trim_end_matches('/').to_owned(),
        })
    }
}

impl Place {
    /// Every store but AWS takes `https://host/bucket`; AWS prefers `https://bucket.host`.
    pub(super) fn is_aws(&self) -> bool {
        let url = Url::parse(&self.endpoint).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
    }
}

fn is_region(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    !text.is_empty() && text.chars().all(plain)
}

/// [`Url`] has removed line breaks, and encoded blanks.
fn is_endpoint(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(bucket: &str, endpoint: &str, region: &str) -> Option<Place> {
        let answer = json!({"bucket": bucket, "endpoint": endpoint, "region": region});
        serde_json::from_value(answer).ok()
    }

    #[test]
    fn an_answer_of_a_store_is_read() {
        let place = place("abc", "https://s3.example/", "us-east-1").unwrap();
        assert_eq!(place.endpoint, "https://s3.example");
    }

    #[test]
    fn an_answer_cannot_add_lines_or_commands() {
        const STORE: &str = "https://s3.example";
        const INJECTED: &str = "x\n[profile work]\ncredential_process = sh -c evil";
        for (bucket, endpoint, region) in [
            ("abc", STORE, INJECTED),
            ("abc", STORE, ""),
            ("abc", STORE, "us east"),
            ("abc; evil", STORE, "us-east-1"),
            ("$(evil)", STORE, "us-east-1"),
            ("abc", "https://s3.example/?a=b", "us-east-1"),
            ("abc", "https://s3.example/#a", "us-east-1"),
            ("abc", "https://alice:secret@s3.example", "us-east-1"),
            ("abc", "ftp://s3.example", "us-east-1"),
        ] {
            assert!(
                place(bucket, endpoint, region).is_none(),
                "{bucket} {endpoint} {region}"
            );
        }
        let endpoint = place("abc", &format!("{STORE}/{INJECTED}"), "us-east-1")
            .unwrap()
            .endpoint;
        assert!(!endpoint.contains(['\n', ' ']), "{endpoint}");
    }
}
