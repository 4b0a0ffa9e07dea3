use std::fmt;

use crate::domain::{Caller, Owner, Principal, Slug, Subject};

/// Whose access key it is: who may ask for its credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessKeyOwner {
    /// A person through one client.
    Principal(Principal),
    /// A person of `oauth.issuer` through any client.
    Subject(Subject),
    /// An organisation.
    Organisation(Slug),
}

impl AccessKeyOwner {
    /// The kind, as the registry writes it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Principal(_) => "principal",
            Self::Subject(_) => "subject",
            Self::Organisation(_) => "organisation",
        }
    }

    /// The identity within the kind, as unambiguous text.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Principal(principal) => principal.to_string(),
            Self::Subject(subject) => subject.as_str().to_owned(),
            Self::Organisation(slug) => slug.to_string(),
        }
    }

    /// The same as an owner of storage, if it is one: a person without a client is none.
    #[must_use]
    pub fn as_owner(&self) -> Option<Owner> {
        match self {
            Self::Principal(principal) => Some(Owner::Principal(principal.clone())),
            Self::Subject(_) => None,
            Self::Organisation(slug) => Some(Owner::Organisation(slug.clone())),
        }
    }

    /// Whether the caller is this owner.
    #[must_use]
    pub fn is(&self, caller: &Caller) -> bool {
        self.owns(&caller.as_owner())
    }

    /// Whether this owner has that owner's storage, too. A workspace belongs to its members, not to
    /// its organisation.
    pub(super) fn owns(&self, owner: &Owner) -> bool {
        match (self, owner) {
            (Self::Principal(principal), Owner::Principal(owner)) => principal == owner,
            (Self::Subject(subject), Owner::Principal(owner)) => owner.is_person(subject),
            (Self::Organisation(slug), Owner::Organisation(owner)) => slug == owner,
            _ => false,
        }
    }
}

impl fmt::Display for AccessKeyOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.id())
    }
}
