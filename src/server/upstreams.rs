//! Tells the log when an upstream begins to fail and when it recovers: a request's own line is one of many.

use std::sync::{Arc, Mutex, PoisonError};

use crate::adapters::{CallFailure, ObserveCalls, Upstream, UpstreamCall};

use super::outage::Outage;

/// An upstream fails when so many requests in a row do. A single one may be a client that has left.
const FAILURES: u32 = 3;

/// Watches the upstreams that calls depend on, and tells another observer, too.
pub(super) struct WatchUpstreams {
    next: Arc<dyn ObserveCalls>,
    watched: Mutex<Vec<Watched>>,
}

struct Watched {
    upstream: Upstream,
    /// How many requests in a row have failed.
    failures: u32,
    outage: Outage,
}

impl WatchUpstreams {
    pub(super) fn new(next: Arc<dyn ObserveCalls>) -> Self {
        let watched = [
            (Upstream::Sts, "the store (storage.sts_endpoint)"),
            (Upstream::S3, "the store (storage.endpoint)"),
            (
                Upstream::Introspection,
                "the authorization server (oauth.introspection_endpoint)",
            ),
        ];
        let watched = watched.map(|(upstream, what)| Watched {
            upstream,
            failures: 0,
            outage: Outage::new(what),
        });
        let watched = Mutex::new(watched.into());
        Self { next, watched }
    }
}

impl ObserveCalls for WatchUpstreams {
    fn called(&self, call: &UpstreamCall) {
        self.next.called(call);
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut watched = watched.iter_mut();
        if let Some(one) = watched.find(|one| one.upstream == call.upstream) {
            one.called(call.outcome);
        }
    }
}

impl Watched {
    fn called(&mut self, outcome: Result<u16, CallFailure>) {
        let cause = match outcome {
            // 501 is an answer: the store lacks an operation.
            Ok(status) if status < 500 || status == 501 => {
                self.failures = 0;
                self.outage.ended();
                return;
            }
            Ok(status) => format!("status {status}"),
            Err(failure) => failure.as_str().to_owned(),
        };
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            self.outage.failed(&cause);
        }
    }
}
