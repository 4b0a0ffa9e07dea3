//! Connections that are kept open for the next statement.
//!
//! A connection is given back by a statement that has had its answer, and by nothing else. One
//! whose statement was given up (no answer in time, the caller left) is closed without waiting:
//! the other end may be gone without a word, as behind a firewall that drops idle connections.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use deadpool::Runtime;
use deadpool::managed::{
    self, Metrics, Object, PoolError, QueueMode, RecycleError, RecycleResult, Timeouts,
};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use sqlx::any::{Any, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::{AnyConnection, Connection, Describe, Either, Error, Execute, Executor, SqlStr};

use super::opener::Opener;

/// How long a statement waits for its turn.
const WAIT: Duration = Duration::from_secs(3);

/// How long a connection that was not used is believed to be there still.
const FRESH: Duration = Duration::from_secs(1);

/// How long one that may be gone is waited for.
const PING_TIMEOUT: Duration = Duration::from_millis(500);

/// How long PostgreSQL may take for a statement. What waits for the connection meanwhile must still
/// have time for its own.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Shorter than firewalls and NAT gateways remember an idle connection: 240 s is the shortest
/// default of the large clouds.
const IDLE_LIMIT: Duration = Duration::from_mins(1);

/// How old a connection gets: a database that has moved to another address is found by then.
const MAX_LIFETIME: Duration = Duration::from_mins(30);

/// How long a connection may take to say goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Connections to one database, which are shared.
#[derive(Clone)]
pub(super) struct Connections(managed::Pool<Opener>);

/// A place in the pool; empty while its connection is in use.
#[derive(Debug)]
pub(super) struct Slot(Option<Kept>);

#[derive(Debug)]
struct Kept {
    connection: AnyConnection,
    opened: Instant,
    used: Instant,
    /// [`Opener::generation`] when it last answered.
    generation: u64,
}

/// A connection in use. It is closed unless it is given back.
pub(super) struct Lease {
    connection: AnyConnection,
    opened: Instant,
    slot: Object<Opener>,
    pool: Connections,
}

/// A transaction. Dropped before its commit, it closes its connection and so is rolled back.
pub(super) struct Transaction(Lease);

impl Connections {
    /// At most so many at a time.
    pub(super) fn new(opener: Opener, size: usize) -> Result<Self, Error> {
        let timeouts = Timeouts {
            wait: Some(WAIT),
            ..Timeouts::default()
        };
        managed::Pool::builder(opener)
            .max_size(size)
            .timeouts(timeouts)
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build()
            .map(Self)
            .map_err(|error| Error::Configuration(error.into()))
    }

    /// One of them.
    pub(super) async fn acquire(&self) -> Result<Lease, Error> {
        let mut slot = self.0.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Closed => Error::PoolClosed,
            _ => Error::PoolTimedOut,
        })?;
        let kept = slot.0.take().ok_or(Error::WorkerCrashed)?;
        self.check_file()?;
        Ok(Lease {
            connection: kept.connection,
            opened: kept.opened,
            slot,
            pool: self.clone(),
        })
    }

    /// A transaction on one of them.
    pub(super) async fn begin(&self) -> Result<Transaction, Error> {
        let mut lease = self.acquire().await?;
        lease.connection.execute("BEGIN").await?;
        Ok(Transaction(lease))
    }

    /// Whether the database's file is still the one that was opened first, where it is a file.
    fn check_file(&self) -> Result<(), Error> {
        self.0.manager().check_file()
    }

    /// Closes those that nobody has used for a while.
    pub(super) async fn close_idle(&self) {
        self.close_those(|kept| self.0.manager().is_spent(kept))
            .await;
    }

    /// Closes all; there are no more from now on.
    pub(super) async fn close(&self) {
        self.close_those(|_| true).await;
        self.0.close();
    }

    async fn close_those(&self, is_one: impl Fn(&Kept) -> bool) {
        let slots = self
            .0
            .retain(|slot, _| !slot.0.as_ref().is_none_or(&is_one));
        let closing = slots.removed.into_iter().filter_map(|slot| slot.0);
        let closing = closing.map(|kept| close(kept.connection));
        futures_util::future::join_all(closing).await;
    }
}

/// Closes a connection as the protocol wants it, if that does not take long.
pub(super) async fn close(connection: AnyConnection) {
    // Whatever comes of it, the connection is closed when it is dropped.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, connection.close()).await;
}

impl Opener {
    /// Whether it should not be used any more.
    fn is_spent(&self, kept: &Kept) -> bool {
        !self.is_sqlite()
            && (kept.generation != self.generation()
                || kept.used.elapsed() > IDLE_LIMIT
                || kept.opened.elapsed() > MAX_LIFETIME)
    }
}

impl managed::Manager for Opener {
    type Type = Slot;
    type Error = Error;

    async fn create(&self) -> Result<Slot, Error> {
        let now = Instant::now();
        Ok(Slot(Some(Kept {
            connection: self.open_for_statements().await?,
            opened: now,
            used: now,
            generation: self.generation(),
        })))
    }

    async fn recycle(&self, slot: &mut Slot, _: &Metrics) -> RecycleResult<Error> {
        let Some(kept) = &mut slot.0 else {
            return Err(RecycleError::message("its statement was given up"));
        };
        if self.is_spent(kept) {
            return Err(RecycleError::message("spent"));
        }
        // A file does not hang up.
        if self.is_sqlite() || kept.used.elapsed() < FRESH {
            return Ok(());
        }
        let pinged = tokio::time::timeout(PING_TIMEOUT, kept.connection.ping()).await;
        let Ok(answer) = pinged else {
            self.next_generation();
            return Err(RecycleError::message("no answer"));
        };
        Ok(answer?)
    }
}

impl Lease {
    /// Keeps the connection for the next statement.
    pub(super) fn give_back(self) {
        let Self {
            connection,
            opened,
            mut slot,
            pool,
        } = self;
        slot.0 = Some(Kept {
            connection,
            opened,
            used: Instant::now(),
            generation: pool.0.manager().generation(),
        });
    }

    /// Runs something on the connection, no longer than a statement may take.
    pub(super) async fn run<T>(
        mut self,
        statement: impl AsyncFnOnce(&mut AnyConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let pool = self.pool.clone();
        let opener = pool.0.manager();
        // SQLite waits for other processes by itself.
        let limit = if opener.is_sqlite() {
            Duration::MAX
        } else {
            ANSWER_TIMEOUT
        };
        let Ok(done) = tokio::time::timeout(limit, statement(&mut self.connection)).await else {
            opener.next_generation();
            return Err(Error::Io(std::io::ErrorKind::TimedOut.into()));
        };
        if has_answered(&done) {
            self.give_back();
        }
        // What was written into a file that was removed meanwhile is lost.
        opener.check_file()?;
        done
    }
}

/// Whether the database has answered and the connection is in order (`PostgreSQL` appendix A:
/// classes 08 and 57P say that it is not).
fn has_answered<T>(done: &Result<T, Error>) -> bool {
    match done {
        Ok(_) => true,
        Err(error @ Error::Database(_)) => !is_lost(error),
        Err(_) => false,
    }
}

/// Whether it is the connection that failed, rather than the statement.
pub(super) fn is_lost(error: &Error) -> bool {
    match error {
        Error::Io(_) => true,
        Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("08") || code.starts_with("57P")),
        _ => false,
    }
}

impl Deref for Lease {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}

impl Transaction {
    /// Makes the changes last.
    pub(super) async fn commit(self) -> Result<(), Error> {
        self.end("COMMIT").await
    }

    /// Takes the changes back.
    pub(super) async fn rollback(self) -> Result<(), Error> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, statement: &'static str) -> Result<(), Error> {
        self.0.connection.execute(statement).await?;
        let pool = self.0.pool.clone();
        self.0.give_back();
        pool.check_file()
    }
}

impl Deref for Transaction {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.0
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connections").finish_non_exhaustive()
    }
}

/// One statement, on any of them.
impl<'p> Executor<'p> for &'_ Connections {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let connections = self.clone();
        let all = async move {
            let lease = connections.acquire().await?;
            let all: Vec<_> = lease
                .run(async |connection| connection.fetch_many(query).try_collect().await)
                .await?;
            Ok::<_, Error>(stream::iter(all).map(Ok))
        };
        stream::once(all).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let connections = self.clone();
        Box::pin(async move {
            let lease = connections.acquire().await?;
            lease
                .run(async |connection| connection.fetch_optional(query).await)
                .await
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, Error>>
    where
        'p: 'e,
    {
        let connections = self.clone();
        Box::pin(async move {
            let lease = connections.acquire().await?;
            lease
                .run(async |connection| connection.prepare_with(sql, parameters).await)
                .await
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Any>, Error>>
    where
        'p: 'e,
    {
        let connections = self.clone();
        Box::pin(async move {
            let lease = connections.acquire().await?;
            lease
                .run(async |connection| connection.describe(sql).await)
                .await
        })
    }
}
