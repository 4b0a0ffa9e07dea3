//! The store's clock.

use chrono::{DateTime, Utc};

use crate::adapters::oauth::http_date;
use crate::service::{UpstreamError, UpstreamErrorKind};

use super::AwsClients;
use super::failure::describe;

/// The bucket of the request that reads the store's clock; it does not exist.
const CLOCK_PROBE_BUCKET: &str = "cloakroom-doctor-asks-what-time-it-is";

impl AwsClients {
    /// The store's clock, in whole seconds, if its answers have a date.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`] if the store does not answer.
    pub async fn date(&self) -> Result<Option<DateTime<Utc>>, UpstreamError> {
        let asking = self.s3.head_bucket().bucket(CLOCK_PROBE_BUCKET).send();
        let Err(error) = asking.await else {
            return Err(UpstreamError::new(
                UpstreamErrorKind::Nonsense,
                "HeadBucket: the store claims to have a bucket that does not exist",
            ));
        };
        match error.raw_response() {
            Some(answer) => Ok(http_date(answer.headers().get("date"))),
            None => Err(describe("HeadBucket", &error)),
        }
    }
}
