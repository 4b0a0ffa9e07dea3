use crate::domain::{BucketName, Grant, Session};

use super::{Attempt, Doctor, Listing, OBJECT, Object, Outcome, Report, S3Operation};

/// An owner who exists for one examination only.
pub(super) struct TestOwner {
    pub(super) grant: Grant,
    pub(super) session: Session,
}

impl TestOwner {
    pub(super) fn bucket(&self) -> &BucketName {
        &self.grant.bucket
    }

    /// The prefix of the grant's keys.
    pub(super) fn prefix(&self) -> &str {
        let prefix = self.grant.prefix.as_ref();
        prefix.map_or("", |prefix| prefix.as_str())
    }

    /// The key of this name below the prefix.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }

    pub(super) fn object<'a>(&'a self, key: &'a str) -> Object<'a> {
        let bucket = self.bucket();
        Object { bucket, key }
    }
}

impl Doctor {
    /// Checks what a grant to read and write is for. Puts the object that is attacked.
    pub(super) async fn own_rights(&self, report: &mut Report, by: &str, test_owner: &TestOwner) {
        let [object, passing, copy, upload] = [OBJECT, "passing", "copy", "upload"].map(|name| {
            let prefixed = if name == OBJECT {
                OBJECT.to_owned()
            } else {
                format!("{OBJECT}-{name}")
            };
            test_owner.key(&prefixed)
        });
        let at = |key| test_owner.object(key);
        let operations = [
            ("put", S3Operation::Put(at(&object))),
            ("put another", S3Operation::Put(at(&passing))),
            ("delete it", S3Operation::Delete(at(&passing))),
            ("copy within it", S3Operation::Copy(at(&object), at(&copy))),
            ("upload in parts", S3Operation::Upload(at(&upload))),
        ];
        self.all_allowed(report, by, test_owner, &operations).await;
        self.reading_rights(report, by, test_owner).await;
    }

    /// Checks what any grant is for. The object exists.
    pub(super) async fn reading_rights(
        &self,
        report: &mut Report,
        by: &str,
        test_owner: &TestOwner,
    ) {
        let object = test_owner.key(OBJECT);
        let get = S3Operation::Get(test_owner.object(&object));
        let name = format!("{by}: get");
        report.check(name, self.allowed(test_owner, get)).await;
        let query = [("prefix", test_owner.prefix())];
        for (version, call) in super::OBJECT_LISTINGS {
            let list = S3Operation::List(Listing {
                call,
                query: if test_owner.prefix().is_empty() {
                    &[]
                } else {
                    &query
                },
                ..Listing::of(test_owner.bucket(), &object)
            });
            let name = format!("{by}: list{version}");
            report.check(name, self.allowed(test_owner, list)).await;
        }
    }

    /// Checks that the store does each operation.
    pub(super) async fn all_allowed(
        &self,
        report: &mut Report,
        by: &str,
        test_owner: &TestOwner,
        operations: &[(&str, S3Operation<'_>)],
    ) {
        for (name, operation) in operations {
            let name = format!("{by}: {name}");
            report
                .check(name, self.allowed(test_owner, *operation))
                .await;
        }
    }

    pub(super) async fn allowed(
        &self,
        test_owner: &TestOwner,
        operation: S3Operation<'_>,
    ) -> Outcome {
        match self.attempt(test_owner, operation).await {
            Attempt::Done => Outcome::Passed,
            Attempt::ShowedNothing => Outcome::Failed("the store does not show it".to_owned()),
            Attempt::Refused | Attempt::Misread => Outcome::Failed("the store refuses".to_owned()),
            Attempt::Unclear(what) => Outcome::Failed(what),
            Attempt::Impossible(why) => Outcome::Skipped(why.to_owned()),
        }
    }

    pub(super) async fn attempt(
        &self,
        test_owner: &TestOwner,
        operation: S3Operation<'_>,
    ) -> Attempt {
        let session = Some(&test_owner.session);
        self.ports.attacker.attempt(session, operation).await
    }
}
