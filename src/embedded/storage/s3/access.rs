use std::sync::Arc;

use hyper::Uri;
use s3s::access::{S3Access, S3AccessContext};
use s3s::dto::{
    CopyObjectInput, CopySource, DeleteObjectsInput, PostObjectInput, UploadPartCopyInput,
};
use s3s::path::S3Path;
use s3s::{S3Request, S3Result, s3_error};

use super::actions::{action_of, actions_of_headers};
use super::object_key::check_object_key;
use crate::embedded::storage::identities::{Identities, Identity, session_token};
use crate::embedded::storage::policy::RequestedAction;

const LISTINGS: [&str; 4] = [
    "ListObjects",
    "ListObjectsV2",
    "ListObjectVersions",
    "ListMultipartUploads",
];

/// Asks the policies of whoever signed before every operation.
pub(crate) struct PolicyAccess {
    identities: Arc<Identities>,
}

impl PolicyAccess {
    pub(crate) fn new(identities: Arc<Identities>) -> Self {
        Self { identities }
    }
}

impl Identity {
    fn must(&self, request: &RequestedAction<'_>) -> S3Result<()> {
        let (policy, kind) = match self {
            Self::Root | Self::Session(None) => return Ok(()),
            Self::Session(Some(policy)) => (policy, "session"),
            Self::User(user) => (&user.policy, "identity-based"),
        };
        if policy.allows(request) {
            Ok(())
        } else {
            let action = request.action;
            Err(s3_error!(
                AccessDenied,
                "Access Denied: no {kind} policy allows the {action} action"
            ))
        }
    }

    fn must_on(&self, action: &str, resource: String) -> S3Result<()> {
        self.must(&RequestedAction {
            action,
            resource,
            context: Vec::new(),
        })
    }

    fn must_read(&self, source: &CopySource) -> S3Result<()> {
        let CopySource::Bucket { bucket, key, .. } = source else {
            return Err(s3_error!(NotImplemented));
        };
        check_object_key(key)?;
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
        let identity = self
            .identities
            .authenticated(&credentials.access_key, token.as_deref())?;
        let resource = match cx.s3_path() {
            S3Path::Root => "*".to_owned(),
            S3Path::Bucket { bucket } => bucket.to_string(),
            S3Path::Object { bucket, key } => {
                check_object_key(key)?;
                format!("{bucket}/{key}")
            }
        };
        let operation = cx.s3_op().name();
        if operation != "DeleteObjects" {
            identity.must(&RequestedAction {
                action: &action_of(operation),
                resource: resource.clone(),
                context: conditions(operation, cx.uri()),
            })?;
        }
        for action in actions_of_headers(cx.headers()) {
            identity.must_on(action, resource.clone())?;
        }
        cx.extensions_mut().insert(identity);
        Ok(())
    }

    async fn copy_object(&self, req: &mut S3Request<CopyObjectInput>) -> S3Result<()> {
        Identity::of(req)?.must_read(&req.input.copy_source)
    }

    async fn upload_part_copy(&self, req: &mut S3Request<UploadPartCopyInput>) -> S3Result<()> {
        Identity::of(req)?.must_read(&req.input.copy_source)
    }

    /// A form of a browser's names its key in its body, after everything was checked.
    async fn post_object(&self, _: &mut S3Request<PostObjectInput>) -> S3Result<()> {
        Err(s3_error!(NotImplemented))
    }

    async fn delete_objects(&self, req: &mut S3Request<DeleteObjectsInput>) -> S3Result<()> {
        let identity = Identity::of(req)?.clone();
        for object in &req.input.delete.objects {
            check_object_key(&object.key)?;
            let resource = format!("{}/{}", req.input.bucket, object.key);
            identity.must_on("s3:DeleteObject", resource)?;
        }
        Ok(())
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
