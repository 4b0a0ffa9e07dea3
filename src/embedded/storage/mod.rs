//! An S3 store with STS `AssumeRole` that really enforces signatures, session policies and
//! expiry. The S3 protocol is `s3s`, the files are `s3s-fs`, the policies are evaluated by
//! `iam-rs`; what those lack is mended here.

mod access;
mod actions;
mod failure;
mod index;
mod keys;
mod listing;
mod policy;
mod sessions;
mod sts;
mod vault;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use access::PolicyAccess;
use sessions::{Keys, Sessions};
use sts::AssumeRole;
use vault::Vault;

use super::random::hex_digits;

/// A running store; it stops when dropped.
#[derive(Debug)]
pub struct Storage {
    address: SocketAddr,
    identity: RootIdentity,
    accepting: JoinHandle<()>,
}

/// The one long-lived key of the store, made afresh at each start.
#[derive(Clone)]
pub struct RootIdentity {
    /// Names the key.
    pub access_key_id: String,
    /// Signs with it.
    pub secret_access_key: String,
}

impl std::fmt::Debug for RootIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RootIdentity").finish_non_exhaustive()
    }
}

impl Storage {
    /// Starts the store on loopback, over the files below `directory`. Port 0 is any free one.
    ///
    /// # Errors
    ///
    /// When the port is taken or the directory cannot be written.
    pub async fn start(port: u16, directory: PathBuf) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let identity = RootIdentity {
            access_key_id: format!("AKIA{}", hex_digits(8)?.to_uppercase()),
            secret_access_key: hex_digits(20)?,
        };
        let sessions = Arc::new(Sessions::new(identity.clone()));
        let vault = Vault::open(&directory).await?;
        let mut builder = S3ServiceBuilder::new(vault);
        builder.set_auth(Keys(Arc::clone(&sessions)));
        builder.set_access(PolicyAccess::new(Arc::clone(&sessions)));
        builder.set_route(AssumeRole::new(sessions));
        let accepting = tokio::spawn(accept(listener, builder.build()));
        Ok(Self {
            address,
            identity,
            accepting,
        })
    }

    /// Where the store listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Who may do everything.
    #[must_use]
    pub fn identity(&self) -> &RootIdentity {
        &self.identity
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, service: S3Service) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        // Small answers must not wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let service = service.clone();
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            let connection = server.serve_connection(TokioIo::new(stream), service);
            // A client that goes away in the middle is its own affair.
            let _ = connection.await;
        });
    }
}
