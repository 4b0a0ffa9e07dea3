use crate::embedded::storage::aws_query::{Form, QueryError};

const MAX_ITEMS: usize = 100;

/// The page of a list that a call asks for.
pub(super) struct Page {
    /// The name that the last page ended with.
    after: String,
    /// How many items at most.
    items: usize,
}

/// The items of a page.
pub(super) struct Part<T> {
    pub(super) items: Vec<T>,
    /// Asks for the next page, if there is one.
    pub(super) marker: Option<String>,
}

impl Page {
    pub(super) fn of(form: &Form) -> Result<Self, QueryError> {
        let items = match form.get("MaxItems") {
            None => MAX_ITEMS,
            Some(text) => text.parse().unwrap_or(0),
        };
        if !(1..=1_000).contains(&items) {
            return Err(QueryError::invalid("MaxItems is out of range."));
        }
        let after = form.get("Marker").unwrap_or_default().to_owned();
        Ok(Self { after, items })
    }

    /// Cuts the page out of items that are ordered by name.
    pub(super) fn cut<'a, T>(&self, all: impl Iterator<Item = (&'a str, T)>) -> Part<T> {
        let mut rest = all.skip_while(|(name, _)| *name <= self.after.as_str());
        let mut last = None;
        let page = rest.by_ref().take(self.items).map(|(name, item)| {
            last = Some(name);
            item
        });
        let items = page.collect();
        let marker = rest.next().and(last).map(str::to_owned);
        Part { items, marker }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_every_item_once() {
        let names = ["a", "b", "c", "d", "e"];
        let mut after = String::new();
        let mut seen = Vec::new();
        let mut pages = 0;
        loop {
            let page = Page { after, items: 2 };
            let part = page.cut(names.iter().map(|name| (*name, *name)));
            seen.extend(part.items);
            pages += 1;
            match part.marker {
                Some(marker) => after = marker,
                None => break,
            }
        }
        assert_eq!((seen.as_slice(), pages), (&names[..], 3));
    }
}
