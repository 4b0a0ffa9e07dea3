//! TLS to the store, its STS and the APIs that make access keys.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{clients_that_trust, session_request};
use crate::adapters::SystemClock;
use crate::adapters::aws::{
    AwsClients, BucketRules, CephBroker, IamBroker, MinioBroker, S3Buckets, StsSessions,
};
use crate::domain::AccessKeyId;
use crate::service::{AccessKeyBroker, Buckets, Presence, Sessions, UpstreamErrorKind};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// A store without buckets, with a certificate for `name` that `authority` has signed, and the number of
/// requests that it was sent.
async fn https_store(authority: &Authority, name: &str) -> (SocketAddr, Arc<AtomicUsize>) {
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = parameters.signed_by(&key, authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::<AtomicUsize>::default();
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let Ok(mut connection) = acceptor.accept(connection).await else {
                continue;
            };
            if matches!(connection.read(&mut [0; 4096]).await, Ok(1..)) {
                seen.fetch_add(1, Ordering::SeqCst);
            }
            let _ = connection
                .write_all(b"HTTP/1.1 404 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await;
            let _ = connection.shutdown().await;
        }
    });
    (address, asked)
}

/// Asks by one way after the other, and returns whose request has arrived.
async fn arrives_by(clients: &AwsClients, asked: &AtomicUsize) -> Vec<&'static str> {
    let key = AccessKeyId::from_random([7; 16]);
    let ceph = CephBroker::new(clients, clients, "deployment").unwrap();
    let minio = MinioBroker::new(clients, clients, "deployment").unwrap();
    let iam = IamBroker::new(clients, clients, "deployment");
    let sts = StsSessions::new(clients, Arc::new(SystemClock));
    let session = session_request(Duration::from_hours(1));
    let mut arrived = Vec::new();
    for way in ["ceph", "minio", "iam", "sts"] {
        let before = asked.load(Ordering::SeqCst);
        let failed = match way {
            "ceph" => ceph.pairs(&key).await.is_err(),
            "minio" => minio.pairs(&key).await.is_err(),
            "iam" => iam.pairs(&key).await.is_err(),
            _ => sts.assume_role(session.clone()).await.is_err(),
        };
        if asked.load(Ordering::SeqCst) > before {
            arrived.push(way);
        } else {
            assert!(failed, "{way}");
        }
    }
    arrived
}

#[tokio::test]
async fn the_stores_certificate_needs_a_trusted_authority_and_the_right_name() {
    let (ours, anothers) = (authority(), authority());
    for (name, trusted, is_trusted) in [
        ("127.0.0.1", Some(&ours), true),
        ("127.0.0.1", Some(&anothers), false),
        ("127.0.0.1", None, false),
        ("s3.example", Some(&ours), false),
    ] {
        let (address, asked) = https_store(&ours, name).await;
        let authorities = trusted.map(|authority| authority.pem().into_bytes());
        let clients = clients_that_trust(format!("https://{address}"), authorities).await;
        let buckets = S3Buckets::new(&clients, BucketRules::default());
        match buckets.look(&"clients".parse().unwrap()).await {
            Ok(presence) => assert!(is_trusted && presence == Presence::Missing, "{name}"),
            Err(failure) => {
                assert!(!is_trusted, "{name}: {failure}");
                assert_eq!(failure.kind, UpstreamErrorKind::Unreachable, "{name}");
                assert_eq!(asked.load(Ordering::SeqCst), 0, "{name}");
            }
        }
        let arrived = arrives_by(&clients, &asked).await;
        let all = ["ceph", "minio", "iam", "sts"];
        assert_eq!(arrived, if is_trusted { &all[..] } else { &[] }, "{name}");
    }
}
