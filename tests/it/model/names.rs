//! The people, areas and access keys that the model plays with: few, so that they meet often, and named so
//! that a careless comparison takes one for another.

use cloakroom::domain::{
    AccessKeyOwner, AccessKeyRights, BlockTarget, CallerId, ClientId, IssuerName, Owner, Principal,
    Slug, Subject, WorkspaceName,
};
use sha2::{Digest, Sha256};

/// The name of the further issuer.
pub(super) const ISSUER: &str = "ci";

/// The bucket that organisations and workspaces share.
pub(super) const SHARED: &str = "shared";

/// A bucket that no owner has, for access keys.
pub(super) const DATA: &str = "data";

/// Without the separator, two of these people are one.
pub(super) const CLIENTS: [&str; 2] = ["demo", "demoa"];
const SUBJECTS: [&str; 2] = ["alice", "lice"];

/// Without the slash at its end, a prefix reaches the next one.
pub(super) const ORGANISATIONS: [&str; 2] = ["acme", "acme-labs"];
pub(super) const WORKSPACES: [&str; 3] = ["acme/re", "acme/research", "acme-labs/own"];

pub(super) const PEOPLE: usize = 6;

/// Gateways on one registry.
pub(super) const REPLICAS: usize = 2;

/// The first four are people of `oauth.issuer`, the others of [`ISSUER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Person(pub(super) usize);

/// A part of the store that belongs to one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Own(Person),
    Organisation(usize),
    Workspace(usize),
    Data,
}

/// What an access key is made to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// Of the first organisation, to read and write [`DATA`].
    Writer,
    /// Of the second organisation, to read [`DATA`].
    Reader,
    /// Of the first person, to read the own bucket.
    Own,
}

impl Person {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..PEOPLE).map(Self)
    }

    pub(super) fn is_of_issuer(self) -> bool {
        self.0 >= 4
    }

    /// Those of the further issuer come through the first client only.
    pub(super) fn client(self) -> usize {
        if self.is_of_issuer() { 0 } else { self.0 % 2 }
    }

    pub(super) fn subject(self) -> &'static str {
        SUBJECTS[if self.is_of_issuer() {
            self.0 - 4
        } else {
            self.0 / 2
        }]
    }

    pub(super) fn issuer(self) -> Option<IssuerName> {
        self.is_of_issuer().then(|| ISSUER.parse().unwrap())
    }

    /// Whether only the client differs, if anything.
    pub(super) fn is_same_subject(self, other: Self) -> bool {
        self.is_of_issuer() == other.is_of_issuer() && self.subject() == other.subject()
    }

    pub(super) fn principal(self) -> Principal {
        Principal {
            issuer: self.issuer(),
            client_id: ClientId::parse(CLIENTS[self.client()]).unwrap(),
            subject: Subject::parse(self.subject()).unwrap(),
        }
    }

    pub(super) fn caller(self) -> CallerId {
        CallerId::Principal(self.principal())
    }
}

impl Place {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let people = Person::all().map(Self::Own);
        let organisations = (0..ORGANISATIONS.len()).map(Self::Organisation);
        let workspaces = (0..WORKSPACES.len()).map(Self::Workspace);
        let shared = organisations.chain(workspaces).chain([Self::Data]);
        people.chain(shared)
    }

    pub(super) fn owner(self) -> Option<Owner> {
        match self {
            Self::Own(person) => Some(Owner::Principal(person.principal())),
            Self::Organisation(index) => Some(Owner::Organisation(slug(index))),
            Self::Workspace(index) => Some(Owner::Workspace(workspace(index))),
            Self::Data => None,
        }
    }

    /// By the formula of docs/call.md, written anew.
    pub(super) fn bucket(self) -> String {
        match self {
            Self::Own(person) => {
                let (client, subject) = (CLIENTS[person.client()], person.subject());
                if person.is_of_issuer() {
                    digits(&["", "iss", ISSUER, client, subject, ""])
                } else {
                    digits(&["", client, subject])
                }
            }
            Self::Workspace(2) => digits(&["", "ws", "acme-labs", "own", ""]),
            Self::Organisation(_) | Self::Workspace(_) => SHARED.to_owned(),
            Self::Data => DATA.to_owned(),
        }
    }

    /// Empty for a whole bucket.
    pub(super) fn prefix(self) -> String {
        match self {
            Self::Own(_) | Self::Data => String::new(),
            Self::Organisation(index) => format!("{}/", ORGANISATIONS[index]),
            Self::Workspace(index) => format!("{}/", workspace(index).workspace),
        }
    }
}

impl KeyKind {
    pub(super) const ALL: [Self; 3] = [Self::Writer, Self::Reader, Self::Own];

    pub(super) fn place(self) -> Place {
        match self {
            Self::Writer | Self::Reader => Place::Data,
            Self::Own => Place::Own(Person(0)),
        }
    }

    pub(super) fn writes(self) -> bool {
        self == Self::Writer
    }

    pub(super) fn organisation(self) -> Option<usize> {
        match self {
            Self::Writer => Some(0),
            Self::Reader => Some(1),
            Self::Own => None,
        }
    }

    pub(super) fn owner(self) -> AccessKeyOwner {
        match self.organisation() {
            Some(index) => AccessKeyOwner::Organisation(slug(index)),
            None => AccessKeyOwner::Principal(Person(0).principal()),
        }
    }

    pub(super) fn rights(self) -> AccessKeyRights {
        let bucket = vec![self.place().bucket().parse().unwrap()];
        AccessKeyRights {
            write_buckets: if self.writes() {
                bucket.clone()
            } else {
                Vec::new()
            },
            read_buckets: bucket,
            ..AccessKeyRights::default()
        }
    }
}

pub(super) fn slug(organisation: usize) -> Slug {
    ORGANISATIONS[organisation].parse().unwrap()
}

/// An organisation that has nothing to do with the others, and stays.
pub(super) fn stranger() -> Slug {
    "stranger".parse().unwrap()
}

pub(super) fn workspace(index: usize) -> WorkspaceName {
    WORKSPACES[index].parse().unwrap()
}

/// The organisation of a workspace.
pub(super) fn organisation_of(workspace: usize) -> usize {
    usize::from(workspace == 2)
}

pub(super) fn client_block(client: usize) -> BlockTarget {
    BlockTarget::Client(ClientId::parse(CLIENTS[client]).unwrap())
}

fn digits(fields: &[&str]) -> String {
    let digest = Sha256::digest(fields.join("\0"));
    hex::encode(digest)[..63].to_owned()
}
