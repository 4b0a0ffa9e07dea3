use aws_sdk_s3::Client;
use aws_sdk_s3::types::{ObjectLockLegalHoldStatus, ObjectLockRetentionMode};
use chrono::DateTime;

use crate::domain::BucketName;
use crate::service::{KeptBecause, StoredVersion, UpstreamError};

use crate::adapters::aws::failure::{describe, status};

/// The lock of a version that the store did not delete. None if the store knows of none.
pub(super) async fn of(
    client: &Client,
    bucket: &BucketName,
    version: &StoredVersion,
) -> Result<Option<KeptBecause>, UpstreamError> {
    let hold = client
        .get_object_legal_hold()
        .bucket(bucket.as_str())
        .key(&version.key)
        .set_version_id(version.version_id.clone())
        .send()
        .await;
    match hold {
        Ok(answer) => {
            let hold = answer.legal_hold.and_then(|hold| hold.status);
            if hold == Some(ObjectLockLegalHoldStatus::On) {
                return Ok(Some(KeptBecause::LegalHold));
            }
        }
        // It has none, or the store has no locks.
        Err(error) if matches!(status(&error), Some(400..=499 | 501)) => {}
        Err(error) => return Err(describe("GetObjectLegalHold", &error)),
    }
    let retention = client
        .get_object_retention()
        .bucket(bucket.as_str())
        .key(&version.key)
        .set_version_id(version.version_id.clone())
        .send()
        .await;
    let retention = match retention {
        Ok(answer) => answer.retention,
        Err(error) if matches!(status(&error), Some(400..=499 | 501)) => None,
        Err(error) => return Err(describe("GetObjectRetention", &error)),
    };
    let Some(retention) = retention else {
        return Ok(None);
    };
    let until = retention.retain_until_date();
    let until = until.and_then(|until| DateTime::from_timestamp(until.secs(), 0));
    Ok(match (retention.mode(), until) {
        (Some(ObjectLockRetentionMode::Governance), Some(until)) => {
            Some(KeptBecause::Governance(until))
        }
        (Some(ObjectLockRetentionMode::Compliance), Some(until)) => {
            Some(KeptBecause::Compliance(until))
        }
        _ => None,
    })
}
