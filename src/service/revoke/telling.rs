//! Tells a store about one bucket, one process at a time, and takes back what is over.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, sleep, timeout};

use crate::domain::{BucketName, CallerId, Grant, Owner, OwnerPseudonym};
use crate::service::UpstreamError;

use super::parts::Part;
use super::store_wait::StoreWait;
use super::{
    Ended, LONGEST_SESSION, RefusedSessions, RevokeError, RevokeSessions, SessionsOf, Statement,
    WhichSessions,
};

/// After how long another process may take a bucket's lock.
const LOCK: TimeDelta = TimeDelta::seconds(60);

/// How long a process may work under the lock: less, so that its last write is done by then.
const HOLD: Duration = Duration::from_secs(50);

/// How long to wait for another process's lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

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
        let (mut failure, store_wait) = (None, StoreWait::default());
        for statement in &over {
            let taken = self.locked(
                &statement.bucket,
                &store_wait,
                self.take_back(statement, now),
            );
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
        store_wait: &StoreWait,
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
            // First: what a store was told must not be forgotten.
            self.registry.add_statement(&statement).await?;
            let (end, patience) = (&self.end, store_wait.patience);
            let ending = end.end(&part.owner, grant, refused, part.last, patience);
            let ended = store_wait.count(ending).await?;
            if !ended.is_told {
                self.registry.forget_statement(&statement).await?;
            }
            Ok(ended)
        };
        self.locked(&statement.bucket, store_wait, ending).await
    }

    /// Does this while no other process tells the store about the bucket.
    async fn locked<T>(
        &self,
        bucket: &BucketName,
        store_wait: &StoreWait,
        work: impl Future<Output = Result<T, RevokeError>>,
    ) -> Result<T, RevokeError> {
        let until = self.lock(bucket, store_wait).await?;
        let done = timeout(HOLD, work).await;
        self.registry.unlock(bucket, until).await?;
        done.unwrap_or_else(|_| {
            Err(UpstreamError::timeout("telling the store of a revocation").into())
        })
    }

    /// Returns until when the bucket is locked. Whoever has the lock meanwhile waits for the store.
    async fn lock(
        &self,
        bucket: &BucketName,
        store_wait: &StoreWait,
    ) -> Result<DateTime<Utc>, RevokeError> {
        let end = Instant::now() + LOCK_PATIENCE;
        loop {
            let now = self.end.clock.now();
            let until = now + LOCK;
            if self.registry.lock(bucket, now, until).await? {
                return Ok(until);
            }
            if Instant::now() >= end {
                return Err(RevokeError::Locked(bucket.clone()));
            }
            store_wait.count(sleep(BETWEEN_ATTEMPTS)).await;
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
