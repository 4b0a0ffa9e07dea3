use std::collections::HashMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::domain::BucketName;
use crate::service::{
    Governance, Kept, KeptBecause, StoredVersion, UpstreamError, UpstreamErrorKind,
};

use crate::adapters::aws::failure::{code, describe, status};

use super::locks;

/// How many versions one request deletes. Stores delete them one after another, and must answer in time.
const BATCH: usize = 250;

/// How many requests are under way at once.
const IN_FLIGHT: usize = 4;

/// Error codes of a version that is gone already.
const GONE: [&str; 3] = ["NoSuchKey", "NoSuchVersion", "NoSuchBucket"];

/// Error codes that may pass.
const PASSING: [&str; 5] = [
    "InternalError",
    "ServiceUnavailable",
    "SlowDown",
    "RequestTimeout",
    "OperationAborted",
];

/// What the store says about a version that it did not delete.
struct Refusal {
    version: StoredVersion,
    code: String,
}

/// Deletes versions and returns those that the store keeps, with the reason.
pub(super) async fn delete(
    client: &Client,
    bucket: &BucketName,
    versions: &[StoredVersion],
    governance: Governance,
) -> Result<Vec<Kept>, UpstreamError> {
    let request = Deleting {
        client,
        bucket,
        governance,
    };
    let mut kept = Vec::new();
    for round in rounds(versions) {
        for Refusal { version, code } in request.round(round).await? {
            let why = if PASSING.contains(&code.as_str()) {
                KeptBecause::Failed(code)
            } else {
                let lock = locks::of(client, bucket, &version).await?;
                lock.unwrap_or(KeptBecause::Refused(code))
            };
            kept.push(Kept {
                key: version.key,
                version_id: version.version_id,
                why,
            });
        }
    }
    Ok(kept)
}

/// Splits versions into rounds in which no key occurs twice. Ceph 16.2.15's gateway crashes (SIGSEGV in
/// `RGWDeleteMultiObj::handle_individual_object`) when one request deletes several versions of a key.
fn rounds(versions: &[StoredVersion]) -> Vec<Vec<StoredVersion>> {
    let mut rounds: Vec<Vec<StoredVersion>> = Vec::new();
    let mut round_of: HashMap<&str, usize> = HashMap::new();
    for version in versions {
        let next = round_of.entry(&version.key).or_default();
        match rounds.get_mut(*next) {
            Some(round) => round.push(version.clone()),
            None => rounds.push(vec![version.clone()]),
        }
        *next += 1;
    }
    rounds
}

#[derive(Clone, Copy)]
struct Deleting<'a> {
    client: &'a Client,
    bucket: &'a BucketName,
    governance: Governance,
}

impl Deleting<'_> {
    async fn round(self, versions: Vec<StoredVersion>) -> Result<Vec<Refusal>, UpstreamError> {
        let (in_xml, alone): (Vec<_>, Vec<_>) = versions.into_iter().partition(fits_xml);
        let batches: Vec<Vec<StoredVersion>> = in_xml.chunks(BATCH).map(<[_]>::to_vec).collect();
        let batches = batches.into_iter().map(|batch| self.batch(batch));
        let refusals = stream::iter(batches).buffer_unordered(IN_FLIGHT);
        let refusals: Vec<Vec<Refusal>> = refusals.try_collect().await?;
        let mut refusals: Vec<Refusal> = refusals.into_iter().flatten().collect();
        refusals.extend(self.one_by_one(alone).await?);
        Ok(refusals)
    }

    /// Stores without batches, and those that do not understand this one, get one request for each.
    async fn batch(self, batch: Vec<StoredVersion>) -> Result<Vec<Refusal>, UpstreamError> {
        let sent = self
            .client
            .delete_objects()
            .bucket(self.bucket.as_str())
            .delete(identifiers(&batch)?)
            .set_bypass_governance_retention(self.bypass())
            .send()
            .await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) => {
                return match (status(&error), code(&error)) {
                    (_, Some("NoSuchBucket")) => Ok(Vec::new()),
                    (Some(400 | 403 | 405 | 501), _) => self.one_by_one(batch).await,
                    _ => Err(describe("DeleteObjects", &error)),
                };
            }
        };
        let mut refusals = Vec::new();
        for error in answer.errors() {
            let code = error.code().unwrap_or("no error code");
            if GONE.contains(&code) {
                continue;
            }
            let is_meant = |version: &&StoredVersion| {
                Some(version.key.as_str()) == error.key()
                    && (version.version_id.as_deref() == error.version_id()
                        || error.version_id().is_none_or(str::is_empty))
            };
            refusals.extend(batch.iter().filter(is_meant).map(|version| Refusal {
                version: version.clone(),
                code: short(code),
            }));
        }
        Ok(refusals)
    }

    async fn one_by_one(self, versions: Vec<StoredVersion>) -> Result<Vec<Refusal>, UpstreamError> {
        let deletions = versions.into_iter().map(|version| self.one(version));
        let refusals = stream::iter(deletions).buffer_unordered(IN_FLIGHT);
        let refusals: Vec<Option<Refusal>> = refusals.try_collect().await?;
        Ok(refusals.into_iter().flatten().collect())
    }

    async fn one(self, version: StoredVersion) -> Result<Option<Refusal>, UpstreamError> {
        let sent = self
            .client
            .delete_object()
            .bucket(self.bucket.as_str())
            .key(&version.key)
            .set_version_id(version.version_id.clone())
            .set_bypass_governance_retention(self.bypass())
            .send()
            .await;
        let Err(error) = sent else {
            return Ok(None);
        };
        match (status(&error), code(&error)) {
            (Some(404), _) => Ok(None),
            (Some(400..=599), Some(code)) => Ok(Some(Refusal {
                code: short(code),
                version,
            })),
            _ => Err(describe("DeleteObject", &error)),
        }
    }

    fn bypass(self) -> Option<bool> {
        (self.governance == Governance::Bypass).then_some(true)
    }
}

fn identifiers(batch: &[StoredVersion]) -> Result<Delete, UpstreamError> {
    let mut delete = Delete::builder().quiet(true);
    let unbuildable = |_| {
        UpstreamError::new(
            UpstreamErrorKind::Nonsense,
            "DeleteObjects: no such request",
        )
    };
    for version in batch {
        let identifier = ObjectIdentifier::builder()
            .key(&version.key)
            .set_version_id(version.version_id.clone())
            .build()
            .map_err(unbuildable)?;
        delete = delete.objects(identifier);
    }
    delete.build().map_err(unbuildable)
}

/// Whether XML 1.0 has all characters of the key, in any spelling that every store reads back.
fn fits_xml(version: &StoredVersion) -> bool {
    let is_lost = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    !version.key.chars().any(is_lost)
}

/// The code, if it looks like one.
fn short(code: &str) -> String {
    code.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ' '))
        .take(64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(key: &str, id: &str) -> StoredVersion {
        StoredVersion {
            key: key.to_owned(),
            version_id: Some(id.to_owned()),
            bytes: 1,
            is_marker: false,
            is_latest: false,
        }
    }

    #[test]
    fn a_key_occurs_once_a_round() {
        let versions = [
            version("a", "3"),
            version("a", "2"),
            version("b", "1"),
            version("a", "1"),
        ];
        let expected = [
            vec![version("a", "3"), version("b", "1")],
            vec![version("a", "2")],
            vec![version("a", "1")],
        ];
        assert_eq!(rounds(&versions), expected);
        assert!(rounds(&[]).is_empty());
    }
}
