//! One S3 request with some credentials, and whether the store takes it.

use std::time::SystemTime;

use aws_sdk_s3::config::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::Method;

use super::answer::Keys;
use super::names::Place;

/// The object that is in every place, which its owner put there.
const SECRET: &str = "secret";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Get,
    List,
    Put,
    Delete,
}

impl Action {
    pub(super) const ALL: [Self; 4] = [Self::Get, Self::List, Self::Put, Self::Delete];

    pub(super) fn is_reading(self) -> bool {
        matches!(self, Self::Get | Self::List)
    }
}

/// The store, as clients see it.
#[derive(Clone)]
pub(super) struct Store {
    pub(super) http: reqwest::Client,
    pub(super) endpoint: String,
}

impl Store {
    /// Puts the object that shows whose place it is.
    pub(super) async fn furnish(&self, root: &Keys, place: Place) {
        let path = format!("{}/{}{SECRET}", place.bucket(), place.prefix());
        let (status, body) = self.send(root, Method::PUT, &path, content(place)).await;
        assert_eq!(status, 200, "{place:?} cannot be furnished: {body}");
    }

    /// Whether the action is allowed. `has_bucket` is whether the place exists. What is put and deleted has
    /// a number: the embedded store takes no two changes of one object at once.
    pub(super) async fn allows(
        &self,
        keys: &Keys,
        (place, has_bucket): (Place, bool),
        action: Action,
        number: usize,
    ) -> Result<bool, String> {
        let (bucket, prefix) = (place.bucket(), place.prefix());
        let (method, path) = match action {
            Action::Get => (Method::GET, format!("{bucket}/{prefix}{SECRET}")),
            Action::List if prefix.is_empty() => (Method::GET, format!("{bucket}?list-type=2")),
            Action::List => {
                let prefix = prefix.replace('/', "%2F");
                (Method::GET, format!("{bucket}?list-type=2&prefix={prefix}"))
            }
            Action::Put => (Method::PUT, format!("{bucket}/{prefix}probe-{number}")),
            Action::Delete => (Method::DELETE, format!("{bucket}/{prefix}probe-{number}")),
        };
        let body = if action == Action::Put {
            "probe".to_owned()
        } else {
            String::new()
        };
        let (status, body) = self.send(keys, method, &path, body).await;
        match status {
            200..=299 if action == Action::Get && body != content(place) => {
                Err(format!("the secret of {place:?} is {body}"))
            }
            200..=299 => Ok(true),
            400 | 401 | 403 => Ok(false),
            404 if !has_bucket => Ok(false),
            _ => Err(format!("{status} {body}")),
        }
    }

    async fn send(&self, keys: &Keys, method: Method, path: &str, body: String) -> (u16, String) {
        let url = format!("{}/{path}", self.endpoint);
        let mut request = self.http.request(method.clone(), &url);
        for (name, value) in signature(keys, &method, &url, body.as_bytes()) {
            request = request.header(name, value);
        }
        let answer = request.body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

fn content(place: Place) -> String {
    format!("{place:?}")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the store checks signatures by the machine's clock"
)]
fn signature(keys: &Keys, method: &Method, url: &str, body: &[u8]) -> Vec<(String, String)> {
    let token = keys.token.clone();
    let identity = Credentials::new(&keys.id, &keys.secret, token, None, "model").into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("s3")
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .unwrap();
    let body = SignableBody::Bytes(body);
    let request = SignableRequest::new(method.as_str(), url, [].into_iter(), body).unwrap();
    let signed = sign(request, &parameters.into()).unwrap();
    let (headers, _) = signed.into_parts().0.into_parts();
    let headers = headers.iter();
    let headers = headers.map(|header| (header.name().to_owned(), header.value().to_owned()));
    headers.collect()
}
