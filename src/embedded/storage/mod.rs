//! An S3 store with STS `AssumeRole` and IAM users that really enforces signatures, policies and
//! expiry. The S3 protocol is `s3s`, the files are `s3s-fs`, the policies are evaluated by
//! `iam-rs`; what those lack is mended here.

mod access;
mod actions;
mod door;
mod errors;
mod failure;
mod iam;
mod index;
mod keys;
mod listing;
mod policy;
mod query;
mod request_log;
mod sessions;
mod signers;
mod sts;
mod unread;
mod vault;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use access::PolicyAccess;
use door::Door;
use iam::Users;
use query::Query;
use signers::{Secrets, Signers};
use vault::Vault;

use super::random::hex_digits;

/// A running store; it stops when dropped.
#[derive(Debug)]
pub struct Storage {
    address: SocketAddr,
    identity: RootIdentity,
    accepting: JoinHandle<()>,
}

/// Who may do everything: a key that is made afresh at each start.
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
    /// When the port is taken, the directory cannot be written, or the users that an earlier run
    /// left there cannot be read.
    pub async fn start(port: u16, directory: PathBuf) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let identity = RootIdentity {
            access_key_id: format!("AKIA{}", hex_digits(8)?.to_uppercase()),
            secret_access_key: hex_digits(20)?,
        };
        let vault = Vault::open(&directory).await?;
        let users = Users::open(&directory.join("iam.json"))?;
        let signers = Arc::new(Signers::new(identity.clone(), users));
        let mut builder = S3ServiceBuilder::new(vault);
        builder.set_auth(Secrets(Arc::clone(&signers)));
        builder.set_access(PolicyAccess::new(Arc::clone(&signers)));
        let door = Door::new(builder.build(), Query::new(signers));
        let accepting = tokio::spawn(accept(listener, Arc::new(door)));
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

async fn accept(listener: TcpListener, door: Arc<Door>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        // Small answers must not wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let door = Arc::clone(&door);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let door = Arc::clone(&door);
                async move { door.serve(request).await }
            });
            let server = auto::Builder::new(TokioExecutor::new());
            let connection = server.serve_connection(TokioIo::new(stream), service);
            // A client that goes away in the middle is its own affair.
            let _ = connection.await;
        });
    }
}
