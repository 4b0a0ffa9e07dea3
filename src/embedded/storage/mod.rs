//! An S3 store with STS `AssumeRole` and IAM users that really enforces signatures, policies and
//! expiry. The S3 protocol is `s3s`, the files are `s3s-fs`, the policies are evaluated by
//! `iam-rs`; what those lack is mended here.

mod aws_query;
mod iam;
mod identities;
mod policy;
mod request_body;
mod request_log;
mod router;
mod s3;
mod sts;
mod sts_and_iam;

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

use identities::{Identities, SecretKeys, Users};
use router::Router;
use s3::{ObjectStore, PolicyAccess};
use sts_and_iam::StsAndIam;

pub use identities::RootIdentity;

/// A running store; it stops when dropped.
#[derive(Debug)]
pub struct Storage {
    address: SocketAddr,
    identity: RootIdentity,
    accepting: JoinHandle<()>,
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
        let identity = RootIdentity::generate()?;
        let objects = ObjectStore::open(&directory).await?;
        let users = Users::open(&directory.join("iam.json"))?;
        let identities = Arc::new(Identities::new(identity.clone(), users));
        let mut builder = S3ServiceBuilder::new(objects);
        builder.set_auth(SecretKeys(Arc::clone(&identities)));
        builder.set_access(PolicyAccess::new(Arc::clone(&identities)));
        let router = Router::new(builder.build(), StsAndIam::new(identities));
        let accepting = tokio::spawn(accept(listener, Arc::new(router)));
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

async fn accept(listener: TcpListener, router: Arc<Router>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        // Small answers must not wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let router = Arc::clone(&router);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let router = Arc::clone(&router);
                async move { router.serve(request).await }
            });
            let server = auto::Builder::new(TokioExecutor::new());
            let connection = server.serve_connection(TokioIo::new(stream), service);
            // A client that goes away in the middle is its own affair.
            let _ = connection.await;
        });
    }
}
