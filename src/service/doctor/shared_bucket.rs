//! Checks that two owners who share a bucket, each below a prefix, are kept apart.

use crate::domain::{Access, Area, BucketName, Grant};

use super::attacks::{INTRUDER, only_a_no};
use super::{
    Attempt, Doctor, ListCall, Listing, OBJECT, OBJECT_LISTINGS, Object, Outcome, Report,
    S3Operation, TestOwner,
};

/// One name begins with the other, which a store that ignores the slash confuses. They are in the order
/// of their escaped forms (`/` is `%2F`, and `%` comes before `-`).
const NEIGHBOURS: [&str; 2] = ["acme/", "acme-evil/"];

const BY: &str = "below a prefix, ";

/// The name of a listing, its query parameters and its header `Prefix`.
type Trick<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>);

/// How many buckets a report names.
const NAMED: usize = 3;

impl Doctor {
    /// Two owners in this bucket attack each other.
    pub(super) async fn shared_bucket(
        &self,
        report: &mut Report,
        bucket: &BucketName,
        new: &BucketName,
    ) {
        let mut neighbours = Vec::new();
        for prefix in NEIGHBOURS {
            let Ok(prefix) = prefix.parse() else {
                continue;
            };
            let area = Area {
                bucket: bucket.clone(),
                prefix,
            };
            let grant = area.grant(Access::ReadWrite);
            let name = "a session for a prefix in a shared bucket";
            let Some(test_owner) = self.test_owner(report, name, grant).await else {
                return;
            };
            self.own_rights(report, "below one's own prefix", &test_owner)
                .await;
            neighbours.push(test_owner);
        }
        let [first, second] = neighbours.as_slice() else {
            return;
        };
        for [attacker, victim] in [[first, second], [second, first]] {
            self.attacks_on_objects(report, attacker, victim, new).await;
            self.attacks_by_listing(report, attacker, victim).await;
            self.attack_by_role(report, BY, attacker).await;
            self.attacks_from_within(report, BY, attacker).await;
        }
        let read = Grant {
            access: Access::Read,
            ..first.grant.clone()
        };
        self.reader(report, "with a read-only grant below a prefix", read, first)
            .await;
        for test_owner in neighbours {
            let key = test_owner.key(OBJECT);
            let get = S3Operation::Get(test_owner.object(&key));
            let name = "after all attacks, the object below the prefix is there";
            report.check(name, self.allowed(&test_owner, get)).await;
        }
    }

    async fn attacks_on_objects(
        &self,
        report: &mut Report,
        attacker: &TestOwner,
        victim: &TestOwner,
        new: &BucketName,
    ) {
        let bucket = attacker.bucket();
        let [object, intruder] = [OBJECT, INTRUDER].map(|name| attacker.key(name));
        let [their_object, their_intruder] = [OBJECT, INTRUDER].map(|name| victim.key(name));
        let at = |key| Object { bucket, key };
        let operations = [
            (
                "get a neighbour's object",
                S3Operation::Get(at(&their_object)),
            ),
            (
                "put below a neighbour's prefix",
                S3Operation::Put(at(&their_intruder)),
            ),
            (
                "put over a neighbour's object",
                S3Operation::Put(at(&their_object)),
            ),
            ("put beside all prefixes", S3Operation::Put(at(INTRUDER))),
            (
                "delete a neighbour's object",
                S3Operation::Delete(at(&their_object)),
            ),
            (
                "delete a neighbour's object in a batch",
                S3Operation::DeleteBatch(at(&their_object)),
            ),
            (
                "copy a neighbour's object",
                S3Operation::Copy(at(&their_object), at(&intruder)),
            ),
            (
                "copy below a neighbour's prefix",
                S3Operation::Copy(at(&object), at(&their_intruder)),
            ),
            (
                "multipart copy of a neighbour's object",
                S3Operation::MultipartCopy(at(&their_object), at(&intruder)),
            ),
            (
                "begin an upload below a neighbour's prefix",
                S3Operation::BeginUpload(at(&their_intruder)),
            ),
            (
                "put a part into a neighbour's upload",
                S3Operation::UploadPart(at(&their_intruder), &victim.session),
            ),
            (
                "tag a neighbour's object",
                S3Operation::Tag(at(&their_object)),
            ),
            (
                "publish a neighbour's object",
                S3Operation::ChangeAcl(at(&their_object)),
            ),
            (
                "change the policy of the shared bucket",
                S3Operation::ChangePolicy(bucket),
            ),
            (
                "delete the shared bucket",
                S3Operation::DeleteBucket(bucket),
            ),
            ("create a bucket", S3Operation::CreateBucket(new)),
        ];
        self.all_refused(report, BY, attacker, &operations).await;
    }

    /// A parameter, not the path, says whose keys a listing shows.
    async fn attacks_by_listing(
        &self,
        report: &mut Report,
        attacker: &TestOwner,
        victim: &TestOwner,
    ) {
        let (mine, theirs) = (attacker.prefix(), victim.prefix());
        let half = mine.trim_end_matches('/');
        let start = half.get(..2).unwrap_or(half);
        // Signatures cover the parameters in sorted order, and a store may know no other order. Of the two
        // neighbours, one has its own prefix first and the other last.
        let in_order = NEIGHBOURS;
        let tries: [Trick<'_>; 10] = [
            ("list a neighbour's prefix", &[("prefix", theirs)], None),
            ("list without a prefix", &[], None),
            ("list with an empty prefix", &[("prefix", "")], None),
            (
                "list the prefixes themselves, by a delimiter",
                &[("delimiter", "/")],
                None,
            ),
            (
                "list one's own prefix without its slash",
                &[("prefix", half)],
                None,
            ),
            (
                "list what begins as one's own prefix does",
                &[("prefix", start)],
                None,
            ),
            (
                "list a neighbour's prefix, with one's own in a header Prefix",
                &[("prefix", theirs)],
                Some(mine),
            ),
            (
                "list without a prefix, with one's own in a header Prefix",
                &[],
                Some(mine),
            ),
            (
                "list a neighbour's prefix, with one's own as the parameter Prefix",
                &[("prefix", theirs), ("Prefix", mine)],
                None,
            ),
            ("list with a star as the prefix", &[("prefix", "*")], None),
        ];
        for (version, call) in OBJECT_LISTINGS {
            for (name, query, header) in tries {
                let listing = Listing {
                    bucket: attacker.bucket(),
                    call,
                    query,
                    header,
                    shows: theirs,
                };
                let name = format!("{BY}refused: {name}{version}");
                report.check(name, self.unlisted(attacker, listing)).await;
            }
            let listing = Listing {
                bucket: attacker.bucket(),
                call,
                query: &in_order.map(|prefix| ("prefix", prefix)),
                header: None,
                shows: theirs,
            };
            let name = format!("{BY}not shown: a neighbour's keys, by two prefixes{version}");
            report.check(name, self.not_shown(attacker, listing)).await;
        }
        for (name, call) in [
            ("list versions", ListCall::Versions),
            ("list uploads under way", ListCall::Uploads),
        ] {
            let listing = Listing {
                call,
                ..Listing::of(attacker.bucket(), theirs)
            };
            let name = format!("{BY}refused: {name}");
            report.check(name, self.unlisted(attacker, listing)).await;
        }
    }

    async fn unlisted(&self, attacker: &TestOwner, listing: Listing<'_>) -> Outcome {
        match self.attempt(attacker, S3Operation::List(listing)).await {
            Attempt::Done => self.names_are_shown().await,
            attempt => only_a_no(attempt, ""),
        }
    }

    /// A store may use either of two prefixes if it asks the policy about the same one. A store that knows
    /// a single prefix only (Ceph) does not accept a signature of two.
    async fn not_shown(&self, attacker: &TestOwner, listing: Listing<'_>) -> Outcome {
        match self.attempt(attacker, S3Operation::List(listing)).await {
            Attempt::ShowedNothing | Attempt::Misread => Outcome::Passed,
            Attempt::Done => self.names_are_shown().await,
            attempt => only_a_no(attempt, ""),
        }
    }

    /// The store shows the names of keys to neighbours. That matters only in a bucket that several owners
    /// share. If the registry cannot tell whether there is one, the check fails.
    async fn names_are_shown(&self) -> Outcome {
        const SHOWN: &str = "THE STORE SHOWS THE NAMES of a neighbour's keys in a shared bucket";
        let areas = match self.ports.areas.all().await {
            Ok(areas) => areas,
            Err(error) => {
                return Outcome::Failed(format!(
                    "{SHOWN}, and whether this deployment has one cannot be told: {error}"
                ));
            }
        };
        let formula = &self.settings.formula;
        let mut shared: Vec<&str> = areas
            .iter()
            .filter(|(owner, area)| formula.bucket(owner) != area.bucket)
            .map(|(_, area)| area.bucket.as_str())
            .collect();
        shared.sort_unstable();
        shared.dedup();
        if shared.is_empty() {
            return Outcome::Skipped(format!(
                "{SHOWN}; this deployment has none. Do not make one with --bucket (docs/engines/minio.md)"
            ));
        }
        let more = if shared.len() > NAMED { ", …" } else { "" };
        shared.truncate(NAMED);
        Outcome::Failed(format!(
            "{SHOWN}: {}{more}. Give their owners buckets of their own (docs/engines/minio.md)",
            shared.join(", ")
        ))
    }
}
