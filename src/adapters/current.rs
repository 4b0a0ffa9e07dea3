use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// A value that the operator may replace while the gateway runs: what a file holds.
pub type Current<T> = watch::Receiver<T>;

/// A value that stays as it is.
#[must_use]
pub fn fixed<T>(value: T) -> Current<T> {
    watch::channel(value).1
}

/// Something made of a [`Current`] value, and made again when that has changed.
pub(crate) struct Derived<T, Made, Error> {
    state: Mutex<(Current<T>, Made)>,
    make: fn(&T) -> Result<Made, Error>,
}

impl<T, Made: Clone, Error: fmt::Display> Derived<T, Made, Error> {
    pub(crate) fn new(
        mut source: Current<T>,
        make: fn(&T) -> Result<Made, Error>,
    ) -> Result<Self, Error> {
        let first = make(&source.borrow_and_update())?;
        Ok(Self {
            state: Mutex::new((source, first)),
            make,
        })
    }

    /// The newest that could be made.
    pub(crate) fn get(&self) -> Made {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (source, made) = &mut *state;
        if source.has_changed().unwrap_or(false) {
            match (self.make)(&source.borrow_and_update()) {
                Ok(new) => *made = new,
                Err(error) => tracing::error!(%error, "a new value is no good; the old one stays"),
            }
        }
        made.clone()
    }
}

impl<T, Made, Error> fmt::Debug for Derived<T, Made, Error> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Derived")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_derived_follows_its_source_and_survives_a_bad_one() {
        let (sender, source) = watch::channel("1".to_owned());
        let derived = Derived::new(source, |text: &String| text.parse::<u8>()).unwrap();
        assert_eq!(derived.get(), 1);
        sender.send("2".to_owned()).unwrap();
        assert_eq!(derived.get(), 2);
        sender.send("nonsense".to_owned()).unwrap();
        assert_eq!(derived.get(), 2);
        sender.send("3".to_owned()).unwrap();
        assert_eq!(derived.get(), 3);
    }
}
