use super::EnsureBucketSettings;

/// What the tag on a bucket says about whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// There is none, or the engine has no tags.
    Absent,
    /// This deployment's.
    Ours,
    /// A deployment's whose buckets may be taken over (`naming.adopt_from`).
    Former,
    /// Another deployment's: the bucket is never touched, whatever `naming.adopt` says.
    Anothers,
}

impl EnsureBucketSettings {
    pub(super) fn mark(&self, tag: Option<&str>) -> Mark {
        match tag {
            None => Mark::Absent,
            Some(tag) if tag == self.deployment => Mark::Ours,
            Some(tag) if self.adopt_from.iter().any(|former| former.as_str() == tag) => {
                Mark::Former
            }
            Some(_) => Mark::Anothers,
        }
    }
}
