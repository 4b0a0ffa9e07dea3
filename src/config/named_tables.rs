//! Tables whose names the operator chooses, such as `[issuers.github]`, and lists of tables.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::key::{Key, Kind, NAME};
use super::reader::{Read, Reader};
use super::source::Content;
use super::value::Table;

impl Reader {
    /// The names of the tables in a section of named tables: `[issuers.github]`.
    pub(super) fn names_in(&mut self, section: &str) -> Vec<String> {
        let keys = self.values.keys();
        let names = keys.filter_map(|key| {
            let (name, _) = key
                .strip_prefix(section)?
                .strip_prefix('.')?
                .split_once('.')?;
            Some(name.to_owned())
        });
        let names: BTreeSet<String> = names.collect();
        self.tables.extend(names.iter().cloned());
        names.into_iter().collect()
    }

    /// Reads the keys of one of these tables.
    pub(super) fn in_table<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.table = Some(name.to_owned());
        let read = read(self);
        self.table = None;
        read
    }

    /// Declares keys by reading them, although there may be no such table.
    pub(super) fn declare_all<T>(&mut self, read: impl FnOnce(&mut Self) -> T) {
        let lengths = (self.errors.len(), self.settings.len(), self.warnings.len());
        // A table may be named like the place of the name.
        let values = std::mem::take(&mut self.values);
        drop(read(self));
        self.values = values;
        self.errors.truncate(lengths.0);
        self.settings.truncate(lengths.1);
        self.warnings.truncate(lengths.2);
    }

    /// Forgets the values of a table that has a bad name.
    pub(super) fn skip_table(&mut self, section: &str, name: &str) {
        let start = format!("{section}.{name}.");
        self.values.retain(|key, _| !key.starts_with(&start));
    }

    /// The key's name in the table that is being read.
    pub(super) fn name<'k>(&self, key: &'k str) -> Cow<'k, str> {
        match &self.table {
            Some(table) => key.replace(NAME, table).into(),
            None => key.into(),
        }
    }

    /// A list of tables: of TOML, or JSON in the environment. Empty if the key is not set.
    pub(super) fn tables<T: Table>(&mut self, key: Key) -> Read<Vec<T>> {
        self.declare(key, Kind::Tables(T::schema()), false);
        let tables: Vec<serde_json::Value> = match self.take(key.name) {
            None => {
                self.note(key.name, None, "not set");
                return Ok(Vec::new());
            }
            Some(Content::Tables(tables)) => tables,
            Some(Content::List(words)) if words.is_empty() => Vec::new(),
            Some(Content::Text(text)) => serde_json::from_str(&text)
                .map_err(|_| self.error(key, "expected a list of tables, as JSON"))?,
            Some(Content::List(_) | Content::Other) => {
                return Err(self.error(key, "expected a list of tables"));
            }
        };
        let shown = serde_json::Value::from(tables.clone()).to_string();
        self.note_found(key.name, &shown);
        let tables = tables.into_iter().enumerate().map(|(number, table)| {
            T::read(table).map_err(|what| self.error(key, format!("{}: {what}", number + 1)))
        });
        let tables: Vec<Read<T>> = tables.collect();
        tables.into_iter().collect()
    }
}
