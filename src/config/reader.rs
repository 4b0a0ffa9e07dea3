use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use ::config::{Environment, File, FileFormat, Source, Value, ValueKind};
use secrecy::SecretString;

use super::ConfigErrors;

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
        })
    }

    /// All that was wrong; keys that nobody asked for among it.
    pub(super) fn finish(mut self) -> Vec<String> {
        for (key, value) in &self.values {
            self.errors
                .push(format!("{key}: there is no such key{}", from(value)));
        }
        self.errors
    }

    pub(super) fn error(&mut self, key: &str, what: impl Display) {
        self.errors.push(format!("{key}: {what}"));
    }

    /// The value as text, if there is one.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let value = self.values.remove(key)?;
        let origin = from(&value);
        let text = value.into_string();
        text.map_err(|_| self.error(key, format!("expected a single value{origin}")))
            .ok()
    }

    /// The value, or the default where there is none; nothing if it is bad, which is noted.
    pub(super) fn parse<T: FromStr<Err: Display>>(&mut self, key: &str, default: T) -> Option<T> {
        Some(self.optional(key)?.unwrap_or(default))
    }

    /// A length of time like `10s`, `5m` or `1h`, or the default.
    pub(super) fn duration(&mut self, key: &str, default: Duration) -> Option<Duration> {
        let value = self.optional::<humantime::Duration>(key)?;
        Some(value.map_or(default, Into::into))
    }

    /// The value, or none where there is none; nothing if it is bad, which is noted.
    #[expect(
        clippy::option_option,
        reason = "outside: was it good; inside: was it there"
    )]
    pub(super) fn optional<T: FromStr<Err: Display>>(&mut self, key: &str) -> Option<Option<T>> {
        let Some(value) = self.values.get(key) else {
            return Some(None);
        };
        let origin = from(value);
        match self.text(key)?.parse() {
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
            return Some(Vec::new());
        };
        let origin = from(&value);
        let list = match value.kind {
            ValueKind::Array(values) => values.into_iter().map(Value::into_string).collect(),
            _ => value.into_string().map(|text| {
                let words = text.split(',').map(|word| word.trim().to_owned());
                words.filter(|word| !word.is_empty()).collect()
            }),
        };
        list.map_err(|_| self.error(key, format!("expected a list of words{origin}")))
            .ok()
    }

    /// A secret: the value, or the content of the file that `<key>_file` names. A secret that
    /// everybody knows, or that everybody on the machine can read, is refused.
    #[expect(
        clippy::option_option,
        reason = "outside: was it good; inside: was it there"
    )]
    pub(super) fn secret(&mut self, key: &str) -> Option<Option<SecretString>> {
        let file_key = format!("{key}_file");
        let in_shared_file = self.stands_in_shared_file(key);
        let secret = match (self.text(key), self.text(&file_key)) {
            (Some(_), Some(_)) => {
                self.error(key, format!("is given twice: here and by {file_key}"));
                return None;
            }
            (Some(secret), None) => secret,
            (None, Some(path)) => match read_secret(Path::new(&path)) {
                Ok(secret) => secret,
                Err(what) => {
                    self.error(&file_key, format!("{path}: {what}"));
                    return None;
                }
            },
            (None, None) => return Some(None),
        };
        if secret.is_empty() {
            self.error(key, "must not be empty");
            return None;
        }
        if is_known_secret(&secret) {
            self.error(key, "is a secret that everybody knows: choose another");
            return None;
        }
        if in_shared_file {
            self.error(
                key,
                "stands in a file that everybody on this machine can read: chmod o-r",
            );
            return None;
        }
        Some(Some(SecretString::from(secret)))
    }

    fn stands_in_shared_file(&self, key: &str) -> bool {
        let origin = self.values.get(key).and_then(Value::origin);
        origin.is_some_and(|origin| is_world_readable(Path::new(origin)))
    }

    /// The content of a file of certificate authorities, if one is named.
    #[expect(
        clippy::option_option,
        reason = "outside: was it good; inside: was it there"
    )]
    pub(super) fn authorities(&mut self, key: &str) -> Option<Option<Vec<u8>>> {
        let Some(path) = self.text(key) else {
            return Some(None);
        };
        match std::fs::read(&path) {
            Ok(pem) if pem.windows(11).any(|window| window == b"-----BEGIN ") => Some(Some(pem)),
            Ok(_) => {
                self.error(key, format!("{path}: holds no PEM certificate"));
                None
            }
            Err(error) => {
                self.error(key, format!("{path}: {error}"));
                None
            }
        }
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
    format!("{place} in {file}: the configuration file is no TOML")
}

/// Where a value came from, for the end of a message.
fn from(value: &Value) -> String {
    value
        .origin()
        .map(|origin| format!(" (in {origin})"))
        .unwrap_or_default()
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

fn read_secret(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    if is_world_readable(path) {
        return Err("everybody on this machine can read it: chmod o-r".to_owned());
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(unix)]
fn is_world_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    const OTHERS_READ: u32 = 0o004;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & OTHERS_READ != 0)
}

#[cfg(not(unix))]
fn is_world_readable(_: &Path) -> bool {
    false
}
