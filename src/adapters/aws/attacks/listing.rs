use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::service::doctor::{Attempt, ListCall, Listing};

use super::error_outcome;

/// Lists with a query and header that may hide a forbidden prefix from the policy.
pub(in crate::adapters::aws) async fn list(s3: &Client, listing: Listing<'_>) -> Attempt {
    let bucket = listing.bucket.as_str();
    let query = query(&listing);
    let header = listing.header.map(str::to_owned);
    let disguise = move |request: &mut HttpRequest| disguise(request, &query, header.as_deref());
    match listing.call {
        ListCall::Objects => {
            let call = s3.list_objects_v2().bucket(bucket).customize();
            let sent = call.mutate_request(disguise).send().await;
            listing_outcome("ListObjectsV2", listing.shows, sent, |page| {
                let prefixes = page.common_prefixes().iter().map(|one| one.prefix());
                let keys = page.contents().iter().map(|one| one.key());
                prefixes.chain(keys).flatten().map(str::to_owned).collect()
            })
        }
        ListCall::ObjectsV1 => {
            let call = s3.list_objects().bucket(bucket).customize();
            let sent = call.mutate_request(disguise).send().await;
            listing_outcome("ListObjects", listing.shows, sent, |page| {
                let prefixes = page.common_prefixes().iter().map(|one| one.prefix());
                let keys = page.contents().iter().map(|one| one.key());
                prefixes.chain(keys).flatten().map(str::to_owned).collect()
            })
        }
        ListCall::Versions => {
            let call = s3.list_object_versions().bucket(bucket).customize();
            let sent = call.mutate_request(disguise).send().await;
            listing_outcome("ListObjectVersions", listing.shows, sent, |page| {
                let keys = page.versions().iter().filter_map(|one| one.key());
                keys.map(str::to_owned).collect()
            })
        }
        ListCall::Uploads => {
            let call = s3.list_multipart_uploads().bucket(bucket).customize();
            let sent = call.mutate_request(disguise).send().await;
            listing_outcome("ListMultipartUploads", listing.shows, sent, |page| {
                let keys = page.uploads().iter().filter_map(|one| one.key());
                keys.map(str::to_owned).collect()
            })
        }
    }
}

/// The query string, without its first separator.
fn query(listing: &Listing<'_>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(listing.query);
    query.finish()
}

/// Adds the query and the header before the request is signed, so that the signature covers them.
fn disguise(request: &mut HttpRequest, query: &str, header: Option<&str>) {
    if !query.is_empty() {
        let uri = request.uri();
        let separator = if uri.contains('?') { '&' } else { '?' };
        let uri = format!("{uri}{separator}{query}");
        // If the address cannot be set, the listing is an ordinary one and shows nothing.
        let _ = request.set_uri(uri);
    }
    if let Some(header) = header {
        request.headers_mut().insert("prefix", header.to_owned());
    }
}

fn listing_outcome<T, E: ProvideErrorMetadata>(
    operation: &str,
    shows: &str,
    sent: Result<T, SdkError<E, HttpResponse>>,
    names: impl Fn(&T) -> Vec<String>,
) -> Attempt {
    match sent {
        Ok(page) if names(&page).iter().any(|name| name.starts_with(shows)) => Attempt::Done,
        Ok(_) => Attempt::ShowedNothing,
        // MinIO takes no prefix that climbs.
        Err(error) if error.code() == Some("XMinioInvalidResourceName") => Attempt::Refused,
        Err(error) => error_outcome(operation, &error),
    }
}
