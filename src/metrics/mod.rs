//! The gateway's metrics, in OpenMetrics (docs/monitoring.md).
//!
//! `declarations` has them all. Most are counted where everything of their kind passes: `observers`
//! hear of it from `http` and the adapters, `decorators` sit before ports. The rest is read at each
//! scrape from what the composition root names ([`Metrics::read_from`]).

mod declarations;
mod decorators;
mod instruments;
mod labels;
mod observers;
mod process;
mod reference;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use crate::service::Occupancy;

use declarations::Instruments;
pub use decorators::{CountedAuditTrail, CountedBuckets};
use labels::{Alarm, Build, File, Limit, Outcome};
pub use reference::reference;

/// The metrics of one gateway.
pub struct Metrics {
    registry: Registry,
    instruments: Instruments,
    sources: Mutex<Vec<Source>>,
}

/// Brings metrics up to date.
type Source = Box<dyn Fn(&Metrics) + Send + Sync>;

impl Metrics {
    /// The content type of [`Metrics::text`].
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// All at zero. The build says which store's engine and which database are used.
    #[must_use]
    pub fn new(engine: &'static str, database: &'static str) -> Self {
        let mut registry = Registry::default();
        let instruments = Instruments::registered(&mut registry);
        let build = Build {
            version: env!("CARGO_PKG_VERSION"),
            engine,
            database,
        };
        instruments.build.get_or_create(&build).set(1);
        for outcome in decorators::CREATIONS {
            // Rates are wrong where a series begins at 1.
            let _ = instruments.buckets.get_or_create(&Outcome { outcome });
        }
        Self {
            registry,
            instruments,
            sources: Mutex::default(),
        }
    }

    /// Reads some of the metrics from `source` at each scrape, as long as it exists.
    pub fn read_from<T: Send + Sync + 'static>(
        &self,
        source: &Arc<T>,
        read: impl Fn(&Self, &T) + Send + Sync + 'static,
    ) {
        let source = Arc::downgrade(source);
        self.read(move |metrics| {
            if let Some(source) = source.upgrade() {
                read(metrics, &source);
            }
        });
    }

    /// Does this at each scrape.
    pub fn read(&self, read: impl Fn(&Self) + Send + Sync + 'static) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.push(Box::new(read));
    }

    /// All metrics as they are now, as OpenMetrics text.
    ///
    /// # Errors
    ///
    /// Never in practice: writing to a string does not fail.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        for read in sources.iter() {
            read(self);
        }
        self.read_process();
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// How much of a limit is used.
    pub fn occupancy(&self, limit: &'static str, now: Occupancy) {
        let limit = Limit { limit };
        let taken = self.instruments.places_taken.get_or_create_owned(&limit);
        taken.set(number(now.taken));
        let all = self.instruments.places.get_or_create_owned(&limit);
        all.set(number(now.all));
    }

    /// How often introspection was remembered and not.
    pub fn introspection_cache(&self, (hits, misses): (u64, u64)) {
        set(&self.instruments.introspection_hits, hits);
        set(&self.instruments.introspection_misses, misses);
    }

    /// How many rotations have ended in this way.
    pub fn rotations(&self, outcome: &'static str, ended: u64) {
        let outcome = Outcome { outcome };
        let rotations = self.instruments.rotations.get_or_create_owned(&outcome);
        set(&rotations, ended);
    }

    /// How many alarms of a kind the log has.
    pub fn alarms(&self, kind: &'static str, raised: u64) {
        let alarms = self.instruments.alarms.get_or_create_owned(&Alarm { kind });
        set(&alarms, raised);
    }

    /// How many lines the log has lost.
    pub fn log_lines_dropped(&self, lines: usize) {
        set(&self.instruments.log_lines_dropped, number(lines));
    }

    /// Whether credentials can be issued.
    pub fn ready(&self, is_ready: bool) {
        self.instruments.ready.set(is_ready.into());
    }

    /// Isolation was proven at this Unix time.
    pub fn doctor_succeeded(&self, at: u64) {
        self.instruments.doctor_success.set(at);
    }

    /// Whether the file that this key of the configuration names is invalid.
    pub fn config_file(&self, key: &str, has_failed: bool) {
        let key = key.to_owned();
        let file = self
            .instruments
            .file_failed
            .get_or_create_owned(&File { key });
        file.set(has_failed.into());
    }
}

/// Sets a counter to what was counted elsewhere.
fn set(counter: &Counter, number: u64) {
    counter.inner().store(number, Ordering::Relaxed);
}

fn number(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
