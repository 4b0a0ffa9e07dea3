use super::{OwnerDigest, RequestId};

/// The `RoleSessionName` of AWS's `AssumeRole`. It links the store's log to ours by a pseudonym and
/// does not show the subject (docs/call.md).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSessionName(String);

impl RoleSessionName {
    /// The owner's pseudonym, `-` and the request id's 32 hex digits: 64 characters, the most that AWS
    /// accepts.
    #[must_use]
    pub fn new(owner: &OwnerDigest, request: &RequestId) -> Self {
        Self(format!("{}-{}", owner.pseudonym(), request.digits()))
    }

    /// The owner's pseudonym.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BucketFormula, ClientId, Owner, Principal, Subject};

    #[test]
    fn the_name_is_a_pseudonym_of_64_characters() {
        let owner = Owner::Principal(Principal {
            issuer: None,
            client_id: ClientId::parse("demo").unwrap(),
            subject: Subject::parse("alice").unwrap(),
        });
        let digest = BucketFormula::default().digest(&owner);
        let name = RoleSessionName::new(&digest, &RequestId::from_random([7; 16]));
        assert_eq!(name.as_str().len(), 64);
        assert!(!name.as_str().contains("alice"));
        assert_eq!(&name.as_str()[..31], &digest.to_hex()[..31]);
        assert_eq!(name.owner(), digest.pseudonym().as_str());
        assert_eq!(&name.as_str()[32..], "07070707070747078707070707070707");
    }
}
