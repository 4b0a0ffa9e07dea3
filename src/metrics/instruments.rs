//! The kinds of metrics, and the macro that declares them.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::labels::Labels;

/// Counts by labels.
pub(crate) type Counts<L> = Family<L, Counter>;

/// A level that goes up and down, by labels.
pub(crate) type Levels<L> = Family<L, Level>;

/// A level that goes up and down.
pub(crate) type Level = Gauge<u64, AtomicU64>;

/// A count that is no integer.
pub(crate) type FractionalCount = Counter<f64, AtomicU64>;

/// A distribution by labels.
pub(crate) type Distributions<L> = Family<L, Histogram, fn() -> Histogram>;

/// What the documentation says of a metric.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declaration {
    /// The base of its name, without unit and suffix.
    pub(super) base: &'static str,
    pub(super) unit: Option<&'static str>,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

/// The types of OpenMetrics that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A type of metric.
pub(super) trait Instrument {
    const KIND: Kind;
    const LABELS: &'static [&'static str] = &[];
}

impl Instrument for Counter {
    const KIND: Kind = Kind::Counter;
}

impl Instrument for FractionalCount {
    const KIND: Kind = Kind::Counter;
}

impl Instrument for Level {
    const KIND: Kind = Kind::Gauge;
}

impl Instrument for Histogram {
    const KIND: Kind = Kind::Histogram;
}

impl<L: Labels, M: Instrument, C> Instrument for Family<L, M, C> {
    const KIND: Kind = M::KIND;
    const LABELS: &'static [&'static str] = L::NAMES;
}

impl Declaration {
    /// The name that queries use.
    pub(super) fn name(&self) -> String {
        let unit = self.unit.map(|unit| format!("_{unit}")).unwrap_or_default();
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Gauge | Kind::Histogram => "",
        };
        format!("{}{unit}{suffix}", self.base)
    }
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Declares [`Instruments`](super::Instruments): a field for each metric, with its name, its unit, its
/// help text and, where there is no default, how it is made.
macro_rules! instruments {
    ($(
        $field:ident: $type:ty = $base:literal $(in $unit:ident)?, $help:literal
            $(, made by $made:expr)?;
    )+) => {
        /// Every metric.
        #[derive(Clone, Debug)]
        pub(crate) struct Instruments {
            $(pub(crate) $field: $type,)+
        }

        impl Instruments {
            /// What is declared here.
            pub(super) const DECLARED: &[Declaration] = &[
                $(Declaration {
                    base: $base,
                    unit: instruments!(@unit_name $($unit)?),
                    kind: <$type as Instrument>::KIND,
                    labels: <$type as Instrument>::LABELS,
                    help: $help,
                },)+
            ];

            /// Makes and registers all of them.
            pub(super) fn registered(registry: &mut Registry) -> Self {
                let all = Self {
                    $($field: instruments!(@make $($made)?),)+
                };
                $(instruments!(@register registry, all.$field, $base, $help $(, $unit)?);)+
                all
            }
        }
    };
    (@unit_name) => { None };
    (@unit_name Seconds) => { Some("seconds") };
    (@unit_name Bytes) => { Some("bytes") };
    (@make) => { Default::default() };
    (@make $made:expr) => { $made };
    (@register $registry:ident, $metric:expr, $base:literal, $help:literal) => {
        $registry.register($base, $help, $metric.clone())
    };
    (@register $registry:ident, $metric:expr, $base:literal, $help:literal, $unit:ident) => {
        $registry.register_with_unit($base, $help, Unit::$unit, $metric.clone())
    };
}

pub(super) use instruments;
