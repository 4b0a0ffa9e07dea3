use crate::domain::{BucketName, Grant, Session};

use super::{Attempt, Deed, Doctor, Listing, OBJECT, Object, Outcome, Report};

/// Somebody who exists for one examination only.
pub(super) struct Patient {
    pub(super) grant: Grant,
    pub(super) session: Session,
}

impl Patient {
    pub(super) fn bucket(&self) -> &BucketName {
        &self.grant.bucket
    }

    /// What the grant's keys begin with.
    pub(super) fn prefix(&self) -> &str {
        let prefix = self.grant.prefix.as_ref();
        prefix.map_or("", |prefix| prefix.as_str())
    }

    /// The key of this name within the grant.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }

    pub(super) fn object<'a>(&'a self, key: &'a str) -> Object<'a> {
        let bucket = self.bucket();
        Object { bucket, key }
    }
}

impl Doctor {
    /// What a grant to read and write is for. Puts the object that attacks are aimed at.
    pub(super) async fn own_rights(&self, report: &mut Report, by: &str, patient: &Patient) {
        let [object, passing, copy, upload] = [OBJECT, "passing", "copy", "upload"].map(|name| {
            let prefixed = if name == OBJECT {
                OBJECT.to_owned()
            } else {
                format!("{OBJECT}-{name}")
            };
            patient.key(&prefixed)
        });
        let at = |key| patient.object(key);
        for (name, deed) in [
            ("put", Deed::Put(at(&object))),
            ("put another", Deed::Put(at(&passing))),
            ("delete it", Deed::Delete(at(&passing))),
            ("copy within it", Deed::Copy(at(&object), at(&copy))),
            ("upload in parts", Deed::Upload(at(&upload))),
        ] {
            let name = format!("{by}: {name}");
            report.check(name, self.allowed(patient, deed)).await;
        }
        self.reading_rights(report, by, patient).await;
    }

    /// What any grant is for. The object is there.
    pub(super) async fn reading_rights(&self, report: &mut Report, by: &str, patient: &Patient) {
        let object = patient.key(OBJECT);
        let get = Deed::Get(patient.object(&object));
        let name = format!("{by}: get");
        report.check(name, self.allowed(patient, get)).await;
        let query = [("prefix", patient.prefix())];
        for (version, call) in super::OBJECT_LISTINGS {
            let list = Deed::List(Listing {
                call,
                query: if patient.prefix().is_empty() {
                    &[]
                } else {
                    &query
                },
                ..Listing::of(patient.bucket(), &object)
            });
            let name = format!("{by}: list{version}");
            report.check(name, self.allowed(patient, list)).await;
        }
    }

    pub(super) async fn allowed(&self, patient: &Patient, deed: Deed<'_>) -> Outcome {
        match self.attempt(patient, deed).await {
            Attempt::Done => Outcome::Passed,
            Attempt::ShowedNothing => Outcome::Failed("the store does not show it".to_owned()),
            Attempt::Refused | Attempt::Misread => Outcome::Failed("the store refuses".to_owned()),
            Attempt::Unclear(what) => Outcome::Failed(what),
            Attempt::Impossible(why) => Outcome::Skipped(why.to_owned()),
        }
    }

    pub(super) async fn attempt(&self, patient: &Patient, deed: Deed<'_>) -> Attempt {
        let session = Some(&patient.session);
        self.ports.intruder.attempt(session, deed).await
    }
}
