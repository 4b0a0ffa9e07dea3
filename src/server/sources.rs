//! Sources of metrics that are read at a scrape instead of being counted.

use std::sync::Arc;

use actix_web::web;
use secrecy::ExposeSecret;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::adapters::database::Database;
use crate::adapters::oauth::{CachedIntrospection, InFlightLimit};
use crate::config::Config;
use crate::http::Gateway;
use crate::metrics::Metrics;
use crate::service::{EnsureBucket, Occupancy, RotationOutcome, Rotations};
use crate::telemetry;

use super::edge::Edge;

/// The gateway's metrics, with those of the process.
pub(super) fn metrics(config: &Config) -> Arc<Metrics> {
    let is_file = Database::is_file(config.database.url.borrow().expose_secret());
    let database = if is_file { "sqlite" } else { "postgres" };
    let metrics = Arc::new(Metrics::new(config.storage.engine.as_str(), database));
    let runtime = Handle::current().metrics();
    metrics.read(move |metrics| {
        metrics.runtime(&runtime);
        metrics.log_lines_dropped(telemetry::lines_dropped());
        for (kind, raised) in telemetry::alarms() {
            metrics.alarms(kind, raised);
        }
    });
    for file in &config.files {
        metrics.config_file(file.key(), false);
    }
    metrics
}

/// The requests and connections of the gateway.
pub(super) fn of_gateway(
    metrics: &Metrics,
    config: &Config,
    gateway: &web::Data<Gateway>,
    edge: &Edge,
) {
    let max_in_flight = config.http.max_in_flight.min(Semaphore::MAX_PERMITS);
    metrics.read_from(&gateway.clone().into_inner(), move |metrics, gateway| {
        let in_flight = Occupancy::of(&gateway.in_flight, max_in_flight);
        metrics.occupancy("http.max_in_flight", in_flight);
    });
    let (places, all) = edge.places();
    metrics.read_from(&places, move |metrics, places| {
        metrics.occupancy("http.max_connections", Occupancy::of(places, all));
    });
}

/// The questions to the authorization server.
pub(super) fn of_introspection(
    metrics: &Metrics,
    cached: &Arc<CachedIntrospection>,
    in_flight: &InFlightLimit,
) {
    metrics.read_from(cached, |metrics, cached| {
        metrics.introspection_cache(cached.hits_and_misses());
    });
    let in_flight = in_flight.clone();
    metrics.read(move |metrics| metrics.occupancy("oauth.max_in_flight", in_flight.occupancy()));
}

/// The creation of buckets.
pub(super) fn of_buckets(metrics: &Metrics, ensure_bucket: &Arc<EnsureBucket>) {
    metrics.read_from(ensure_bucket, |metrics, ensure_bucket| {
        metrics.occupancy("bucket-creations", ensure_bucket.creations());
        metrics.occupancy("bucket-rechecks", ensure_bucket.rechecks());
    });
}

/// The rotations of access keys.
pub(super) fn of_rotations(metrics: &Metrics, rotations: Rotations) {
    metrics.read(move |metrics| {
        for outcome in RotationOutcome::ALL {
            metrics.rotations(outcome.as_str(), rotations.ended(outcome));
        }
    });
}
