use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::files::WatchedFile;
use super::key::{Condition, Declared, Key, Kind, NAME, Section, file_key};
use super::known_secrets::is_known_secret;
use super::names;
use super::source::{self, Content, Origin, Values};
use super::value::Value;

const NO_CONFIGURATION: &str = "no configuration was given: use --config FILE or CLOAKROOM_CONFIG \
     (beside cloakroom dev: .cloakroom/cloakroom.toml)";

const NO_WORD: &str =
    "an entry of a list must not be empty, contain a comma, or begin or end with a space";

/// The variable from which the AWS SDK takes its secret where no identity is configured, with
/// `AWS_ACCESS_KEY_ID`.
pub(super) const SDK_SECRET: &str = "AWS_SECRET_ACCESS_KEY";

/// How many unknown keys get a suggestion, for which all keys are looked through.
const SUGGESTIONS: usize = 50;

/// Hands out values by key and gathers what is wrong with them.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) values: Values,
    /// Where the values that were read stand.
    origins: BTreeMap<String, Origin>,
    /// Variables that begin like the configuration's and belong to no key.
    others: Vec<(String, String)>,
    /// Whether [`SDK_SECRET`] is a well-known default.
    pub(super) sdk_has_known_secret: bool,
    /// The configuration file, as it was when it was read.
    pub(super) file: Option<(PathBuf, Metadata)>,
    pub(super) file_holds_secrets: bool,
    pub(super) errors: Vec<String>,
    pub(super) sections: Vec<Section>,
    pub(super) settings: Vec<Setting>,
    pub(super) files: Vec<WatchedFile>,
    pub(super) warnings: Vec<String>,
    /// Whether there is neither a file nor a variable of a key.
    is_empty: bool,
    /// The name of the table whose keys are read, in a section of named tables.
    pub(super) table: Option<String>,
    /// The names of all such tables.
    pub(super) tables: Vec<String>,
}

/// There is no value, and the reader holds an error that says why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted(());

/// A value, unless an error was noted. All of a section's values are read before the first `?`, so
/// that every error is reported.
pub(super) type Read<T> = Result<T, Noted>;

/// By-products of a valid configuration.
pub(super) struct Findings {
    pub(super) settings: Vec<Setting>,
    pub(super) files: Vec<WatchedFile>,
    pub(super) warnings: Vec<String>,
}

/// A key and the value in effect.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// Its value, if it has one. Never a secret.
    pub value: Option<String>,
    /// Where the value comes from.
    pub origin: String,
}

/// Everything that is wrong with the configuration, one line each.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigErrors(pub Vec<String>);

impl ConfigErrors {
    /// A key of the file may hold line feeds, which would make two lines of one.
    fn of_lines(mut errors: Vec<String>) -> Self {
        for error in &mut errors {
            *error = error.replace(char::is_control, " ");
        }
        Self(errors)
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
        let file = file.map_err(|what| ConfigErrors::of_lines(vec![what]))?;
        let sdk_secret = environment.get(SDK_SECRET);
        let sdk_secret = sdk_secret.filter(|_| environment.contains_key("AWS_ACCESS_KEY_ID"));
        let sdk_has_known_secret = sdk_secret.is_some_and(|secret| is_known_secret(secret));
        let (in_environment, others) = source::from_environment(environment, &mut errors);
        let is_empty = file.is_none() && in_environment.is_empty() && errors.is_empty();
        values.extend(in_environment);
        Ok(Self {
            values,
            others,
            sdk_has_known_secret,
            file,
            errors,
            is_empty,
            ..Self::default()
        })
    }

    /// What was read, unless anything was wrong. A key that no section has read is an error.
    pub(super) fn finish<T>(mut self, read: Read<T>) -> Result<(T, Findings), ConfigErrors> {
        self.check_file();
        self.check_conditions();
        self.check_names();
        match read {
            Ok(value) if self.errors.is_empty() => {
                let findings = Findings {
                    settings: self.settings,
                    files: self.files,
                    warnings: self.warnings,
                };
                Ok((value, findings))
            }
            _ => Err(self.into_errors()),
        }
    }

    fn into_errors(mut self) -> ConfigErrors {
        if self.is_empty {
            self.errors.insert(0, NO_CONFIGURATION.to_owned());
        }
        // A warning may name the misspelt variable of a key that is missing.
        let warnings = self.warnings.iter();
        self.errors
            .extend(warnings.map(|warning| format!("warning: {warning}")));
        ConfigErrors::of_lines(self.errors)
    }

    /// Warns of keys that are set and have no effect.
    fn check_conditions(&mut self) {
        for Declared { key, .. } in self.sections.iter().flat_map(|section| &section.keys) {
            let Some(origin) = self.origin(key.name) else {
                continue;
            };
            let fails = |condition: &&Condition| {
                let is_decider = |setting: &&Setting| setting.key == condition.decider();
                let decider = self.settings.iter().find(is_decider);
                let value = decider.and_then(|setting| setting.value.as_deref());
                value.is_some_and(|value| !condition.holds(value))
            };
            if let Some(condition) = key.conditions.iter().find(fails) {
                let key = key.name;
                self.warnings
                    .push(format!("{key} has no effect {condition} ({origin})"));
            }
        }
    }

    /// Refuses keys that no section has read, and warns of variables that look like keys.
    fn check_names(&mut self) {
        let declared = || self.sections.iter().flat_map(|section| &section.keys);
        let files = declared().filter_map(Declared::file_key);
        let keys = declared().map(|declared| declared.key.name.to_owned());
        let known: Vec<String> = keys.chain(files).collect();
        let in_tables = known
            .iter()
            .filter(|key| key.contains(NAME))
            .flat_map(|key| {
                let names = self.tables.iter();
                names.map(|name| key.replace(NAME, name))
            });
        let known: Vec<String> = in_tables.chain(known.iter().cloned()).collect();
        let names = || known.iter().map(String::as_str);
        for (number, (key, value)) in self.values.iter().enumerate() {
            let meant = (number < SUGGESTIONS).then(|| names::nearest(key, names()));
            let meant = meant
                .flatten()
                .map(|key| format!("; did you mean {key}?"))
                .unwrap_or_default();
            let (key, origin) = (source::shown(key), &value.origin);
            self.errors
                .push(format!("{key}: there is no such key{meant} ({origin})"));
        }
        let unread = self.others.iter();
        let unread = unread.filter_map(|(name, value)| names::complaint(name, value, names()));
        self.warnings.extend(unread);
    }

    /// Begins a section: the keys read from now on are its keys.
    pub(super) fn section(&mut self, name: &'static str, meaning: &'static str) {
        self.sections.push(Section {
            name,
            meaning,
            keys: Vec::new(),
        });
    }

    pub(super) fn declare(&mut self, key: Key, kind: Kind, is_secret: bool) {
        if let Some(section) = self.sections.last_mut()
            && section.keys.iter().all(|known| known.key.name != key.name)
        {
            section.keys.push(Declared {
                key,
                kind,
                is_secret,
            });
        }
    }

    /// Where the value of a key stands, or the name of its file.
    pub(super) fn origin(&self, key: &str) -> Option<&Origin> {
        let key = self.name(key);
        let file = || self.origins.get(&file_key(&key));
        self.origins.get(key.as_ref()).or_else(file)
    }

    pub(super) fn note(&mut self, key: &str, value: Option<&str>, origin: impl Into<String>) {
        self.settings.push(Setting {
            key: self.name(key).into_owned(),
            value: value.map(str::to_owned),
            origin: origin.into(),
        });
    }

    pub(super) fn note_found(&mut self, key: &str, value: &str) {
        let origin = self.origin(key).map(Origin::to_string);
        self.note(key, Some(value), origin.unwrap_or_default());
    }

    /// Notes what is wrong with a key, and where its value stands.
    pub(super) fn error(&mut self, key: impl AsRef<str>, what: impl Display) -> Noted {
        let key = &self.name(key.as_ref()).into_owned();
        let place = self.origin(key).map(|origin| format!(" ({origin})"));
        self.errors
            .push(format!("{key}: {what}{}", place.unwrap_or_default()));
        Noted(())
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Content> {
        let name = self.name(name).into_owned();
        let value = self.values.remove(&name)?;
        self.origins.insert(name, value.origin);
        Some(value.content)
    }

    /// The value as text.
    pub(super) fn text(&mut self, name: &str) -> Read<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Content::Text(text)) => Ok(Some(text)),
            Some(Content::List(_) | Content::Tables(_) | Content::Other) => {
                Err(self.error(name, "expected a single value"))
            }
        }
    }

    fn read<T: Value>(&mut self, key: Key, default: Option<&str>) -> Read<Option<T>> {
        self.declare(key, T::kind(), false);
        let Some(text) = self.text(key.name)? else {
            let origin = default.map_or("not set", |_| "the default");
            self.note(key.name, default, origin);
            let value = default.map(T::parse).transpose();
            return value.map_err(|what| self.error(key, what));
        };
        let value = T::parse(&text).map_err(|what| self.error(key, what))?;
        self.note_found(key.name, &text);
        Ok(Some(value))
    }

    /// The value of a key that may be missing.
    pub(super) fn optional<T: Value>(&mut self, key: Key) -> Read<Option<T>> {
        self.read(key, None)
    }

    /// The value of a key with a constant default, or of one that is required.
    pub(super) fn get<T: Value>(&mut self, key: Key) -> Read<T> {
        let value = self.read(key, key.constant());
        self.required(key, value, "is required")
    }

    /// The value of a key whose default follows from other keys.
    pub(super) fn get_or<T: Value>(&mut self, key: Key, default: &str) -> Read<T> {
        let value = self.read(key, Some(default));
        self.required(key, value, "is required")
    }

    /// The value, or an error if the key is not set.
    pub(super) fn required<T>(&mut self, key: Key, value: Read<Option<T>>, what: &str) -> Read<T> {
        value?.ok_or_else(|| self.error(key, what))
    }

    /// Notes an error if the text is empty: `KEY=` in the environment does not count as a value.
    pub(super) fn refuse_empty(&mut self, key: Key, value: &Read<Option<String>>) {
        if matches!(value, Ok(Some(text)) if text.is_empty()) {
            self.error(key, "must not be empty");
        }
    }

    /// A list: of TOML, or of words separated by commas. Empty if the key is not set.
    pub(super) fn list<T: Value>(&mut self, key: Key) -> Read<Vec<T>> {
        Ok(self.optional_list(key)?.unwrap_or_default())
    }

    /// A list of a key for which "empty" differs from "not set".
    pub(super) fn optional_list<T: Value>(&mut self, key: Key) -> Read<Option<Vec<T>>> {
        self.declare(key, Kind::List(Box::new(T::kind())), false);
        let words = match self.take(key.name) {
            None => {
                self.note(key.name, None, "not set");
                return Ok(None);
            }
            Some(Content::List(words)) => match words.iter().find(|word| !is_word(word)) {
                Some(word) => return Err(self.error(key, format!("'{word}': {NO_WORD}"))),
                None => words,
            },
            Some(Content::Text(text)) => {
                let words = text.split(',').map(|word| word.trim().to_owned());
                words.filter(|word| !word.is_empty()).collect()
            }
            Some(Content::Tables(_) | Content::Other) => {
                return Err(self.error(key, "expected a list of words"));
            }
        };
        self.note_found(key.name, &words.join(", "));
        let values = words.iter().map(|word| {
            T::parse(word).map_err(|what| self.error(key, format!("'{word}': {what}")))
        });
        // Every word is parsed, so that every error is reported.
        let values: Vec<Read<T>> = values.collect();
        values.into_iter().collect::<Read<Vec<T>>>().map(Some)
    }
}

/// Whether the environment can hold the word in a list, as a list of TOML can.
fn is_word(word: &str) -> bool {
    !word.is_empty() && word.trim() == word && !word.contains(',')
}
