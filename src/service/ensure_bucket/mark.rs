use super::EnsureBucketSettings;

/// Whose a bucket is, by its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// It has no tag, or the engine has no tags.
    Absent,
    /// It is this deployment's.
    Ours,
    /// It is that of a deployment whose buckets may be adopted (`naming.adopt_from`).
    Former,
    /// It is another deployment's and is never adopted, not even with `naming.adopt`.
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
