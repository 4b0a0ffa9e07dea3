//! What one test owner tries to do to another, and what to do if it succeeds.

use crate::domain::BucketName;

use super::{
    Attempt, Doctor, Listing, OBJECT, OBJECT_LISTINGS, Object, Outcome, Report, S3Operation,
    TestOwner,
};

/// The object that attackers put or copy to.
pub(super) const INTRUDER: &str = "intruder";

/// What to do about a store that follows a climbing prefix.
const CLIMBED: &str = "THE STORE FOLLOWS `..` in the prefix of a listing to other buckets: with SeaweedFS set \
     storage.flavor = \"seaweedfs\", whose policies refuse that; do not use another such store";

/// The object that attackers try to publish.
const PUBLISHED: &str = "cloakroom-doctor-published";

impl Doctor {
    pub(super) async fn attacks(
        &self,
        report: &mut Report,
        attacker: &TestOwner,
        victim: &TestOwner,
        new: &BucketName,
    ) {
        self.attacks_on_buckets(report, "", attacker, victim.bucket(), new)
            .await;
        self.attacks_by_climbing(report, attacker, victim.bucket())
            .await;
        self.attack_by_role(report, "", attacker).await;
        self.attacks_from_within(report, "", attacker).await;
    }

    /// A store that takes a prefix for a path may follow it out of the bucket.
    async fn attacks_by_climbing(
        &self,
        report: &mut Report,
        attacker: &TestOwner,
        theirs: &BucketName,
    ) {
        let prefix = format!("../{theirs}/");
        for (version, call) in OBJECT_LISTINGS {
            let listing = Listing {
                bucket: attacker.bucket(),
                call,
                query: &[("prefix", &prefix)],
                header: None,
                shows: "../",
            };
            let name = format!("not shown: another's bucket, by a prefix that climbs{version}");
            let attempt = self.attempt(attacker, S3Operation::List(listing));
            let outcome = async {
                match attempt.await {
                    Attempt::ShowedNothing => Outcome::Passed,
                    attempt => only_a_no(attempt, CLIMBED),
                }
            };
            report.check(name, outcome).await;
        }
    }

    pub(super) async fn attack_by_role(&self, report: &mut Report, by: &str, attacker: &TestOwner) {
        let name = "mint a session without a policy";
        self.all_refused(report, by, attacker, &[(name, S3Operation::AssumeRole)])
            .await;
    }

    /// Attacks that need no other owner. A session that an access key opens is not one of them: it has
    /// the key's policy and ends with the key.
    pub(super) async fn attacks_from_within(
        &self,
        report: &mut Report,
        by: &str,
        attacker: &TestOwner,
    ) {
        let name = "mint credentials that last (CVE-2025-62506)";
        self.all_refused(
            report,
            by,
            attacker,
            &[(name, S3Operation::MintLastingCredentials)],
        )
        .await;
        let name = format!("{by}refused: a stranger gets an object");
        let reading = self.no_stranger_reads(attacker, OBJECT);
        report.check(name, reading).await;
        let key = attacker.key(PUBLISHED);
        let object = attacker.object(&key);
        for (name, operation) in [
            ("publish an object", S3Operation::Publish(object)),
            (
                "publish an object in parts",
                S3Operation::PublishInParts(object),
            ),
        ] {
            let name = format!("{by}refused: {name}");
            report.check(name, self.publish(attacker, operation)).await;
        }
    }

    /// Attacks of the owner of one bucket on another bucket.
    pub(super) async fn attacks_on_buckets(
        &self,
        report: &mut Report,
        by: &str,
        attacker: &TestOwner,
        theirs: &BucketName,
        new: &BucketName,
    ) {
        let own = attacker.bucket();
        let at = |bucket, key| Object { bucket, key };
        let (from, into) = (at(theirs, OBJECT), at(own, INTRUDER));
        let operations = [
            ("get another's object", S3Operation::Get(from)),
            (
                "list another's bucket",
                S3Operation::List(Listing::of(theirs, OBJECT)),
            ),
            (
                "put into another's bucket",
                S3Operation::Put(at(theirs, INTRUDER)),
            ),
            ("delete another's object", S3Operation::Delete(from)),
            ("copy from another's bucket", S3Operation::Copy(from, into)),
            (
                "copy into another's bucket",
                S3Operation::Copy(at(own, OBJECT), at(theirs, INTRUDER)),
            ),
            (
                "multipart copy from another's bucket",
                S3Operation::MultipartCopy(from, into),
            ),
            (
                "change the policy of another's bucket",
                S3Operation::ChangePolicy(theirs),
            ),
            (
                "change the policy of one's own bucket",
                S3Operation::ChangePolicy(own),
            ),
            ("delete another's bucket", S3Operation::DeleteBucket(theirs)),
            ("create a bucket", S3Operation::CreateBucket(new)),
        ];
        self.all_refused(report, by, attacker, &operations).await;
    }

    /// Checks that the store refuses each operation.
    pub(super) async fn all_refused(
        &self,
        report: &mut Report,
        by: &str,
        attacker: &TestOwner,
        operations: &[(&str, S3Operation<'_>)],
    ) {
        for (name, operation) in operations {
            let name = format!("{by}refused: {name}");
            report.check(name, self.refused(attacker, *operation)).await;
        }
    }

    pub(super) async fn refused(
        &self,
        attacker: &TestOwner,
        operation: S3Operation<'_>,
    ) -> Outcome {
        let attempt = self.attempt(attacker, operation).await;
        only_a_no(attempt, remedy(operation))
    }

    /// Checks that an unsigned request cannot read the object.
    async fn no_stranger_reads(&self, test_owner: &TestOwner, name: &str) -> Outcome {
        let key = test_owner.key(name);
        let object = test_owner.object(&key);
        let attempt = self
            .ports
            .attacker
            .attempt(None, S3Operation::Get(object))
            .await;
        only_a_no(attempt, remedy(S3Operation::Publish(object)))
    }

    /// A store may accept the ACL and ignore it. What counts is that a stranger cannot read the object.
    async fn publish(&self, attacker: &TestOwner, operation: S3Operation<'_>) -> Outcome {
        match self.attempt(attacker, operation).await {
            Attempt::Done => self.no_stranger_reads(attacker, PUBLISHED).await,
            attempt => only_a_no(attempt, remedy(operation)),
        }
    }
}

/// An attack counts as refused only if the store clearly says so.
pub(super) fn only_a_no(attempt: Attempt, remedy: &str) -> Outcome {
    match attempt {
        Attempt::Refused => Outcome::Passed,
        Attempt::Done => Outcome::Failed(remedy.to_owned()),
        Attempt::ShowedNothing => {
            Outcome::Failed("inconclusive: the listing lacks an object that exists".to_owned())
        }
        Attempt::Misread => Outcome::Failed(
            "inconclusive: the store rejects the signature of this request".to_owned(),
        ),
        Attempt::Unclear(what) => Outcome::Failed(format!("inconclusive: {what}")),
        Attempt::Impossible(why) => Outcome::Skipped(why.to_owned()),
    }
}

/// What to do if an attack succeeds.
fn remedy(operation: S3Operation<'_>) -> &'static str {
    match operation {
        S3Operation::MintLastingCredentials => {
            "THE STORE DID IT: such credentials escape the session policy, or outlive their pair. MinIO: \
             give the policy of the gateway's own user a Deny on admin:* \
             (deploy/minio/gateway-policy.json), and update it. SeaweedFS: start S3 with \
             -iam.selfServiceRequiresGrant"
        }
        S3Operation::AssumeRole => {
            "THE STORE DID IT: a session can open another without a policy. Give the role a trust policy \
             that does not let a session assume the role again (Ceph: deploy/ceph/trust-policy.json)"
        }
        S3Operation::Publish(..) | S3Operation::PublishInParts(..) => {
            "A STRANGER CAN READ IT: the store ignores the bucket's public-access block. Forbid \
             public ACLs in the store's configuration"
        }
        _ => {
            "THE STORE DID IT: it does not enforce the policies of sessions, or of access keys. Do not \
             run the gateway on it"
        }
    }
}
