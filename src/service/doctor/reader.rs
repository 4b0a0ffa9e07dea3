//! Whether a grant to read is one to read only.

use crate::domain::Grant;

use super::attacks::INTRUDER;
use super::{Deed, Doctor, OBJECT, Patient, Report};

impl Doctor {
    /// A session to read attacks what another session has put into the same place.
    pub(super) async fn reader(
        &self,
        report: &mut Report,
        by: &str,
        grant: Grant,
        writer: &Patient,
    ) {
        let name = format!("{by}: a session");
        let Some(reader) = self.patient(report, &name, grant).await else {
            return;
        };
        self.reading_rights(report, by, &reader).await;
        let by = format!("{by}, ");
        let [object, intruder] = [OBJECT, INTRUDER].map(|name| reader.key(name));
        let at = |key| reader.object(key);
        let deeds = [
            ("put", Deed::Put(at(&intruder))),
            ("put over an object", Deed::Put(at(&object))),
            ("delete", Deed::Delete(at(&object))),
            ("delete in a batch", Deed::DeleteBatch(at(&object))),
            ("copy into it", Deed::Copy(at(&object), at(&intruder))),
            ("begin an upload", Deed::BeginUpload(at(&intruder))),
            (
                "put a part into an upload",
                Deed::UploadPart(at(&intruder), &writer.session),
            ),
            ("tag an object", Deed::Tag(at(&object))),
            ("change the ACL of an object", Deed::ChangeAcl(at(&object))),
            (
                "change the policy of the bucket",
                Deed::ChangePolicy(reader.bucket()),
            ),
            ("delete the bucket", Deed::DeleteBucket(reader.bucket())),
        ];
        self.all_refused(report, &by, &reader, &deeds).await;
        self.attack_by_role(report, &by, &reader).await;
        self.attacks_from_within(report, &by, &reader).await;
    }
}
