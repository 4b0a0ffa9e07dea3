use std::borrow::Cow;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::EncodingType;
use percent_encoding::percent_decode_str;

use crate::service::{Mark, Page, Place, StoredVersion, Upload, UpstreamError, UpstreamErrorKind};

use crate::adapters::aws::failure::{code, describe, status};

/// The most entries of a page: what one `DeleteObjects` takes.
const PAGE: i32 = 1_000;

/// A page of versions and delete markers. Where the store has no list of versions, a page of objects.
pub(super) async fn versions(
    client: &Client,
    place: &Place,
    after: Option<&Mark>,
) -> Result<Page<StoredVersion>, UpstreamError> {
    let sent = client
        .list_object_versions()
        .bucket(place.bucket.as_str())
        .set_prefix(place.prefix.as_ref().map(ToString::to_string))
        .set_key_marker(after.map(|mark| mark.key.clone()))
        .set_version_id_marker(after.and_then(|mark| mark.id.clone()))
        .encoding_type(EncodingType::Url)
        .max_keys(PAGE)
        .send()
        .await;
    let listed = match sent {
        Ok(listed) => listed,
        Err(error) if is_missing(&error) => return Ok(nothing()),
        Err(error) if is_unknown(&error) => return objects(client, place, after).await,
        Err(error) => return Err(describe("ListObjectVersions", &error)),
    };
    let encoded = listed.encoding_type == Some(EncodingType::Url);
    let mut items = Vec::new();
    for version in listed.versions() {
        items.push(StoredVersion {
            key: decoded(version.key(), encoded)?,
            version_id: version.version_id().map(str::to_owned),
            bytes: bytes(version.size()),
            is_marker: false,
            is_latest: version.is_latest().unwrap_or_default(),
        });
    }
    for marker in listed.delete_markers() {
        items.push(StoredVersion {
            key: decoded(marker.key(), encoded)?,
            version_id: marker.version_id().map(str::to_owned),
            bytes: 0,
            is_marker: true,
            is_latest: marker.is_latest().unwrap_or_default(),
        });
    }
    let keys = items.iter().map(|item| item.key.as_str());
    let next = match listed.is_truncated {
        Some(true) => Some(Mark {
            key: next_key(listed.next_key_marker(), encoded, keys)?,
            id: listed.next_version_id_marker().map(str::to_owned),
        }),
        _ => None,
    };
    Ok(Page { items, next })
}

async fn objects(
    client: &Client,
    place: &Place,
    after: Option<&Mark>,
) -> Result<Page<StoredVersion>, UpstreamError> {
    let sent = client
        .list_objects_v2()
        .bucket(place.bucket.as_str())
        .set_prefix(place.prefix.as_ref().map(ToString::to_string))
        .set_start_after(after.map(|mark| mark.key.clone()))
        .encoding_type(EncodingType::Url)
        .max_keys(PAGE)
        .send()
        .await;
    let listed = match sent {
        Ok(listed) => listed,
        Err(error) if is_missing(&error) => return Ok(nothing()),
        Err(error) => return Err(describe("ListObjectsV2", &error)),
    };
    let encoded = listed.encoding_type == Some(EncodingType::Url);
    let mut items = Vec::new();
    for object in listed.contents() {
        items.push(StoredVersion {
            key: decoded(object.key(), encoded)?,
            version_id: None,
            bytes: bytes(object.size()),
            is_marker: false,
            is_latest: true,
        });
    }
    let last = items.last().filter(|_| listed.is_truncated == Some(true));
    let next = last.map(|last| Mark {
        key: last.key.clone(),
        id: None,
    });
    Ok(Page { items, next })
}

/// A page of the place's uploads. The whole bucket is read: `MinIO` takes a prefix for an object's key.
pub(super) async fn uploads(
    client: &Client,
    place: &Place,
    after: Option<&Mark>,
) -> Result<Page<Upload>, UpstreamError> {
    let sent = client
        .list_multipart_uploads()
        .bucket(place.bucket.as_str())
        .set_key_marker(after.map(|mark| mark.key.clone()))
        .set_upload_id_marker(after.and_then(|mark| mark.id.clone()))
        .encoding_type(EncodingType::Url)
        .max_uploads(PAGE)
        .send()
        .await;
    let listed = match sent {
        Ok(listed) => listed,
        Err(error) if is_missing(&error) => return Ok(nothing()),
        Err(error) => return Err(describe("ListMultipartUploads", &error)),
    };
    let encoded = listed.encoding_type == Some(EncodingType::Url);
    let mut items = Vec::new();
    for upload in listed.uploads() {
        let key = decoded(upload.key(), encoded)?;
        if place.holds(&key) {
            let id = upload.upload_id().unwrap_or_default().to_owned();
            items.push(Upload { key, id });
        }
    }
    let keys = items.iter().map(|item| item.key.as_str());
    let next = match listed.is_truncated {
        Some(true) => Some(Mark {
            key: next_key(listed.next_key_marker(), encoded, keys)?,
            id: listed.next_upload_id_marker().map(str::to_owned),
        }),
        _ => None,
    };
    Ok(Page { items, next })
}

/// The store's key. XML cannot hold control characters, so stores are asked to encode keys as forms are,
/// and say whether they did.
fn decoded(key: Option<&str>, encoded: bool) -> Result<String, UpstreamError> {
    let unreadable = || UpstreamError::new(UpstreamErrorKind::Nonsense, "a listing without a key");
    let key = key.ok_or_else(unreadable)?;
    if !encoded {
        return Ok(key.to_owned());
    }
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded
        .map(Cow::into_owned)
        .map_err(|_| UpstreamError::new(UpstreamErrorKind::Nonsense, "a key that is not UTF-8"))
}

/// The key that the next page begins after, which some stores do not encode.
fn next_key<'a>(
    key: Option<&str>,
    encoded: bool,
    mut keys: impl Iterator<Item = &'a str>,
) -> Result<String, UpstreamError> {
    let is_plain = key.is_some_and(|key| keys.any(|one| one == key));
    decoded(key, encoded && !is_plain)
}

fn bytes(size: Option<i64>) -> u64 {
    size.and_then(|size| u64::try_from(size).ok())
        .unwrap_or_default()
}

fn nothing<Item>() -> Page<Item> {
    Page {
        items: Vec::new(),
        next: None,
    }
}

fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    code(error) == Some("NoSuchBucket")
}

/// Whether the store does not know the operation.
fn is_unknown<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    status(error) == Some(501) || matches!(code(error), Some("NotImplemented" | "MethodNotAllowed"))
}
