//! Tells a store about one bucket, one process at a time, and takes back what is over.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::{Instant, sleep};

use crate::domain::{BucketName, CallerId, Grant, Owner, OwnerPseudonym};

use super::parts::Part;
use super::{
    Ended, LONGEST_SESSION, RefusedSessions, RevokeError, RevokeSessions, SessionsOf, Statement,
    WhichSessions,
};

/// How long one process may keep a bucket's lock.
const LOCK: TimeDelta = TimeDelta::seconds(60);

/// How long to wait for another process's lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The pause between two attempts to take the lock.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(100);

impl RevokeSessions {
    /// Takes back what stores were told about sessions that have expired. Returns how many statements
    /// that was.
    ///
    /// # Errors
    ///
    /// [`RevokeError`] of the first that fails.
    pub async fn sweep(&self) -> Result<usize, RevokeError> {
        let now = self.end.clock.now();
        let over = self.registry.statements_over(now).await?;
        for statement in &over {
            self.lock(&statement.bucket).await?;
            let taken = self.end.revoker.take_back(&statement.bucket, &statement.id);
            let taken = taken.await;
            self.registry.unlock(&statement.bucket).await?;
            taken?;
            self.registry.forget_statement(statement).await?;
        }
        self.registry.forget_revocations(now).await?;
        Ok(over.len())
    }

    /// Has the store end the sessions of one part, and records what it is told.
    pub(super) async fn tell(
        &self,
        of: &SessionsOf,
        part: &Part,
        grant: &Grant,
        patience: Duration,
    ) -> Result<Ended, RevokeError> {
        let owner = self.end.formula.digest(&part.owner).pseudonym();
        let statement = Statement {
            bucket: grant.bucket.clone(),
            id: self.statement_id(of, &owner, &part.which),
            over_at: self.end.clock.now() + LONGEST_SESSION,
        };
        let refused = RefusedSessions {
            id: statement.id.clone(),
            owner,
            bucket: grant.bucket.clone(),
            which: part.which.clone(),
        };
        self.lock(&statement.bucket).await?;
        let ending = async {
            // First: what a store was told must not be forgotten.
            self.registry.add_statement(&statement).await?;
            let end = &self.end;
            let ended = end.end(&part.owner, grant, refused, part.last, patience);
            let ended = ended.await?;
            if !ended.is_told {
                self.registry.forget_statement(&statement).await?;
            }
            Ok(ended)
        };
        let ended = ending.await;
        self.registry.unlock(&statement.bucket).await?;
        ended
    }

    async fn lock(&self, bucket: &BucketName) -> Result<(), RevokeError> {
        let end = Instant::now() + LOCK_PATIENCE;
        loop {
            let now = self.end.clock.now();
            if self.registry.lock(bucket, now, now + LOCK).await? {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(RevokeError::Locked(bucket.clone()));
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
    }

    /// A later revocation for the same owner or caller takes the place of an earlier one, whose sessions
    /// it names, too.
    fn statement_id(
        &self,
        of: &SessionsOf,
        owner: &OwnerPseudonym,
        which: &WhichSessions,
    ) -> String {
        let further = match (which, of) {
            (WhichSessions::Before(_), _) => String::new(),
            (_, SessionsOf::Caller(caller)) => self.letters_and_digits(caller),
            _ => hex::encode(self.end.randomness.bits()),
        };
        format!("CloakroomRevoked{owner}{further}")
    }

    fn letters_and_digits(&self, caller: &CallerId) -> String {
        if let CallerId::Principal(principal) = caller {
            let owner = Owner::Principal(principal.clone());
            return self.end.formula.digest(&owner).pseudonym().to_string();
        }
        caller
            .id()
            .replace(|c: char| !c.is_ascii_alphanumeric(), "")
    }
}
