//! Builds what `cloakroom doctor` and `serve --doctor` need.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::adapters::aws::{
    AwsClients, S3Attacker, S3Buckets, S3ThrowAway, StoreRevoker, StsSessions,
};
use crate::adapters::oauth::{InFlightLimit, OauthHttp};
use crate::adapters::{DoctorRegistry, DoctorUpstreams, OsRandomness, SystemClock, UpstreamCalls};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::service::Clock;
use crate::service::doctor::{Doctor, DoctorPorts, DoctorSettings, Outcome, Report};

use super::issuers::{self, KeysOf};
use super::parts::{aws_settings, discovery, introspection, jwks};
use super::{StartError, access_keys};

/// The deployment that throw-away access keys are named after.
const DEPLOYMENT: &str = "doctor";

/// The pause before a failed run of `serve --doctor` is repeated.
const AGAIN: Duration = Duration::from_secs(30);

/// [`Doctor`] for the configured deployment, with the gateway's adapters.
///
/// # Errors
///
/// [`StartError`] names the configuration key at fault.
pub async fn doctor(config: &Config) -> Result<Doctor, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let oauth = &config.oauth;
    let oauth_http = OauthHttp::new(oauth.authorities.clone())?;
    let discovery = discovery(config, oauth_http.clone());
    let issuer_keys = issuers::keys(config, &UpstreamCalls::default())?;
    let clients = AwsClients::new(aws_settings(&config.storage)).await?;
    let asked = oauth.client.as_ref().filter(|_| oauth.validation.asks());
    let oauth_keys = || {
        let in_flight = InFlightLimit::new(oauth.max_in_flight);
        jwks(&oauth_http, &discovery, in_flight)
    };
    let ports = DoctorPorts {
        introspection: asked
            .map(|client| introspection(config, client, &oauth_http, &discovery, &clock)),
        access_keys: Box::pin(access_keys::broker(config, &clients, DEPLOYMENT)).await?,
        buckets: Arc::new(S3Buckets::new(&clients, config.buckets.rules.clone())),
        throw_away: Arc::new(S3ThrowAway::new(&clients)),
        sessions: Arc::new(StsSessions::new(&clients, Arc::clone(&clock))),
        attacker: Arc::new(S3Attacker::new(&clients)?),
        revoker: Arc::new(StoreRevoker::new(&clients)?),
        areas: Arc::new(DoctorRegistry {
            url: config.database.url.clone(),
        }),
        randomness: Arc::new(OsRandomness),
        upstreams: Arc::new(DoctorUpstreams {
            jwks: oauth.validation.reads().then(oauth_keys),
            issuers: issuer_keys.into_iter().map(KeysOf::into_pair).collect(),
            discovery: Arc::clone(&discovery),
            oauth_http: oauth_http.clone(),
            store: clients.clone(),
            clock: Arc::clone(&clock),
        }),
        clock,
    };
    let settings = DoctorSettings {
        formula: config.naming.formula.clone(),
        session_policies: config.storage.session_policies(),
        session_duration: config.storage.session_duration,
        spreads_policies: config.storage.engine.spreads_policies(),
    };
    Ok(Doctor::new(ports, settings))
}

/// Repeats the checks until all pass, or the gateway stops.
pub(super) async fn prove(
    doctor: Doctor,
    proven: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let mut stopped = stop.clone();
        let report = doctor.examine(until(&mut stopped)).await;
        if report.interrupted {
            return;
        }
        if report.is_sound() {
            tracing::info!(checks = report.checks.len(), "doctor: isolation holds");
            let now = SystemClock.now().timestamp();
            metrics.doctor_succeeded(now.try_into().unwrap_or_default());
            proven.store(true, Ordering::Release);
            return;
        }
        log_failures(&report);
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = until(&mut stop) => return,
        }
    }
}

/// Resolves when told to stop; never if the sender is gone.
async fn until(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stopped| *stopped).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn log_failures(report: &Report) {
    for check in report.failures() {
        if let Outcome::Failed(why) = &check.outcome {
            tracing::error!(check = check.name, why, "doctor: not ready");
        }
    }
}
