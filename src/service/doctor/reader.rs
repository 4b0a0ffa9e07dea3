//! Checks that a grant to read does not allow writing.

use crate::domain::Grant;

use super::attacks::INTRUDER;
use super::{Doctor, OBJECT, Report, S3Operation, TestOwner};

impl Doctor {
    /// A session for reading attacks what another session has put into the same place.
    pub(super) async fn reader(
        &self,
        report: &mut Report,
        by: &str,
        grant: Grant,
        writer: &TestOwner,
    ) {
        let name = format!("{by}: a session");
        let Some(reader) = self.test_owner(report, &name, grant).await else {
            return;
        };
        self.reading_rights(report, by, &reader).await;
        let by = format!("{by}, ");
        let [object, intruder] = [OBJECT, INTRUDER].map(|name| reader.key(name));
        let at = |key| reader.object(key);
        let operations = [
            ("put", S3Operation::Put(at(&intruder))),
            ("put over an object", S3Operation::Put(at(&object))),
            ("delete", S3Operation::Delete(at(&object))),
            ("delete in a batch", S3Operation::DeleteBatch(at(&object))),
            (
                "copy into it",
                S3Operation::Copy(at(&object), at(&intruder)),
            ),
            ("begin an upload", S3Operation::BeginUpload(at(&intruder))),
            (
                "put a part into an upload",
                S3Operation::UploadPart(at(&intruder), &writer.session),
            ),
            ("tag an object", S3Operation::Tag(at(&object))),
            (
                "change the ACL of an object",
                S3Operation::ChangeAcl(at(&object)),
            ),
            (
                "change the policy of the bucket",
                S3Operation::ChangePolicy(reader.bucket()),
            ),
            (
                "delete the bucket",
                S3Operation::DeleteBucket(reader.bucket()),
            ),
        ];
        self.all_refused(report, &by, &reader, &operations).await;
        self.attack_by_role(report, &by, &reader).await;
        self.attacks_from_within(report, &by, &reader).await;
    }
}
