use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

/// An answer of the gateway, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// The body of a 200.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Credentials {
    pub(crate) bucket: String,
    pub(crate) endpoint: String,
    pub(crate) region: String,
    #[serde(rename = "credentials")]
    pub(crate) keys: Keys,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Keys {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
    pub(crate) expiration: String,
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn credentials(&self) -> Credentials {
        assert_eq!(self.status, 200, "{}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }

    /// Every problem looks the same: RFC 9457 with all five members, an instance that is the
    /// request's id, no caching, no credentials.
    pub(crate) fn assert_problem(&self, status: u16, slug: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        self.assert_common_headers();
        let body = self.json();
        let mut members: Vec<&String> = body.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(members, ["detail", "instance", "status", "title", "type"]);
        assert_eq!(body["status"], status);
        let kind = body["type"].as_str().unwrap();
        assert!(
            kind.starts_with("http://127.0.0.1:") && kind.ends_with(&format!("/problems/{slug}")),
            "{kind}"
        );
        let id = self.header("x-request-id").unwrap();
        assert_eq!(body["instance"], format!("urn:uuid:{id}"));
        assert!(!self.text.contains("accessKeyId") && !self.text.contains("ASIA"));
    }

    pub(crate) fn assert_common_headers(&self) {
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.header("x-request-id").unwrap().len(), 36);
    }
}

/// Calls until an answer says that there were too many: at least `burst` others with this status come
/// before it, and more where a call takes longer than a second of the limit.
pub(crate) async fn until_limited(
    burst: usize,
    status: u16,
    call: impl AsyncFn() -> Answer,
) -> Answer {
    for before in 0..30 {
        let answer = call().await;
        if let Some(pause) = answer.header("retry-after") {
            assert!(pause == "1" && before >= burst, "{before}: {answer:?}");
            return answer;
        }
        assert_eq!(answer.status, status, "{before}: {answer:?}");
    }
    panic!("never limited");
}
