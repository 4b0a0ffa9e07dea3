//! What the trail's indexes find (`migrations/*/0008_audit_trail_indexes.sql`).

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::CallerId;

use crate::adapters::database::principals::{pairs, subject_suffix};

/// The condition for what operators did, as the index has it.
pub(super) const COMMANDS: &str = "action NOT IN ('vend', 'access-key rotate')";

/// An index of a block's rows by some of their text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Index {
    /// The id of a key of the store's, an API key or a capability token.
    Key,
    /// The end of the owner's id.
    Owner,
    /// The end of the caller's name; lacks people who open their own storage.
    Caller,
    /// The end of the name of an access key's owner.
    AccessKeyOwner,
    /// The bucket; lacks people's rows.
    Bucket,
    /// The time, from one on.
    Time,
}

/// Rows of a block by their texts in each index.
#[derive(Debug, Default)]
pub(super) struct Parts(pub(super) BTreeMap<Index, BTreeSet<String>>);

impl Index {
    /// The condition that a row's text is one of these.
    pub(super) fn condition(self, places: &str) -> String {
        let text = match self {
            Self::Key => "access_key_id".to_owned(),
            Self::Owner => end_of("owner_id"),
            Self::Caller => {
                let end = end_of("caller");
                format!("caller <> owner_kind || ' ' || owner_id AND {end}")
            }
            Self::AccessKeyOwner => format!("holder <> '' AND {}", end_of("holder")),
            Self::Bucket => "bucket <> '' AND owner_kind <> 'principal' AND bucket".to_owned(),
            Self::Time => return format!("time >= {places}"),
        };
        format!("{text} IN ({places})")
    }
}

impl Parts {
    /// Where rows since a time are.
    pub(super) fn since(time: &str) -> Self {
        let mut parts = Self::default();
        parts.add(Index::Time, time);
        parts
    }

    /// Adds rows with this text.
    pub(super) fn add(&mut self, index: Index, text: &str) {
        let texts = self.0.entry(index).or_default();
        texts.insert(text.to_owned());
    }

    /// Adds rows of the owner with this id.
    pub(super) fn add_owner(&mut self, id: &str) {
        self.add(Index::Owner, end(id));
    }

    /// Adds rows of access keys of the owner with this name.
    pub(super) fn add_access_key_owner(&mut self, name: &str) {
        self.add(Index::AccessKeyOwner, end(name));
    }

    /// Adds rows whose caller has this name, unless they are about the caller's own storage.
    pub(super) fn add_caller(&mut self, name: &str) {
        self.add(Index::Caller, end(name));
    }

    /// Where rows are whose owner, or whose access key's owner, has this name.
    pub(super) fn owned_by(name: &str) -> Self {
        let mut parts = Self::default();
        parts.add_owner(name);
        for principal in principals(name) {
            parts.add_owner(&principal);
            parts.add_access_key_owner(&principal);
        }
        for kind in ["organisation", "subject", "principal"] {
            parts.add_access_key_owner(&format!("{kind} {name}"));
        }
        parts
    }

    /// Where rows are whose caller has this name.
    pub(super) fn called_by(name: &str) -> Self {
        let mut parts = Self::default();
        for principal in principals(name) {
            parts.add_owner(&principal);
            parts.add(Index::Caller, end(&principal));
        }
        for kind in ["api-key", "operator", "capability", "principal"] {
            parts.add(Index::Caller, end(&format!("{kind} {name}")));
        }
        // The rows of a person who was erased.
        parts.add_owner(name);
        parts
    }

    /// Where rows are that this caller caused, for its own storage and for others'.
    pub(super) fn caused_by(caller: &CallerId) -> Self {
        let mut parts = Self::default();
        parts.add_owner(&caller.id());
        parts.add_caller(&caller.to_string());
        parts
    }

    /// Where rows are that name this key.
    pub(super) fn of_key(key: &str) -> Self {
        let mut parts = Self::default();
        parts.add(Index::Key, key);
        parts.add_owner(key);
        for kind in ["api-key", "capability"] {
            parts.add(Index::Caller, end(&format!("{kind} {key}")));
        }
        parts
    }
}

/// The ids of principals that the name may mean, or how they end.
fn principals(name: &str) -> impl Iterator<Item = String> {
    let pairs = pairs(name).into_iter().filter(|pair| !pair.is_empty());
    pairs.chain([subject_suffix(name)])
}

/// What follows the last comma.
fn end(text: &str) -> &str {
    text.rsplit(',').next().unwrap_or_default()
}

/// The SQL expression for [`end`] of a column, as the indexes have it.
fn end_of(column: &str) -> String {
    format!("substr({column}, length(rtrim({column}, replace({column}, ',', ''))) + 1)")
}
