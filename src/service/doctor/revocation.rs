//! Checks that sessions can be ended, and that others' go on.

use std::time::Duration;

use chrono::TimeDelta;

use crate::service::{
    EndSessions, LastExpiry, RefusedSessions, Strength, UpstreamError, WhichSessions,
};

use super::{Doctor, OBJECT, Outcome, Report, S3Operation, TestOwner};

/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(10);

const BY: &str = "after cloakroom revoke";

impl Doctor {
    /// Revokes the first one's sessions.
    pub(super) async fn revocation(
        &self,
        report: &mut Report,
        revoked: &TestOwner,
        other: &TestOwner,
    ) {
        let mut is_immediate = false;
        let ending = async {
            let ended = self.end_sessions_of(revoked).await;
            is_immediate = ended == Ok(Strength::Immediate);
            match ended {
                Ok(Strength::Immediate) => Outcome::Passed,
                Ok(Strength::Within(_)) => {
                    Outcome::Skipped("the store takes minutes, which is not waited for".to_owned())
                }
                Ok(Strength::AtExpiry { why, .. }) => {
                    Outcome::Skipped(format!("sessions end at their expiry only: {why}"))
                }
                Err(why) => Outcome::Failed(why),
            }
        };
        report.check("sessions can be revoked", ending).await;
        if !is_immediate {
            return;
        }
        let get = S3Operation::Get(revoked.object(OBJECT));
        let name = format!("{BY}, refused: get by a session from before");
        report.check(name, self.refused(revoked, get)).await;
        let name = format!("{BY}: a new session");
        if let Some(new) = self.test_owner(report, &name, revoked.grant.clone()).await {
            let name = format!("{BY}: get by the new session");
            report.check(name, self.allowed(&new, get)).await;
        }
        let get = S3Operation::Get(other.object(OBJECT));
        let name = format!("{BY}: get by another owner's session from before");
        report.check(name, self.allowed(other, get)).await;
        let id = id_of(revoked);
        let taken_back = self.ports.revoker.take_back(revoked.bucket(), &id);
        let name = format!("{BY}: the store forgets it");
        report.check(name, async { taken_back.await.into() }).await;
    }

    async fn end_sessions_of(&self, revoked: &TestOwner) -> Result<Strength, String> {
        let (ports, settings) = (&self.ports, &self.settings);
        let end = EndSessions {
            sessions: ports.sessions.clone(),
            revoker: ports.revoker.clone(),
            clock: ports.clock.clone(),
            randomness: ports.randomness.clone(),
            formula: settings.formula.clone(),
            session_policies: settings.session_policies.clone(),
            session_duration: settings.session_duration,
            spreads: settings.spreads_policies,
        };
        let owner = Self::owner_of(revoked.bucket())?;
        let now = ports.clock.now();
        let refused = RefusedSessions {
            id: id_of(revoked),
            owner: settings.formula.digest(&owner).pseudonym(),
            bucket: revoked.bucket().clone(),
            which: WhichSessions::Before(now),
        };
        let last = LastExpiry {
            at: now + TimeDelta::from_std(settings.session_duration).unwrap_or_default(),
            is_live: true,
        };
        let ending = end.end(&owner, &revoked.grant, refused, last, PATIENCE);
        let ended = ending.await;
        Ok(ended
            .map_err(|failure: UpstreamError| failure.to_string())?
            .strength)
    }
}

/// Letters and digits.
fn id_of(revoked: &TestOwner) -> String {
    let bucket = revoked.bucket().as_str().bytes();
    let digits = bucket.filter(u8::is_ascii_alphanumeric).map(char::from);
    format!("CloakroomDoctor{}", digits.collect::<String>())
}
