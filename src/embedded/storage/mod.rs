//! An S3 store with STS `AssumeRole` and IAM users that really enforces signatures, policies and
//! expiry. `s3s` speaks the S3 protocol, `s3s-fs` keeps the files, and `iam-rs` evaluates the
//! policies; this module adds what they lack.

mod aws_query;
mod bucket_policies;
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
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::embedded::clock::Clock;

use bucket_policies::BucketPolicies;
use identities::{Identities, Users};
use router::Router;
use s3::{Access, ObjectStore};
use sts_and_iam::StsAndIam;

pub use identities::RootIdentity;

/// A running store; it stops when dropped.
#[derive(Debug)]
pub struct Storage {
    address: SocketAddr,
    identity: RootIdentity,
    clock: Clock,
    _accepting: AbortOnDropHandle<()>,
}

impl Storage {
    /// Starts the store on loopback, with its files below `directory`. Port 0 takes any free port.
    ///
    /// # Errors
    ///
    /// When the port is taken, the directory cannot be written, or the users of an earlier run
    /// cannot be read.
    pub async fn start(port: u16, directory: PathBuf) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let identity = RootIdentity::generate()?;
        let policies = Arc::<BucketPolicies>::default();
        let objects = ObjectStore::open(&directory, Arc::clone(&policies)).await?;
        let users = Users::open(&directory.join("iam.json"))?;
        let clock = Clock::default();
        let identities = Arc::new(Identities::new(identity.clone(), users, clock.clone()));
        let cors = objects.cors();
        let mut builder = S3ServiceBuilder::new(objects);
        let access = Access {
            identities: Arc::clone(&identities),
            policies,
        };
        builder.set_auth(access.clone());
        builder.set_access(access);
        let router = Router::new(builder.build(), cors, StsAndIam(identities));
        let accepting = tokio::spawn(accept(listener, Arc::new(router)));
        Ok(Self {
            address,
            identity,
            clock,
            _accepting: AbortOnDropHandle::new(accepting),
        })
    }

    /// Where the store listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Moves the clock ahead by which sessions end. All else goes on by the machine's.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The root of the store.
    #[must_use]
    pub fn identity(&self) -> &RootIdentity {
        &self.identity
    }
}

async fn accept(listener: TcpListener, router: Arc<Router>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        // A small response must not wait until the one before it is acknowledged.
        let _ = stream.set_nodelay(true);
        let router = Arc::clone(&router);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let router = Arc::clone(&router);
                async move { router.serve(request).await }
            });
            let server = auto::Builder::new(TokioExecutor::new());
            let connection = server.serve_connection(TokioIo::new(stream), service);
            // Clients may go away at any time.
            let _ = connection.await;
        });
    }
}
