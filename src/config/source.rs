//! Where values come from: a TOML file, then the environment, which wins.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::permissions::unreadable;

const PREFIX: &str = "CLOAKROOM_";
const SEPARATOR: &str = "__";

/// The section of which every table has a name.
pub(super) const ISSUERS: &str = "issuers";

/// Values by their keys.
pub(super) type Values = BTreeMap<String, Value>;

/// A value and its place.
pub(super) struct Value {
    pub(super) content: Content,
    pub(super) origin: Origin,
}

/// What a value can be.
pub(super) enum Content {
    Text(String),
    List(Vec<String>),
    /// A list of tables, as JSON.
    Tables(Vec<serde_json::Value>),
    /// A type that no key takes.
    Other,
}

/// The place of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A variable of the environment.
    Variable(String),
    /// A place in the configuration file.
    File {
        path: PathBuf,
        line: usize,
        column: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::File { path, line, column } => {
                write!(f, "{}:{line}:{column}", path.display())
            }
        }
    }
}

/// The variable that sets a key. No variable of a shell has a dash, and no name of an issuer an
/// underscore.
pub(super) fn variable(key: &str) -> String {
    let name = key.to_uppercase().replace('.', SEPARATOR);
    format!("{PREFIX}{}", name.replace('-', "_"))
}

/// The key that a variable sets, from the variable's name without its prefix.
fn key(variable: &str) -> String {
    let key = variable.to_lowercase().replace(SEPARATOR, ".");
    match key.splitn(3, '.').collect::<Vec<_>>().as_slice() {
        [ISSUERS, name, key] => format!("{ISSUERS}.{}.{key}", name.replace('_', "-")),
        _ => key,
    }
}

/// Splits the environment into the values of keys and the other `CLOAKROOM_` variables. A key has one
/// variable: another spelling is an error.
pub(super) fn from_environment(
    variables: impl IntoIterator<Item = (String, String)>,
    errors: &mut Vec<String>,
) -> (Values, Vec<(String, String)>) {
    let variables: BTreeMap<String, String> = variables.into_iter().collect();
    let mut values = Values::new();
    let mut others = Vec::new();
    for (name, text) in variables {
        let Some(key) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if name.contains(SEPARATOR) {
            let key = self::key(key);
            let known = variable(&key);
            if name != known {
                errors.push(format!(
                    "{name}: nothing reads this variable; write {known}"
                ));
                continue;
            }
            let content = Content::Text(text);
            let origin = Origin::Variable(name);
            values.insert(key, Value { content, origin });
        } else {
            others.push((name, text));
        }
    }
    (values, others)
}

/// Reads the file. Error messages never quote it: it may hold secrets.
pub(super) fn from_file(
    path: &Path,
    into: &mut Values,
    errors: &mut Vec<String>,
) -> Result<Metadata, String> {
    let (text, metadata) = read(path)
        .map_err(|error| format!("--config or CLOAKROOM_CONFIG: {}", unreadable(path, &error)))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let at = |offset| place(path, text, offset);
    let table = DeTable::parse(text).map_err(|error| {
        let origin = at(error.span().map_or(0, |span| span.start));
        format!("{origin}: is not TOML: {}", error.message())
    })?;
    flatten(None, table.into_inner(), &at, into, errors);
    Ok(metadata)
}

fn read(path: &Path) -> io::Result<(String, Metadata)> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok((text, metadata))
}

fn place(path: &Path, text: &str, offset: usize) -> Origin {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    Origin::File {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        column: line.chars().count() + 1,
    }
}

fn flatten(
    parent: Option<&str>,
    table: DeTable<'_>,
    at: &impl Fn(usize) -> Origin,
    into: &mut Values,
    errors: &mut Vec<String>,
) {
    for (name, value) in table {
        let own = name.get_ref();
        let key = parent.map_or_else(|| own.to_string(), |parent| format!("{parent}.{own}"));
        let content = match value.into_inner() {
            DeValue::Table(table) => {
                flatten(Some(&key), table, at, into, errors);
                continue;
            }
            value => content(&value),
        };
        let origin = at(name.span().start);
        let value = Value { content, origin };
        match into.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(value);
            }
            // A quoted name can contain a dot.
            Entry::Occupied(entry) => errors.push(format!(
                "{}: is given twice: {} and {}",
                shown(entry.key()),
                entry.get().origin,
                value.origin
            )),
        }
    }
}

/// The key, in quotes if nothing would stand before an error's first colon.
pub(super) fn shown(key: &str) -> Cow<'_, str> {
    if key.is_empty() || key.starts_with(':') {
        format!("{key:?}").into()
    } else {
        key.into()
    }
}

fn content(value: &DeValue<'_>) -> Content {
    match value {
        DeValue::Array(array) => match (list(array), tables(array)) {
            (Some(words), _) => Content::List(words),
            (None, Some(tables)) => Content::Tables(tables),
            (None, None) => Content::Other,
        },
        value => text(value).map_or(Content::Other, Content::Text),
    }
}

fn list(array: &DeArray<'_>) -> Option<Vec<String>> {
    array.iter().map(|value| text(value.get_ref())).collect()
}

fn tables(array: &DeArray<'_>) -> Option<Vec<serde_json::Value>> {
    let is_table = |value: &Spanned<DeValue<'_>>| matches!(value.get_ref(), DeValue::Table(_));
    let all = array.iter().all(is_table);
    all.then(|| array.iter().map(|value| json(value.get_ref())).collect())
}

fn json(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::Boolean(is_true) => (*is_true).into(),
        DeValue::Array(array) => array.iter().map(|value| json(value.get_ref())).collect(),
        DeValue::Table(table) => {
            let members = table.iter();
            let members = members
                .map(|(name, value)| (name.get_ref().clone().into_owned(), json(value.get_ref())));
            members.collect()
        }
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| number.to_string().into(), Into::into),
        // `nan` and `inf` become null, which no table takes.
        DeValue::Float(number) => number.as_str().parse::<f64>().unwrap_or(f64::NAN).into(),
        value => text(value).into(),
    }
}

fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        // A number that is too large is refused when its key is parsed.
        DeValue::Integer(number) => Some(
            i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| number.to_string(), |number| number.to_string()),
        ),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(is_true) => Some(is_true.to_string()),
        DeValue::Datetime(datetime) => Some(datetime.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
