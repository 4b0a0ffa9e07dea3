//! Checks of the authorization server and of the clocks.

use chrono::TimeDelta;

use crate::domain::AccessToken;
use crate::service::UpstreamError;

use super::{Doctor, Outcome, Report};

/// How far clocks may differ.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(30);

impl Doctor {
    pub(super) async fn upstreams(&self, report: &mut Report) {
        let upstreams = &self.ports.upstreams;
        report
            .check("the authorization server's metadata can be read", async {
                upstreams.discovery().await.into()
            })
            .await;
        report
            .check("a random token is inactive", self.random_token())
            .await;
        report
            .check("the keys that sign tokens can be read", async {
                match upstreams.keys().await {
                    None => Outcome::Skipped("oauth.validation is introspection".to_owned()),
                    Some(read) => read.into(),
                }
            })
            .await;
        for (issuer, read) in upstreams.issuer_keys().await {
            let name = format!("the keys of {issuer} can be read");
            report.check(name, async { read.into() }).await;
        }
        report
            .check(
                "the authorization server's clock agrees within 30 s",
                async { agrees(upstreams.authorization_server_clock().await) },
            )
            .await;
        report
            .check("the store's clock agrees within 30 s", async {
                agrees(upstreams.store_clock().await)
            })
            .await;
    }

    async fn random_token(&self) -> Outcome {
        let Some(introspection) = &self.ports.introspection else {
            return Outcome::Skipped(
                "oauth.validation is jwt: tokens are not introspected".to_owned(),
            );
        };
        let Ok(token) = AccessToken::parse(&hex::encode(self.ports.randomness.bits())) else {
            return Outcome::Failed("no token could be made".to_owned());
        };
        match introspection.introspect(&token).await {
            Ok(claims) if claims.active => Outcome::Failed(
                "the authorization server calls it active: any made-up token is accepted"
                    .to_owned(),
            ),
            Ok(_) => Outcome::Passed,
            Err(failure) => Outcome::Failed(failure.to_string()),
        }
    }
}

fn agrees(ahead: Result<Option<TimeDelta>, UpstreamError>) -> Outcome {
    match ahead {
        Ok(None) => Outcome::Skipped("its answers do not say what time it is (Date)".to_owned()),
        Ok(Some(ahead)) if ahead.abs() <= CLOCK_TOLERANCE => Outcome::Passed,
        Ok(Some(ahead)) => Outcome::Failed(format!(
            "it is {} s ahead of this machine's: set the clocks",
            ahead.num_seconds()
        )),
        Err(failure) => Outcome::Failed(failure.to_string()),
    }
}
