use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use ::config::{Environment, File, FileFormat, Source, Value, ValueKind};
use secrecy::SecretString;
use tokio::sync::watch;

use crate::adapters::{Current, fixed};

use super::ConfigErrors;
use super::files::{
    Check, Content, WatchedFile, check_secret, is_world_readable, read_authorities, read_secret,
};

const PREFIX: &str = "CLOAKROOM_";
const SEPARATOR: &str = "__";

/// Secrets that stand in somebody's documentation: known to everybody (security.md).
const KNOWN_SECRETS: [&str; 9] = [
    "minioadmin",
    "minio123",
    "password",
    "secret",
    "changeme",
    "change-me",
    "admin",
    "cloakroom",
    "test",
];

/// Hands out values by key and gathers what is wrong with them.
pub(super) struct Reader {
    values: BTreeMap<String, Value>,
    errors: Vec<String>,
    settings: Vec<Setting>,
    files: Vec<WatchedFile>,
    without_effect: Vec<String>,
}

/// What else is to be known of a good configuration.
pub(super) struct Read {
    pub(super) settings: Vec<Setting>,
    pub(super) files: Vec<WatchedFile>,
    pub(super) without_effect: Vec<String>,
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

impl Reader {
    pub(super) fn new(
        file: Option<&Path>,
        environment: HashMap<String, String>,
    ) -> Result<Self, ConfigErrors> {
        let mut builder = ::config::Config::builder();
        if let Some(path) = file {
            builder = builder.add_source(File::from(path).format(FileFormat::Toml).required(true));
        }
        let ours = environment
            .into_iter()
            .filter(|(name, _)| name.starts_with(PREFIX) && name.contains(SEPARATOR));
        let source = Environment::with_prefix(PREFIX.trim_end_matches('_'))
            .prefix_separator("_")
            .separator(SEPARATOR)
            .source(Some(ours.collect()));
        let values = builder
            .add_source(source)
            .build()
            .and_then(|config| config.collect())
            .map_err(|error| ConfigErrors(vec![position(&error.to_string())]))?;
        let mut flat = BTreeMap::new();
        for (name, value) in values {
            flatten(name, value, &mut flat);
        }
        Ok(Self {
            values: flat,
            errors: Vec::new(),
            settings: Vec::new(),
            files: Vec::new(),
            without_effect: Vec::new(),
        })
    }

    /// All that was wrong, keys that nobody asked for among it; else what was read.
    pub(super) fn finish(mut self) -> Result<Read, Vec<String>> {
        for (key, value) in &self.values {
            self.errors
                .push(format!("{key}: there is no such key{}", from(value)));
        }
        if self.errors.is_empty() {
            Ok(Read {
                settings: self.settings,
                files: self.files,
                without_effect: self.without_effect,
            })
        } else {
            Err(self.errors)
        }
    }

    /// Notes those of the keys that somebody has set, for nothing: `when` says when they count.
    pub(super) fn no_effect(&mut self, keys: &[&str], when: &str) {
        for key in keys {
            let of_key = |setting: &&Setting| setting.key == *key;
            let setting = self.settings.iter().find(of_key);
            if setting.is_some_and(|setting| {
                !["the default", "not set"].contains(&setting.origin.as_str())
            }) {
                self.without_effect
                    .push(format!("{key} has no effect {when}"));
            }
        }
    }

    fn note(&mut self, key: &str, value: Option<&str>, origin: impl Into<String>) {
        self.settings.push(Setting {
            key: key.to_owned(),
            value: value.map(str::to_owned),
            origin: origin.into(),
        });
    }

    pub(super) fn error(&mut self, key: &str, what: impl Display) {
        self.errors.push(format!("{key}: {what}"));
    }

    /// The value as text, if there is one.
    fn text(&mut self, key: &str) -> Option<String> {
        let value = self.values.remove(key)?;
        let origin = from(&value);
        let text = value.into_string();
        text.map_err(|_| self.error(key, format!("expected a single value{origin}")))
            .ok()
    }

    /// The value, or the default where there is none; nothing if it is bad, which is noted.
    pub(super) fn parse<T: FromStr<Err: Display>>(
        &mut self,
        key: &str,
        default: &str,
    ) -> Option<T> {
        if !self.values.contains_key(key) {
            self.note(key, Some(default), "the default");
            return default.parse().ok();
        }
        self.optional(key)?
    }

    /// A length of time like `10s`, `5m` or `1h`, or the default.
    pub(super) fn duration(&mut self, key: &str, default: &str) -> Option<Duration> {
        let value = self.parse::<humantime::Duration>(key, default)?;
        Some(value.into())
    }

    /// The value, or none where there is none; nothing if it is bad, which is noted.
    #[expect(
        clippy::option_option,
        reason = "outside: was it good; inside: was it there"
    )]
    pub(super) fn optional<T: FromStr<Err: Display>>(&mut self, key: &str) -> Option<Option<T>> {
        let Some(value) = self.values.get(key) else {
            self.note(key, None, "not set");
            return Some(None);
        };
        let (origin, source) = (from(value), source(value));
        let text = self.text(key)?;
        self.note(key, Some(&text), source);
        match text.parse() {
            Ok(value) => Some(Some(value)),
            Err(error) => {
                self.error(key, format!("{error}{origin}"));
                None
            }
        }
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
        let Some(value) = self.values.remove(key) else {
            self.note(key, None, "not set");
            return Some(Vec::new());
        };
        let (origin, source) = (from(&value), source(&value));
        let list: Result<Vec<String>, _> = match value.kind {
            ValueKind::Array(values) => values.into_iter().map(Value::into_string).collect(),
            _ => value.into_string().map(|text| {
                let words = text.split(',').map(|word| word.trim().to_owned());
                words.filter(|word| !word.is_empty()).collect()
            }),
        };
        let list = list
            .map_err(|_| self.error(key, format!("expected a list of words{origin}")))
            .ok()?;
        self.note(key, Some(&list.join(", ")), source);
        Some(list)
    }

    /// A secret: the value, or the content of the file that `<key>_file` names, as it is now. A
    /// secret that everybody knows, or that everybody on the machine can read, is refused.
    #[expect(
        clippy::option_option,
        reason = "outside: was it good; inside: was it there"
    )]
    pub(super) fn secret(&mut self, key: &str) -> Option<Option<SecretString>> {
        Some(self.read_secret(key)?.map(|(secret, _)| secret))
    }

    /// The same, and when the file changes, the value does.
    #[expect(
        clippy::option_option,
        reason = "outside: was it good; inside: was it there"
    )]
    pub(super) fn current_secret(
        &mut self,
        key: &str,
        check: Check,
    ) -> Option<Option<Current<SecretString>>> {
        let Some((secret, path)) = self.read_secret(key)? else {
            return Some(None);
        };
        check(&secret).map_err(|what| self.error(key, what)).ok()?;
        let (sender, current) = watch::channel(secret);
        if let Some(path) = path {
            self.watch(&format!("{key}_file"), path, Content::Secret(sender, check));
        }
        Some(Some(current))
    }

    fn watch(&mut self, key: &str, path: PathBuf, content: Content) {
        self.files.push(WatchedFile::new(key, path, content));
    }

    #[expect(
        clippy::option_option,
        reason = "outside: was it good; inside: was it there; with its file"
    )]
    fn read_secret(&mut self, key: &str) -> Option<Option<(SecretString, Option<PathBuf>)>> {
        let file_key = format!("{key}_file");
        let in_shared_file = self.stands_in_shared_file(key);
        let origin = self.values.get(key).map(source);
        let (secret, path) = match (self.text(key), self.text(&file_key)) {
            (Some(_), Some(_)) => {
                self.error(key, format!("is given twice: here and by {file_key}"));
                return None;
            }
            (Some(secret), None) => (secret, None),
            (None, Some(path)) => match read_secret(Path::new(&path)) {
                Ok(secret) => (secret, Some(PathBuf::from(path))),
                Err(what) => {
                    self.error(&file_key, format!("{path}: {what}"));
                    return None;
                }
            },
            (None, None) => {
                self.note(key, None, "not set");
                return Some(None);
            }
        };
        let secret = SecretString::from(secret);
        if let Err(what) = check_secret(&secret) {
            self.error(key, what);
            return None;
        }
        if in_shared_file {
            self.error(
                key,
                "stands in a file that everybody on this machine can read: chmod o-r",
            );
            return None;
        }
        let origin = path
            .as_ref()
            .map(|path| path.display().to_string())
            .or(origin);
        self.note(key, Some("(hidden)"), origin.unwrap_or_default());
        Some(Some((secret, path)))
    }

    fn stands_in_shared_file(&self, key: &str) -> bool {
        let origin = self.values.get(key).and_then(Value::origin);
        origin.is_some_and(|origin| is_world_readable(Path::new(origin)))
    }

    /// The content of a file of certificate authorities, if one is named; when the file changes,
    /// the value does.
    pub(super) fn authorities(&mut self, key: &str) -> Option<Current<Option<Vec<u8>>>> {
        let Some(path) = self.optional::<PathBuf>(key)? else {
            return Some(fixed(None));
        };
        let pem = read_authorities(&path)
            .map_err(|what| self.error(key, format!("{}: {what}", path.display())))
            .ok()?;
        let (sender, current) = watch::channel(Some(pem));
        self.watch(key, path, Content::Authorities(sender));
        Some(current)
    }
}

/// Whether everybody knows this secret.
pub(super) fn is_known_secret(secret: &str) -> bool {
    KNOWN_SECRETS.contains(&secret.to_ascii_lowercase().as_str())
}

/// The first line of a parser's message says where; the next ones quote the file, secrets and all.
fn position(message: &str) -> String {
    let place = message.lines().next().unwrap_or_default();
    let file = message
        .rsplit_once(" in ")
        .map(|(_, file)| file.trim())
        .unwrap_or_default();
    if file.is_empty() {
        // It could not be read at all.
        return place.to_owned();
    }
    format!("{place} in {file}: the configuration file is no TOML")
}

/// Where a value came from, for the end of a message.
fn from(value: &Value) -> String {
    value
        .origin()
        .map(|origin| format!(" (in {origin})"))
        .unwrap_or_default()
}

fn source(value: &Value) -> String {
    value.origin().unwrap_or_default().to_owned()
}

fn flatten(name: String, value: Value, into: &mut BTreeMap<String, Value>) {
    if let ValueKind::Table(table) = value.kind {
        for (inner, value) in table {
            flatten(format!("{name}.{inner}"), value, into);
        }
    } else {
        into.insert(name, value);
    }
}
