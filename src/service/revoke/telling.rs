//! Tells a store about one bucket, one process at a time, and takes back what is over.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, sleep, timeout};

use crate::domain::{BucketName, CallerId, Grant, Owner, OwnerPseudonym};
use crate::service::UpstreamError;
use crate::service::waiting::{Side, Waiting};

use super::parts::Part;
use super::{
    Ended, LONGEST_SESSION, RefusedSessions, RevokeError, RevokeSessions, SessionsOf, Statement,
    Strength, WhichSessions,
};

/// After how long another process may take a bucket's lock.
const LOCK: TimeDelta = TimeDelta::seconds(60);

/// How long a process may work under the lock: less, so that its last write is done by then.
const HOLD: Duration = Duration::from_secs(50);

/// How long to wait for another process's lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The pause before an attempt to release the lock: the registry may be about to take it.
const BETWEEN_RELEASES: Duration = Duration::from_secs(1);

/// The pause between two attempts to take the lock.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(100);

impl RevokeSessions {
    /// Takes back what stores were told about sessions that have expired. Returns how many statements
    /// that was. A bucket that fails does not keep the others waiting.
    ///
    /// # Errors
    ///
    /// [`RevokeError`] of the first that fails.
    pub async fn sweep(&self) -> Result<usize, RevokeError> {
        let now = self.end.clock.now();
        let over = self.registry.statements_over(now).await?;
        let (mut failure, waiting) = (None, Waiting::begin(Side::Registry));
        for statement in &over {
            let taken = self.locked(&statement.bucket, &waiting, self.take_back(statement, now));
            if let Err(error) = taken.await {
                failure = failure.or(Some(error));
            }
        }
        self.registry.forget_revocations(now).await?;
        failure.map_or(Ok(over.len()), Err)
    }

    /// Leaves a statement that another revocation has renewed since it was read.
    async fn take_back(
        &self,
        statement: &Statement,
        now: DateTime<Utc>,
    ) -> Result<(), RevokeError> {
        if !self
            .registry
            .statements_over(now)
            .await?
            .contains(statement)
        {
            return Ok(());
        }
        let revoker = &self.end.revoker;
        revoker.take_back(&statement.bucket, &statement.id).await?;
        Ok(self.registry.forget_statement(statement).await?)
    }

    /// Has the store end the sessions of one part, and records what it is told.
    pub(super) async fn tell(
        &self,
        of: &SessionsOf,
        part: &Part,
        grant: &Grant,
        patience: Duration,
        waiting: &Waiting,
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
        let ending = async {
            let (end, last) = (&self.end, part.last);
            let proving = end.prove(&part.owner, grant, last);
            let proof = match waiting.during(Side::Store, proving).await? {
                ControlFlow::Break(ended) => return Ok(ended),
                ControlFlow::Continue(proof) => proof,
            };
            // First: what a store was told must not be forgotten.
            let is_first = self.registry.add_statement(&statement).await?;
            let ending = end.end_with(&proof, &part.owner, refused, last, patience);
            let mut ended = waiting.during(Side::Store, ending).await?;
            if ended.refuses_new && is_first {
                let taking_back = end.revoker.take_back(&statement.bucket, &statement.id);
                waiting.during(Side::Store, taking_back).await?;
                ended.is_told = false;
            } else if ended.refuses_new {
                // The same statement refuses an earlier revocation's sessions, so it stays. If new ones are
                // refused because a clock is behind, that ends when the clock catches up.
                ended.strength = Strength::Immediate;
                tracing::warn!(
                    bucket = %statement.bucket,
                    "the store refuses new sessions, too, after a revocation"
                );
            }
            if is_first && !ended.is_told {
                self.registry.forget_statement(&statement).await?;
            }
            Ok(ended)
        };
        self.locked(&statement.bucket, waiting, ending).await
    }

    /// Does this while no other process tells the store about the bucket.
    async fn locked<T>(
        &self,
        bucket: &BucketName,
        waiting: &Waiting,
        work: impl Future<Output = Result<T, RevokeError>>,
    ) -> Result<T, RevokeError> {
        let until = self.lock(bucket, waiting).await?;
        let done = timeout(HOLD, work).await;
        if self.registry.unlock(bucket, until).await.is_err() {
            self.release(bucket, until);
        }
        done.unwrap_or_else(|_| {
            Err(UpstreamError::timeout("telling the store of a revocation").into())
        })
    }

    /// Returns when the lock ends. The time spent here is the store's: another process is telling it about
    /// the bucket.
    async fn lock(
        &self,
        bucket: &BucketName,
        waiting: &Waiting,
    ) -> Result<DateTime<Utc>, RevokeError> {
        let end = Instant::now() + LOCK_PATIENCE;
        loop {
            let now = self.end.clock.now();
            let until = now + LOCK;
            let taken = self.registry.lock(bucket, now, until).await;
            // The lock may be taken despite the error.
            if taken.inspect_err(|_| self.release(bucket, until))? {
                return Ok(until);
            }
            if Instant::now() >= end {
                return Err(RevokeError::Locked(bucket.clone()));
            }
            waiting.during(Side::Store, sleep(BETWEEN_ATTEMPTS)).await;
        }
    }

    /// Releases the lock once the registry works again, because the next revocation waits for it. A command
    /// ends before that.
    fn release(&self, bucket: &BucketName, until: DateTime<Utc>) {
        let (registry, clock) = (Arc::clone(&self.registry), Arc::clone(&self.end.clock));
        let bucket = bucket.clone();
        self.runtime.spawn(async move {
            while clock.now() < until {
                sleep(BETWEEN_RELEASES).await;
                if registry.unlock(&bucket, until).await.is_ok() {
                    return;
                }
            }
        });
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
