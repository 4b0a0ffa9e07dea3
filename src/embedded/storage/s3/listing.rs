use std::time::{Duration, UNIX_EPOCH};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    CommonPrefix, ETag, EncodingType, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, MultipartUpload,
    Object, Timestamp,
};
use s3s::{S3Result, s3_error};

use super::index::{Entry, Index};

/// The most entries of one response.
const MAX_KEYS: usize = 1_000;

/// The characters that `encoding-type=url` leaves as they are.
const URL_SAFE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/')
    .remove(b'*');

/// What to list.
struct Query<'a> {
    bucket: &'a str,
    prefix: &'a str,
    delimiter: &'a str,
    /// The key or common prefix that the last page ended with.
    after: &'a str,
    limit: usize,
}

#[derive(Default)]
struct Page {
    entries: Vec<Entry>,
    common_prefixes: Vec<String>,
    /// What the page ended with, if there are more.
    next: Option<String>,
}

impl<'a> Query<'a> {
    fn new(input: &'a ListObjectsV2Input, after: Option<&'a str>) -> Self {
        let limit = input.max_keys.and_then(|max| usize::try_from(max).ok());
        Self {
            bucket: &input.bucket,
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: input.delimiter.as_deref().unwrap_or_default(),
            after: after.unwrap_or_default(),
            limit: limit.unwrap_or(MAX_KEYS).min(MAX_KEYS),
        }
    }

    /// Keys fold into one common prefix up to the next delimiter after the prefix.
    fn common_prefix(&self, key: &str) -> Option<String> {
        if self.delimiter.is_empty() {
            return None;
        }
        let rest = key.strip_prefix(self.prefix)?;
        let end = rest.find(self.delimiter)? + self.delimiter.len();
        rest.get(..end).map(|head| format!("{}{head}", self.prefix))
    }

    async fn page(&self, index: &Index) -> S3Result<Page> {
        let mut page = Page::default();
        let mut last = String::new();
        let mut cursor = self.after.to_owned();
        if self.limit == 0 {
            return Ok(page);
        }
        loop {
            let batch = index.objects_after(self.bucket, &cursor, self.prefix, MAX_KEYS);
            let batch = batch.await?;
            let Some(end) = batch.last().map(|entry| entry.key.clone()) else {
                return Ok(page);
            };
            for entry in batch {
                let common = self.common_prefix(&entry.key);
                let is_listed = |common: &String| *common == last || common.as_str() <= self.after;
                if common.as_ref().is_some_and(is_listed) {
                    continue;
                }
                if page.entries.len() + page.common_prefixes.len() == self.limit {
                    page.next = Some(last);
                    return Ok(page);
                }
                last = common.clone().unwrap_or_else(|| entry.key.clone());
                match common {
                    Some(common) => page.common_prefixes.push(common),
                    None => page.entries.push(entry),
                }
            }
            cursor = end;
        }
    }
}

pub(super) async fn list_objects(
    index: &Index,
    input: ListObjectsInput,
) -> S3Result<ListObjectsOutput> {
    // The marker becomes `start_after`.
    let input = ListObjectsV2Input::from(input);
    let query = Query::new(&input, input.start_after.as_deref());
    let max_keys = i32::try_from(query.limit).ok();
    let page = query.page(index).await?;
    let encoding = input.encoding_type.as_ref();
    let name = |name: String| encoded(name, encoding);
    Ok(ListObjectsOutput {
        max_keys,
        is_truncated: Some(page.next.is_some()),
        next_marker: page.next.map(name),
        contents: Some(objects(page.entries, encoding)),
        common_prefixes: Some(prefixes(page.common_prefixes, encoding)),
        prefix: input.prefix.map(name),
        delimiter: input.delimiter.map(name),
        marker: input.start_after.map(name),
        encoding_type: input.encoding_type.clone(),
        name: Some(input.bucket),
        ..Default::default()
    })
}

pub(super) async fn list_objects_v2(
    index: &Index,
    input: ListObjectsV2Input,
) -> S3Result<ListObjectsV2Output> {
    let token = input.continuation_token.as_deref();
    let token = token.map(parse_token).transpose()?;
    let query = Query::new(&input, token.as_deref().or(input.start_after.as_deref()));
    let max_keys = i32::try_from(query.limit).ok();
    let page = query.page(index).await?;
    let encoding = input.encoding_type.as_ref();
    let name = |name: String| encoded(name, encoding);
    Ok(ListObjectsV2Output {
        key_count: i32::try_from(page.entries.len() + page.common_prefixes.len()).ok(),
        max_keys,
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.map(hex::encode),
        contents: Some(objects(page.entries, encoding)),
        common_prefixes: Some(prefixes(page.common_prefixes, encoding)),
        prefix: input.prefix.map(name),
        delimiter: input.delimiter.map(name),
        start_after: input.start_after.map(name),
        continuation_token: input.continuation_token,
        encoding_type: input.encoding_type.clone(),
        name: Some(input.bucket),
        ..Default::default()
    })
}

pub(super) async fn list_multipart_uploads(
    index: &Index,
    input: ListMultipartUploadsInput,
) -> S3Result<ListMultipartUploadsOutput> {
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let uploads = index.uploads(&input.bucket, prefix).await?;
    let encoding = input.encoding_type.as_ref();
    let uploads = uploads.into_iter().map(|upload| MultipartUpload {
        key: Some(encoded(upload.key, encoding)),
        initiated: Some(timestamp(upload.begun)),
        upload_id: Some(upload.id),
        ..Default::default()
    });
    Ok(ListMultipartUploadsOutput {
        uploads: Some(uploads.collect()),
        is_truncated: Some(false),
        encoding_type: input.encoding_type.clone(),
        prefix: input.prefix,
        bucket: Some(input.bucket),
        ..Default::default()
    })
}

/// A continuation token is the name that the last page ended with, as hex digits.
fn parse_token(token: &str) -> S3Result<String> {
    let name = hex::decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token is not one of ours"))
}

fn objects(entries: Vec<Entry>, encoding: Option<&EncodingType>) -> Vec<Object> {
    let object = |entry: Entry| Object {
        key: Some(encoded(entry.key, encoding)),
        size: Some(entry.size),
        e_tag: Some(ETag::Strong(entry.etag)),
        last_modified: Some(timestamp(entry.modified)),
        ..Object::default()
    };
    entries.into_iter().map(object).collect()
}

fn prefixes(names: Vec<String>, encoding: Option<&EncodingType>) -> Vec<CommonPrefix> {
    let prefix = |name| CommonPrefix {
        prefix: Some(encoded(name, encoding)),
    };
    names.into_iter().map(prefix).collect()
}

/// A name in the encoding that the client asked for.
fn encoded(name: String, encoding: Option<&EncodingType>) -> String {
    match encoding {
        Some(encoding) if encoding.as_str() == EncodingType::URL => {
            utf8_percent_encode(&name, URL_SAFE).to_string()
        }
        _ => name,
    }
}

fn timestamp(milliseconds: i64) -> Timestamp {
    let since = Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default());
    Timestamp::from(UNIX_EPOCH + since)
}
