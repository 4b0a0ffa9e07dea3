use url::Url;

use crate::cli::storage::Item;
use crate::domain::{Access, BucketName, Prefix};

/// Where the storage is, as the gateway lists it. The parts go into files that other programs obey and
/// into a command to paste, so each is held to its grammar.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) region: String,
    /// Without a slash at the end.
    pub(super) endpoint: String,
    pub(super) access: Access,
    bucket: BucketName,
    prefix: Option<Prefix>,
}

impl TryFrom<&Item> for Place {
    /// Which member is wrong.
    type Error = &'static str;

    fn try_from(item: &Item) -> Result<Self, Self::Error> {
        let bucket = item.bucket.as_deref().unwrap_or_default();
        let prefix = Some(&item.prefix).filter(|prefix| !prefix.is_empty());
        let prefix = prefix.map(|prefix| prefix.parse()).transpose();
        let endpoint = Url::parse(&item.endpoint).ok().filter(is_endpoint);
        let region = Some(&item.region).filter(|region| is_region(region));
        Ok(Self {
            region: region.ok_or("region")?.clone(),
            endpoint: without_slash(&endpoint.ok_or("endpoint")?),
            access: access(&item.access).ok_or("access")?,
            bucket: bucket.parse().map_err(|_| "bucket")?,
            prefix: prefix.map_err(|_| "prefix")?,
        })
    }
}

impl Place {
    /// The bucket and the prefix, as tools take them. It ends in a slash.
    pub(super) fn path(&self) -> String {
        let prefix = self.prefix.as_ref().map(Prefix::as_str);
        format!("{}/{}", self.bucket, prefix.unwrap_or_default())
    }

    /// Every store but AWS takes `https://host/bucket`; AWS prefers `https://bucket.host`.
    pub(super) fn is_aws(&self) -> bool {
        let url = Url::parse(&self.endpoint).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
    }
}

fn without_slash(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn access(text: &str) -> Option<Access> {
    let mut known = [Access::Read, Access::ReadWrite].into_iter();
    known.find(|access| access.as_str() == text)
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
    use super::*;

    const STORE: &str = "https://s3.example";

    fn item(bucket: &str, endpoint: &str, region: &str) -> Item {
        Item {
            kind: "workspace".to_owned(),
            name: Some("acme/research".to_owned()),
            bucket: Some(bucket.to_owned()),
            prefix: String::new(),
            access: "read".to_owned(),
            endpoint: endpoint.to_owned(),
            region: region.to_owned(),
        }
    }

    #[test]
    fn an_answer_of_a_store_is_read() {
        let mut item = item("abc", "https://s3.example/", "us-east-1");
        let place = Place::try_from(&item).unwrap();
        assert_eq!(
            (place.endpoint.as_str(), place.path().as_str()),
            (STORE, "abc/")
        );
        item.prefix = "research/".to_owned();
        assert_eq!(Place::try_from(&item).unwrap().path(), "abc/research/");
    }

    #[test]
    fn an_answer_cannot_add_lines_or_commands() {
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
            let refused = Place::try_from(&item(bucket, endpoint, region));
            assert!(refused.is_err(), "{bucket} {endpoint} {region}");
        }
        for prefix in ["research", "../", "$(evil)/", "a b/", "a;evil/", INJECTED] {
            let mut item = item("abc", STORE, "us-east-1");
            item.prefix = prefix.to_owned();
            assert_eq!(Place::try_from(&item).unwrap_err(), "prefix", "{prefix}");
        }
        let injected = item("abc", &format!("{STORE}/{INJECTED}"), "us-east-1");
        let endpoint = Place::try_from(&injected).unwrap().endpoint;
        assert!(!endpoint.contains(['\n', ' ']), "{endpoint}");
    }
}
