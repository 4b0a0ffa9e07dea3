use std::fmt;

use super::{Access, BucketName, Grant, Prefix};

/// The part of a bucket that belongs to one organisation or one workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// The bucket.
    pub bucket: BucketName,
    /// The prefix of its keys. No two areas of a bucket overlap.
    pub prefix: Prefix,
}

impl Area {
    /// Grants this access to the area.
    #[must_use]
    pub fn grant(&self, access: Access) -> Grant {
        Grant {
            bucket: self.bucket.clone(),
            prefix: Some(self.prefix.clone()),
            access,
        }
    }

    /// Whether an object can be in both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.prefix.as_str(), other.prefix.as_str());
        self.bucket == other.bucket && (mine.starts_with(theirs) || theirs.starts_with(mine))
    }
}

impl fmt::Display for Area {
    /// As S3 tools write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(bucket: &str, prefix: &str) -> Area {
        Area {
            bucket: bucket.parse().unwrap(),
            prefix: prefix.parse().unwrap(),
        }
    }

    #[test]
    fn areas_overlap_when_one_is_in_the_other() {
        let acme = area("shared", "acme/");
        for (other, expected) in [
            (area("shared", "acme/"), true),
            (area("shared", "acme/research/"), true),
            (area("shared", "acme-evil/"), false),
            (area("shared", "acm/"), false),
            (area("shared", "x/acme/"), false),
            (area("other", "acme/"), false),
        ] {
            assert_eq!(acme.overlaps(&other), expected, "{other}");
            assert_eq!(other.overlaps(&acme), expected, "{other}");
        }
    }

    #[test]
    fn an_area_reads_like_a_path_of_the_aws_cli() {
        assert_eq!(area("shared", "acme/").to_string(), "s3://shared/acme/");
    }
}
