//! What a key is: its name, its default and its meaning. Each section declares its keys as constants
//! and reads them; the reference and the schema are made from the same declarations.

use std::fmt;

/// A key of the configuration.
#[derive(Clone, Copy)]
pub(super) struct Key {
    /// `section.key`.
    pub(super) name: &'static str,
    /// What the key does, in Markdown without links.
    pub(super) meaning: &'static str,
    pub(super) unset: Unset,
    /// When the key has an effect. All conditions must hold.
    pub(super) conditions: &'static [Condition],
    /// The title and the address of a section that says more, seen from `docs/`.
    pub(super) see: Option<(&'static str, &'static str)>,
}

/// What holds when a key is not set.
#[derive(Clone, Copy)]
pub(super) enum Unset {
    /// The key has this value.
    Default(&'static str),
    /// What this Markdown says.
    Described(&'static str),
    /// The configuration is refused.
    Refused,
}

/// The value of another key on which a key's effect depends.
#[derive(Clone, Copy)]
pub(super) enum Condition {
    /// The key has an effect only if the named key has this value.
    When(&'static str, &'static str),
    /// The key has no effect if the named key has this value.
    Unless(&'static str, &'static str),
}

/// The form of a value.
pub(super) enum Kind {
    Text,
    Flag,
    Number {
        minimum: u32,
    },
    Duration,
    Url,
    File,
    Choice(Vec<String>),
    List(Box<Kind>),
    /// A list of tables, each with this JSON schema.
    Tables(serde_json::Value),
}

/// A key as a section reads it.
pub(super) struct Declared {
    pub(super) key: Key,
    pub(super) kind: Kind,
    /// The value is never shown, and may stand in a file that `<key>_file` names.
    pub(super) is_secret: bool,
}

/// A table of the configuration file.
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) keys: Vec<Declared>,
}

/// What stands for the name of a table in the names of its keys.
pub(super) const NAME: &str = "<name>";

impl Section {
    /// Whether it has a table for each of several names.
    pub(super) fn is_named(&self) -> bool {
        let mut keys = self.keys.iter();
        keys.any(|declared| declared.key.name.contains(NAME))
    }
}

impl Key {
    /// A key that may be missing.
    pub(super) const fn new(name: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            meaning,
            unset: Unset::Described("none"),
            conditions: &[],
            see: None,
        }
    }

    pub(super) const fn default(self, value: &'static str) -> Self {
        self.unset(Unset::Default(value))
    }

    /// Describes a default that is not always the same.
    pub(super) const fn otherwise(self, markdown: &'static str) -> Self {
        self.unset(Unset::Described(markdown))
    }

    pub(super) const fn required(self) -> Self {
        self.unset(Unset::Refused)
    }

    const fn unset(self, unset: Unset) -> Self {
        Self { unset, ..self }
    }

    pub(super) const fn conditions(self, conditions: &'static [Condition]) -> Self {
        Self { conditions, ..self }
    }

    pub(super) const fn see(self, title: &'static str, address: &'static str) -> Self {
        Self {
            see: Some((title, address)),
            ..self
        }
    }

    /// The default, if it is always the same.
    pub(super) const fn constant(self) -> Option<&'static str> {
        match self.unset {
            Unset::Default(value) => Some(value),
            Unset::Described(_) | Unset::Refused => None,
        }
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        self.name
    }
}

impl Condition {
    /// The key whose value decides.
    pub(super) fn decider(self) -> &'static str {
        match self {
            Self::When(key, _) | Self::Unless(key, _) => key,
        }
    }

    /// Whether it holds if the decider has this value.
    pub(super) fn holds(self, actual: &str) -> bool {
        match self {
            Self::When(_, value) => actual == value,
            Self::Unless(_, value) => actual != value,
        }
    }
}

/// When the key has no effect.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::When(key, value) => write!(f, "unless {key} is {value}"),
            Self::Unless(key, value) => write!(f, "when {key} is {value}"),
        }
    }
}

impl Declared {
    /// The key that names the file of a secret.
    pub(super) fn file_key(&self) -> Option<String> {
        self.is_secret.then(|| file_key(self.key.name))
    }
}

/// The key that names a secret's file.
pub(super) fn file_key(key: &str) -> String {
    format!("{key}_file")
}
