use std::sync::Arc;

use chrono::SecondsFormat;
use hyper::Uri;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{
    CopyObjectInput, CopySource, DeleteObjectsInput, PostObjectInput, UploadPartCopyInput,
};
use s3s::path::S3Path;
use s3s::{S3Request, S3Result, s3_error};

use super::actions::{action_of, actions_of_headers};
use super::object_key::check_object_key;
use crate::embedded::storage::bucket_policies::BucketPolicies;
use crate::embedded::storage::identities::{Identities, Identity, session_token};
use crate::embedded::storage::policy::RequestedAction;

const LISTINGS: [&str; 4] = [
    "ListObjects",
    "ListObjectsV2",
    "ListObjectVersions",
    "ListMultipartUploads",
];

/// Gives `s3s` the secrets to check signatures with, and checks the policies of the identity before
/// every operation.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) identities: Arc<Identities>,
    pub(crate) policies: Arc<BucketPolicies>,
}

impl Identity {
    fn authorize(&self, request: &RequestedAction<'_>) -> S3Result<()> {
        let (policy, kind) = match self {
            Self::Root => return Ok(()),
            Self::Session(session) => match &session.policy {
                None => return Ok(()),
                Some(policy) => (policy, "session"),
            },
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

    fn authorize_on(&self, action: &str, resource: String) -> S3Result<()> {
        self.authorize(&RequestedAction {
            action,
            resource,
            context: Vec::new(),
        })
    }

    fn authorize_copy_from(&self, source: &CopySource) -> S3Result<()> {
        let CopySource::Bucket { bucket, key, .. } = source else {
            return Err(s3_error!(NotImplemented));
        };
        check_object_key(key)?;
        self.authorize_on("s3:GetObject", format!("{bucket}/{key}"))
    }
}

impl Access {
    /// Asks the policy of the bucket in the path, which only sessions are subject to.
    fn check_bucket_policy(
        &self,
        identity: &Identity,
        action: &str,
        resource: String,
    ) -> S3Result<()> {
        let Identity::Session(session) = identity else {
            return Ok(());
        };
        let bucket = resource.split('/').next().unwrap_or_default().to_owned();
        let issued = session.issued.to_rfc3339_opts(SecondsFormat::Millis, true);
        let request = RequestedAction {
            action,
            resource,
            context: vec![
                ("aws:userid", session.user_id.clone()),
                ("aws:TokenIssueTime", issued),
            ],
        };
        if self.policies.deny(&bucket, &request) {
            return Err(s3_error!(
                AccessDenied,
                "Access Denied: a bucket policy denies the {action} action"
            ));
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl S3Auth for Access {
    async fn get_secret_key(&self, access_key_id: &str) -> S3Result<SecretKey> {
        self.identities.secret_key(access_key_id)
    }
}

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(credentials) = cx.credentials() else {
            return Err(s3_error!(AccessDenied));
        };
        let token = session_token(cx.headers(), cx.uri())?;
        let identity = self
            .identities
            .identify(&credentials.access_key, token.as_deref())?;
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
            identity.authorize(&RequestedAction {
                action: &action_of(operation),
                resource: resource.clone(),
                context: conditions(operation, cx.uri()),
            })?;
        }
        for action in actions_of_headers(cx.headers()) {
            identity.authorize_on(action, resource.clone())?;
        }
        self.check_bucket_policy(&identity, &action_of(operation), resource)?;
        cx.extensions_mut().insert(identity);
        Ok(())
    }

    async fn copy_object(&self, req: &mut S3Request<CopyObjectInput>) -> S3Result<()> {
        Identity::of(&req.extensions)?.authorize_copy_from(&req.input.copy_source)
    }

    async fn upload_part_copy(&self, req: &mut S3Request<UploadPartCopyInput>) -> S3Result<()> {
        Identity::of(&req.extensions)?.authorize_copy_from(&req.input.copy_source)
    }

    /// Refuses HTML forms: the object key is in the body, which is read after `check`.
    async fn post_object(&self, _: &mut S3Request<PostObjectInput>) -> S3Result<()> {
        Err(s3_error!(NotImplemented))
    }

    async fn delete_objects(&self, req: &mut S3Request<DeleteObjectsInput>) -> S3Result<()> {
        let identity = Identity::of(&req.extensions)?;
        for object in &req.input.delete.objects {
            check_object_key(&object.key)?;
            let resource = format!("{}/{}", req.input.bucket, object.key);
            identity.authorize_on("s3:DeleteObject", resource)?;
        }
        Ok(())
    }
}

/// The condition keys of a listing, `s3:prefix` and `s3:delimiter`. Other operations have none:
/// `?prefix=` on `GetObject` must not satisfy the condition of a policy. A repeated parameter is left
/// out, because it has no single value.
fn conditions(operation: &str, uri: &Uri) -> Vec<(&'static str, String)> {
    if !LISTINGS.contains(&operation) {
        return Vec::new();
    }
    let query = uri.query().unwrap_or_default().as_bytes();
    let value_of = |wanted: &str| {
        let parameters = url::form_urlencoded::parse(query);
        let mut values = parameters.filter(|(name, _)| name == wanted);
        let (_, value) = values.next().filter(|_| values.next().is_none())?;
        Some(value.into_owned())
    };
    let prefix = value_of("prefix").map(|value| ("s3:prefix", value));
    let delimiter = value_of("delimiter").map(|value| ("s3:delimiter", value));
    prefix.into_iter().chain(delimiter).collect()
}
