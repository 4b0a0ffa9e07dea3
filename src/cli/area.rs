//! Where an owner's storage is: the options that choose it, and its JSON.

use serde::Serialize;

use crate::domain::{Area, BucketName, Prefix};
use crate::service::NewArea;

use super::error::CommandError;
use super::options::ChangeOptions;
use super::output::note;

/// The options for the place of an owner's storage.
#[derive(clap::Args, Debug)]
pub(super) struct AreaOptions {
    /// Bucket, which may be shared; created if it is missing [default: a new bucket]
    #[arg(long)]
    bucket: Option<BucketName>,
    /// Prefix in the bucket, which ends in / [default: the name]
    #[arg(long)]
    prefix: Option<Prefix>,
}

/// The place of an owner's storage.
#[derive(Serialize)]
pub(super) struct AreaView {
    pub(super) bucket: String,
    pub(super) prefix: String,
    pub(super) uri: String,
}

impl AreaOptions {
    pub(super) fn new_area(&self) -> NewArea {
        NewArea {
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
        }
    }

    /// Warns where the engine separates the owners of one bucket less well than others do.
    pub(super) fn warn(&self, options: &ChangeOptions) -> Result<(), CommandError> {
        if self.bucket.is_some() && options.config()?.storage.engine.lists_neighbours_names() {
            note(
                &"MinIO lets owners who share a bucket list the names of each other's keys \
                  (docs/engines/minio.md): give each owner a separate bucket if names are secret",
            );
        }
        Ok(())
    }
}

impl From<&Area> for AreaView {
    fn from(area: &Area) -> Self {
        Self {
            bucket: area.bucket.to_string(),
            prefix: area.prefix.to_string(),
            uri: area.to_string(),
        }
    }
}
