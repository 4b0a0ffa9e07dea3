//! The options, the file and the state that all connections to one database share.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use sqlx::any::AnyConnectOptions;
use sqlx::error::DatabaseError;
use sqlx::{AnyConnection, Error, Executor};
use tokio::runtime::Handle;

use super::connect::{POSTGRES_SETTINGS, in_time, open};
use super::file::DatabaseFile;

/// Opens connections to one database.
#[derive(Clone)]
pub(super) struct Opener(Arc<Inner>);

struct Inner {
    options: RwLock<AnyConnectOptions>,
    /// The file, if the database is one.
    file: Option<DatabaseFile>,
    /// Counts how often connections were found dead.
    generation: AtomicU64,
    /// Settings that the server has refused, so that each is logged once.
    refused: Mutex<BTreeSet<&'static str>>,
    /// The runtime of the connections, which must outlive all others.
    runtime: Handle,
}

impl Opener {
    /// Opens connections with these options, to this file, on the current runtime.
    pub(super) fn new(options: AnyConnectOptions, file: Option<DatabaseFile>) -> Self {
        Self(Arc::new(Inner {
            options: RwLock::new(options),
            file,
            generation: AtomicU64::default(),
            refused: Mutex::default(),
            runtime: Handle::current(),
        }))
    }

    pub(super) fn is_sqlite(&self) -> bool {
        self.0.file.is_some()
    }

    pub(super) fn file(&self) -> Option<&DatabaseFile> {
        self.0.file.as_ref()
    }

    /// Fails when the file was removed or replaced.
    pub(super) fn check_file(&self) -> Result<(), Error> {
        self.0.file.as_ref().map_or(Ok(()), DatabaseFile::check)
    }

    pub(super) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    pub(super) fn next_generation(&self) {
        self.0.generation.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn options(&self) -> AnyConnectOptions {
        let options = self.0.options.read();
        options.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets other options, for connections that are opened from now on.
    pub(super) fn set_options(&self, options: AnyConnectOptions) {
        let mut current = self.0.options.write();
        **current
            .as_mut()
            .unwrap_or_else(|poisoned| poisoned.get_mut()) = options;
    }

    /// A connection for statements of requests, which must not take long.
    pub(super) async fn open_for_statements(&self) -> Result<AnyConnection, Error> {
        let opener = self.clone();
        let opening = self.0.runtime.spawn(async move {
            let mut connection = opener.open().await?;
            if !opener.is_sqlite() {
                // A pooler may accept the login itself and only then wait for a server.
                in_time(opener.limit(&mut connection)).await?;
            }
            Ok(connection)
        });
        opening.await.map_err(|_| Error::WorkerCrashed)?
    }

    /// Sets limits. Servers that only resemble `PostgreSQL` may lack one; the others still apply.
    async fn limit(&self, connection: &mut AnyConnection) -> Result<(), Error> {
        for setting in POSTGRES_SETTINGS {
            match connection.execute(setting).await {
                Ok(_) => {}
                Err(Error::Database(error)) => self.warn_once(setting, error.as_ref()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn warn_once(&self, setting: &'static str, error: &dyn DatabaseError) {
        let refused = self.0.refused.lock();
        let is_new = refused
            .unwrap_or_else(PoisonError::into_inner)
            .insert(setting);
        if is_new {
            tracing::warn!(
                setting,
                %error,
                "the database refuses a setting; set an equivalent limit at the server"
            );
        }
    }

    /// A connection without limits, for statements that may take their time.
    pub(super) async fn open(&self) -> Result<AnyConnection, Error> {
        open(&self.options()).await
    }
}

impl fmt::Debug for Opener {
    /// The options hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opener").finish_non_exhaustive()
    }
}
