use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::service::{UpstreamError, UpstreamErrorKind};

/// How many requests may wait for the answer to one question.
const MAX_PER_QUESTION: usize = 64;

/// How many requests may wait for the authorization server at once (`oauth.max_in_flight`): one that
/// hangs holds up those that need it, and leaves the gateway's other places to the rest.
///
/// Requests are counted, not questions: many may wait for the answer to one. Those of one question
/// take no more than 64 places, and no more than half, so that one token does not shut out the others.
#[derive(Clone, Debug)]
pub struct WaitingPlaces(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    all: Arc<Semaphore>,
    per_question: usize,
    taken: Mutex<HashMap<Question, usize>>,
}

/// What the authorization server is asked.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Question {
    /// What it says about a token, by the token's keyed digest.
    Token([u8; 32]),
    /// Its keys.
    Keys,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct WaitingPlace {
    inner: Arc<Inner>,
    question: Question,
    _permit: OwnedSemaphorePermit,
}

impl WaitingPlaces {
    /// So many.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Inner {
            all: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            per_question: (places / 2).clamp(1, MAX_PER_QUESTION),
            taken: Mutex::default(),
        }))
    }

    /// A place among those that wait for the answer to this question.
    ///
    /// # Errors
    ///
    /// [`UpstreamErrorKind::Busy`] when all are taken, or all that the question may have.
    pub(crate) fn take(&self, question: Question) -> Result<WaitingPlace, UpstreamError> {
        let inner = Arc::clone(&self.0);
        let busy = |cause: &str| UpstreamError::new(UpstreamErrorKind::Busy, cause);
        let mut taken = inner.taken();
        let waiting = taken.get(&question).copied().unwrap_or_default();
        if waiting >= inner.per_question {
            return Err(busy("too many requests wait for the same answer"));
        }
        let permit = Arc::clone(&inner.all).try_acquire_owned();
        let permit =
            permit.map_err(|_| busy("too many requests wait for the authorization server"))?;
        taken.insert(question, waiting + 1);
        drop(taken);
        Ok(WaitingPlace {
            inner,
            question,
            _permit: permit,
        })
    }
}

impl Inner {
    fn taken(&self) -> MutexGuard<'_, HashMap<Question, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for WaitingPlace {
    fn drop(&mut self) {
        let mut taken = self.inner.taken();
        if let Some(waiting) = taken.get_mut(&self.question) {
            *waiting -= 1;
            if *waiting == 0 {
                taken.remove(&self.question);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_takes_half_of_the_places_or_64() {
        for (places, most) in [(1, 1), (2, 1), (5, 2), (64, 32), (256, 64)] {
            let waiting = WaitingPlaces::new(places);
            let take = |question| std::iter::from_fn(move || waiting.take(question).ok());
            let held: Vec<_> = take.clone()(Question::Keys).collect();
            assert_eq!(held.len(), most, "of {places}");
            let others: Vec<_> = take(Question::Token([1; 32])).collect();
            assert_eq!(others.len(), most.min(places - most), "of {places}");
        }
    }

    #[test]
    fn a_place_that_is_left_is_free_again() {
        let waiting = WaitingPlaces::new(2);
        let place = waiting.take(Question::Keys).unwrap();
        assert!(waiting.take(Question::Keys).is_err());
        drop(place);
        assert!(waiting.0.taken().is_empty());
        assert!(waiting.take(Question::Keys).is_ok());
    }
}
