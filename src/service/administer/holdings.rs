//! What an organisation still has.

use std::fmt;

use crate::domain::{Area, Slug, WorkspaceName};

/// How many names a message lists.
const NAMED: usize = 5;

/// What an operator has to remove before an organisation is deleted, or to let go with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Workspaces, the deleted ones that are not purged included.
    pub workspaces: Vec<WorkspaceName>,
    /// The number of API keys that are neither revoked nor expired.
    pub api_keys: usize,
    /// The number of access keys.
    pub access_keys: usize,
    /// Areas that hold objects.
    pub objects: Vec<Area>,
}

/// [`Holdings`] of an organisation, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StillHas {
    /// The organisation.
    pub organisation: Slug,
    /// What it has.
    pub holdings: Holdings,
}

impl Holdings {
    /// Whether nothing is in the way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for StillHas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            organisation,
            holdings,
        } = self;
        write!(f, "organisation {organisation} still has")?;
        let Holdings {
            workspaces,
            api_keys,
            access_keys,
            objects,
        } = holdings;
        if !workspaces.is_empty() {
            let (count, names) = (workspaces.len(), list(workspaces));
            write!(
                f,
                "\n  workspaces, {count}: {names}: delete and purge them, or pass --with-workspaces"
            )?;
        }
        if api_keys + access_keys > 0 {
            write!(
                f,
                "\n  API keys, {api_keys}, and access keys, {access_keys}: revoke and delete them, or pass \
                 --with-keys"
            )?;
        }
        if !objects.is_empty() {
            write!(
                f,
                "\n  objects at {}: delete them (cloakroom erase), or pass --keep-objects",
                list(objects)
            )?;
        }
        Ok(())
    }
}

fn list(all: &[impl ToString]) -> String {
    let names: Vec<String> = all.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if all.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}
