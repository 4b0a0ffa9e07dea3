use std::sync::Arc;

use hyper::{HeaderMap, Uri};
use s3s::access::{S3Access, S3AccessContext};
use s3s::dto::{
    CopyObjectInput, CopySource, DeleteObjectsInput, PostObjectInput, UploadPartCopyInput,
};
use s3s::path::S3Path;
use s3s::{S3Request, S3Result, s3_error};

use super::actions::{action_of, actions_of_headers};
use super::keys::check_key;
use super::policy::Deed;
use super::signers::{Signer, Signers};

const SESSION_TOKEN: &str = "x-amz-security-token";
const LISTINGS: [&str; 4] = [
    "ListObjects",
    "ListObjectsV2",
    "ListObjectVersions",
    "ListMultipartUploads",
];

/// Asks the policies of whoever signed before every operation.
pub(super) struct PolicyAccess {
    signers: Arc<Signers>,
}

impl PolicyAccess {
    pub(super) fn new(signers: Arc<Signers>) -> Self {
        Self { signers }
    }
}

impl Signer {
    fn must(&self, deed: &Deed<'_>) -> S3Result<()> {
        let (policy, kind) = match self {
            Self::Root | Self::Session(None) => return Ok(()),
            Self::Session(Some(policy)) => (policy, "session"),
            Self::User(holder) => (&holder.policy, "identity-based"),
        };
        if policy.allows(deed) {
            Ok(())
        } else {
            let action = deed.action;
            Err(s3_error!(
                AccessDenied,
                "Access Denied: no {kind} policy allows the {action} action"
            ))
        }
    }

    fn must_on(&self, action: &str, resource: String) -> S3Result<()> {
        self.must(&Deed {
            action,
            resource,
            context: Vec::new(),
        })
    }

    fn must_read(&self, source: &CopySource) -> S3Result<()> {
        let CopySource::Bucket { bucket, key, .. } = source else {
            return Err(s3_error!(NotImplemented));
        };
        check_key(key)?;
        self.must_on("s3:GetObject", format!("{bucket}/{key}"))
    }
}

#[async_trait::async_trait]
impl S3Access for PolicyAccess {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(credentials) = cx.credentials() else {
            return Err(s3_error!(AccessDenied));
        };
        let token = session_token(cx.headers(), cx.uri())?;
        let signer = self
            .signers
            .signer(&credentials.access_key, token.as_deref())?;
        let resource = match cx.s3_path() {
            S3Path::Root => "*".to_owned(),
            S3Path::Bucket { bucket } => bucket.to_string(),
            S3Path::Object { bucket, key } => {
                check_key(key)?;
                format!("{bucket}/{key}")
            }
        };
        let operation = cx.s3_op().name();
        if operation != "DeleteObjects" {
            signer.must(&Deed {
                action: &action_of(operation),
                resource: resource.clone(),
                context: conditions(operation, cx.uri()),
            })?;
        }
        for action in actions_of_headers(cx.headers()) {
            signer.must_on(action, resource.clone())?;
        }
        cx.extensions_mut().insert(signer);
        Ok(())
    }

    async fn copy_object(&self, req: &mut S3Request<CopyObjectInput>) -> S3Result<()> {
        Signer::of(req)?.must_read(&req.input.copy_source)
    }

    async fn upload_part_copy(&self, req: &mut S3Request<UploadPartCopyInput>) -> S3Result<()> {
        Signer::of(req)?.must_read(&req.input.copy_source)
    }

    /// A form of a browser's names its key in its body, after everything was checked.
    async fn post_object(&self, _: &mut S3Request<PostObjectInput>) -> S3Result<()> {
        Err(s3_error!(NotImplemented))
    }

    async fn delete_objects(&self, req: &mut S3Request<DeleteObjectsInput>) -> S3Result<()> {
        let signer = Signer::of(req)?.clone();
        for object in &req.input.delete.objects {
            check_key(&object.key)?;
            let resource = format!("{}/{}", req.input.bucket, object.key);
            signer.must_on("s3:DeleteObject", resource)?;
        }
        Ok(())
    }
}

/// The session token, from the header or a presigned URL; two different ones are none.
pub(super) fn session_token(headers: &HeaderMap, uri: &Uri) -> S3Result<Option<String>> {
    let in_headers = headers
        .get_all(SESSION_TOKEN)
        .iter()
        .map(|value| value.to_str().ok());
    let in_headers = in_headers.map(|value| value.map(str::to_owned));
    let in_query = query(uri)
        .filter(|(name, _)| name.eq_ignore_ascii_case(SESSION_TOKEN))
        .map(|(_, value)| Some(value));
    let mut tokens = in_headers.chain(in_query);
    match (tokens.next(), tokens.next()) {
        (None, _) => Ok(None),
        (Some(Some(token)), None) => Ok(Some(token)),
        _ => Err(s3_error!(
            InvalidToken,
            "More than one session token, or a malformed one"
        )),
    }
}

/// The condition keys of listing (`s3:prefix`, `s3:delimiter`), which no other operation has: else
/// `?prefix=` would turn getting an object into what only listing was allowed. A parameter that
/// stands twice has no value that a policy could be asked about.
fn conditions(operation: &str, uri: &Uri) -> Vec<(&'static str, String)> {
    if !LISTINGS.contains(&operation) {
        return Vec::new();
    }
    let once = |wanted: &str| {
        let mut values = query(uri)
            .filter(|(name, _)| name == wanted)
            .map(|(_, value)| value);
        values.next().filter(|_| values.next().is_none())
    };
    let prefix = once("prefix").map(|value| ("s3:prefix", value));
    let delimiter = once("delimiter").map(|value| ("s3:delimiter", value));
    prefix.into_iter().chain(delimiter).collect()
}

fn query(uri: &Uri) -> impl Iterator<Item = (String, String)> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned()
}
