use std::sync::Arc;

use crate::domain::BucketName;

use super::Maker;

impl Maker {
    /// Gives a ready bucket the rules that it lacks, while its owner uses it already. A failure raises
    /// an alarm and keeps no one out. If all places are taken, the next recheck does it.
    pub(super) async fn repair_rules(self: Arc<Self>, bucket: BucketName) {
        let Some(_place) = self.places.take_for_repair() else {
            return;
        };
        if let Err(failure) = self.buckets.repair_rules(&bucket).await {
            tracing::error!(
                %bucket,
                cause = %failure,
                alarm = "bucket-rules",
                "the rules of a bucket (buckets.*) could not be repaired"
            );
        }
    }
}
