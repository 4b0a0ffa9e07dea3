//! Counts the alarms: log lines with a field `alarm` (docs/operations.md).

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The field that makes a line an alarm.
const FIELD: &str = "alarm";

/// The kinds of alarm, each with its number so far in this process. An alarm that is not listed counts
/// as the last.
static COUNTED: [(&str, AtomicU64); 6] = [
    ("bucket-conflict", AtomicU64::new(0)),
    ("access-key-conflict", AtomicU64::new(0)),
    ("registry-replaced", AtomicU64::new(0)),
    ("formula-changed", AtomicU64::new(0)),
    ("bucket-rules", AtomicU64::new(0)),
    ("other", AtomicU64::new(0)),
];

/// Every kind of alarm, with its number so far in this process.
pub fn alarms() -> impl Iterator<Item = (&'static str, u64)> {
    let counted = COUNTED.iter();
    counted.map(|(kind, number)| (*kind, number.load(Ordering::Relaxed)))
}

/// Counts every alarm that is logged, whoever logs it.
pub(super) struct CountAlarms;

impl<S: Subscriber> Layer<S> for CountAlarms {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().fields().field(FIELD).is_some() {
            event.record(&mut Counting);
        }
    }
}

struct Counting;

impl Visit for Counting {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() != FIELD {
            return;
        }
        let listed = COUNTED.iter().find(|(kind, _)| *kind == value);
        if let Some((_, number)) = listed.or(COUNTED.last()) {
            number.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn number(kind: &str) -> u64 {
        alarms().find(|(listed, _)| *listed == kind).unwrap().1
    }

    #[test]
    fn alarms_are_counted_by_kind() {
        let subscriber = tracing_subscriber::registry().with(CountAlarms);
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(alarm = "formula-changed", "it has changed");
            tracing::error!(alarm = "new-here", "it is new");
            tracing::error!(kind = "bucket-conflict", "it is no alarm");
        });
        assert_eq!(number("formula-changed"), 1);
        assert_eq!(number("other"), 1);
        assert_eq!(number("bucket-conflict"), 0);
    }
}
