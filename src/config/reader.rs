use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use url::{ParseError, Url};

use super::ConfigErrors;
use super::files::WatchedFile;
use super::names;
use super::source::{self, Content, Origin, Value, Values};

const EXAMPLE_URL: &str = "https://storage.example.com";

const NO_CONFIGURATION: &str = "no configuration was given: use --config FILE or CLOAKROOM_CONFIG \
     (beside cloakroom dev: .cloakroom/cloakroom.toml)";

/// Hands out values by key and gathers what is wrong with them.
pub(super) struct Reader {
    values: Values,
    /// The keys that were asked for, and where their values stand.
    known: BTreeMap<String, Option<Origin>>,
    /// Variables that begin as ours do and are no key's.
    others: Vec<(String, String)>,
    /// The configuration file, as it was when it was read.
    pub(super) file: Option<(PathBuf, Metadata)>,
    pub(super) file_holds_secrets: bool,
    errors: Vec<String>,
    settings: Vec<Setting>,
    pub(super) files: Vec<WatchedFile>,
    pub(super) warnings: Vec<String>,
    /// Whether there is neither a file nor a variable of a key.
    is_empty: bool,
}

/// The value of a key that may be missing: `None` if the value is bad, which is noted; `Some(None)` if
/// there is none.
pub(super) type ReadOption<T> = Option<Option<T>>;

/// What else is to be known of a good configuration.
pub(super) struct Read {
    pub(super) settings: Vec<Setting>,
    pub(super) files: Vec<WatchedFile>,
    pub(super) warnings: Vec<String>,
}

/// A key, as it is in effect.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// Its value; nothing where there is none. Never a secret.
    pub value: Option<String>,
    /// Where the value comes from.
    pub origin: String,
}

/// A length of time.
struct Length(Duration);

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("expected a length of time: 10s, 5m or 1h, for instance")]
struct InvalidLength;

impl FromStr for Length {
    type Err = InvalidLength;

    fn from_str(text: &str) -> Result<Self, InvalidLength> {
        let length = humantime::parse_duration(text);
        length.map(Self).map_err(|_| InvalidLength)
    }
}

/// The address of a server.
struct Address(Url);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Url::parse(text).map(Self).map_err(|error| match error {
            ParseError::RelativeUrlWithoutBase => "must start with https:// or http://".to_owned(),
            error => error.to_string(),
        })
    }
}

impl Reader {
    pub(super) fn new(
        file: Option<&Path>,
        environment: HashMap<String, String>,
    ) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let mut values = Values::new();
        let file = file.map(|path| {
            let metadata = source::from_file(path, &mut values, &mut errors)?;
            Ok((path.to_owned(), metadata))
        });
        let file = file.transpose();
        let file = file.map_err(|what| ConfigErrors(vec![what]))?;
        let (in_environment, others) = source::from_environment(environment, &mut errors);
        let is_empty = file.is_none() && in_environment.is_empty() && errors.is_empty();
        values.extend(in_environment);
        Ok(Self {
            values,
            known: BTreeMap::new(),
            others,
            file,
            file_holds_secrets: false,
            errors,
            settings: Vec::new(),
            files: Vec::new(),
            warnings: Vec::new(),
            is_empty,
        })
    }

    /// All that was wrong, keys that nobody asked for among it; else what was read.
    pub(super) fn finish(mut self) -> Result<Read, Vec<String>> {
        self.check_file();
        let keys = || self.known.keys().map(String::as_str);
        for (key, Value { origin, .. }) in &self.values {
            let meant = names::nearest(key, keys())
                .map(|key| format!("; did you mean {key}?"))
                .unwrap_or_default();
            self.errors
                .push(format!("{key}: there is no such key{meant} ({origin})"));
        }
        let unread = self.others.iter();
        let unread = unread.filter_map(|(name, value)| names::complaint(name, value, keys()));
        self.warnings.extend(unread);
        if self.errors.is_empty() {
            Ok(Read {
                settings: self.settings,
                files: self.files,
                warnings: self.warnings,
            })
        } else {
            if self.is_empty {
                self.errors.insert(0, NO_CONFIGURATION.to_owned());
            }
            // A key that is missing may stand there, misspelt.
            let warnings = self.warnings.iter();
            self.errors
                .extend(warnings.map(|warning| format!("warning: {warning}")));
            Err(self.errors)
        }
    }

    /// Notes those of the keys that somebody has set, for nothing: `when` says when they count.
    pub(super) fn no_effect(&mut self, keys: &[&str], when: &str) {
        for key in keys {
            if let Some(origin) = self.origin(key) {
                self.warnings
                    .push(format!("{key} has no effect {when} ({origin})"));
            }
        }
    }

    /// Where the value of a key stands, that of its file if it has one.
    pub(super) fn origin(&self, key: &str) -> Option<&Origin> {
        let of = |key: &str| self.known.get(key).and_then(Option::as_ref);
        of(key).or_else(|| of(&file_key(key)))
    }

    pub(super) fn note(&mut self, key: &str, value: Option<&str>, origin: impl Into<String>) {
        self.settings.push(Setting {
            key: key.to_owned(),
            value: value.map(str::to_owned),
            origin: origin.into(),
        });
    }

    pub(super) fn note_found(&mut self, key: &str, value: &str) {
        let origin = self.origin(key).map(Origin::to_string);
        self.note(key, Some(value), origin.unwrap_or_default());
    }

    /// Notes what is wrong with a key, and where its value stands.
    pub(super) fn error(&mut self, key: &str, what: impl Display) {
        let place = self.origin(key).map(|origin| format!(" ({origin})"));
        self.errors
            .push(format!("{key}: {what}{}", place.unwrap_or_default()));
    }

    /// The value, which is taken. From now on the key is known.
    fn take(&mut self, key: &str) -> Option<Value> {
        let value = self.values.remove(key);
        let origin = value.as_ref().map(|value| value.origin.clone());
        self.known.insert(key.to_owned(), origin);
        value
    }

    /// The value as text; nothing if it is bad, which is noted.
    pub(super) fn text(&mut self, key: &str) -> ReadOption<String> {
        match self.take(key).map(|value| value.content) {
            None => Some(None),
            Some(Content::Text(text)) => Some(Some(text)),
            Some(Content::List(_) | Content::Other) => {
                self.error(key, "expected a single value");
                None
            }
        }
    }

    /// The value, or else the default; nothing if it is bad, which is noted.
    fn read<T: FromStr<Err: Display>>(
        &mut self,
        key: &str,
        default: Option<&str>,
        example: Option<&str>,
    ) -> ReadOption<T> {
        let Some(text) = self.text(key)? else {
            let origin = default.map_or("not set", |_| "the default");
            self.note(key, default, origin);
            return Some(default.and_then(|default| default.parse().ok()));
        };
        self.note_found(key, &text);
        let error = match text.parse() {
            Ok(value) => return Some(Some(value)),
            Err(error) => T::Err::to_string(&error),
        };
        // What says what was expected needs no example.
        match example.filter(|_| !error.starts_with("expected")) {
            Some(example) => self.error(key, format!("{error}: write {example}, for instance")),
            None => self.error(key, error),
        }
        None
    }

    /// The value, or the default where there is none; nothing if it is bad, which is noted.
    pub(super) fn parse<T: FromStr<Err: Display>>(
        &mut self,
        key: &str,
        default: &str,
    ) -> Option<T> {
        self.read(key, Some(default), Some(default))?
    }

    /// A length of time like `10s`, `5m` or `1h`, or the default.
    pub(super) fn duration(&mut self, key: &str, default: &str) -> Option<Duration> {
        let Length(length) = self.parse(key, default)?;
        Some(length)
    }

    /// The value, or none where there is none; nothing if it is bad, which is noted.
    pub(super) fn optional<T: FromStr<Err: Display>>(&mut self, key: &str) -> ReadOption<T> {
        self.read(key, None, None)
    }

    /// The same, for an address.
    pub(super) fn url(&mut self, key: &str) -> ReadOption<Url> {
        let address = self.read::<Address>(key, None, Some(EXAMPLE_URL))?;
        Some(address.map(|Address(url)| url))
    }

    /// The value; its absence is noted.
    pub(super) fn required<T: FromStr<Err: Display>>(&mut self, key: &str) -> Option<T> {
        let value = self.optional(key)?;
        if value.is_none() {
            self.error(key, "is required");
        }
        value
    }

    /// A list: of TOML, or of words parted by commas.
    pub(super) fn list(&mut self, key: &str) -> Option<Vec<String>> {
        let list = match self.take(key).map(|value| value.content) {
            None => {
                self.note(key, None, "not set");
                return Some(Vec::new());
            }
            Some(Content::List(words)) => words,
            Some(Content::Text(text)) => {
                let words = text.split(',').map(|word| word.trim().to_owned());
                words.filter(|word| !word.is_empty()).collect()
            }
            Some(Content::Other) => {
                self.error(key, "expected a list of words");
                return None;
            }
        };
        self.note_found(key, &list.join(", "));
        Some(list)
    }
}

/// The key that names a secret's file.
pub(super) fn file_key(key: &str) -> String {
    format!("{key}_file")
}
