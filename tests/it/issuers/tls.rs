//! `issuers.<name>.ca_file`: an issuer with a certificate of a private authority.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::Setup;

use super::world::{CLUSTER_ISSUER, Party, cluster};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for this machine.
fn certified(by: &Authority) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, by).unwrap();
    let chain = vec![certificate.der().clone()];
    let key = key.serialize_der().try_into().unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    Arc::new(config.with_single_cert(chain, key).unwrap())
}

/// Serves these keys over TLS, whatever is asked for. Returns their address.
async fn serve(config: Arc<ServerConfig>, keys: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://127.0.0.1:{}/jwks",
        listener.local_addr().unwrap().port()
    );
    let body = json!({ "keys": [keys] }).to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(config);
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    url
}

fn write(folder: &Path, name: &str, authority: &Authority) -> PathBuf {
    let file = folder.join(name);
    fs::write(&file, authority.pem()).unwrap();
    file
}

fn of_cluster(cluster: &Party, jwks: &str) -> Setup {
    Setup::default()
        .key("issuers.cluster.issuer", CLUSTER_ISSUER)
        .key("issuers.cluster.audience", cluster.audience)
        .key("issuers.cluster.accept_typ", "none")
        .key("issuers.cluster.client_id", "fixed:cluster")
        .key("issuers.cluster.jwks_uri", jwks)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_with_a_private_authority_is_read_with_its_own_ca_file_only() {
    let (cluster, private, other) = (cluster().await, authority(), authority());
    let folder = tempfile::tempdir().unwrap();
    let ca = write(folder.path(), "ca.pem", &private);
    let other = write(folder.path(), "other.pem", &other);
    let jwks = serve(certified(&private), cluster.jwk()).await;
    let token = cluster.token();
    let with = |file: &Path| {
        of_cluster(&cluster, &jwks).key("issuers.cluster.ca_file", file.to_str().unwrap())
    };
    let trusting = with(&ca).spawn().await;
    assert_eq!(trusting.ask(&token).await.status, 200);
    let unavailable = (502, "identification-unavailable");
    let without = of_cluster(&cluster, &jwks).spawn().await;
    let answer = without.ask(&token).await;
    answer.assert_problem(unavailable.0, unavailable.1);
    let wrong = with(&other).spawn().await;
    let answer = wrong.ask(&token).await;
    answer.assert_problem(unavailable.0, unavailable.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ca_file_of_another_issuer_does_not_count() {
    let (cluster, private) = (cluster().await, authority());
    let folder = tempfile::tempdir().unwrap();
    let ca = write(folder.path(), "ca.pem", &private);
    let jwks = serve(certified(&private), cluster.jwk()).await;
    let app = of_cluster(&cluster, &jwks)
        .key("issuers.trusting.issuer", "https://trusting.example")
        .key("issuers.trusting.audience", "cloakroom")
        .key("issuers.trusting.jwks_uri", &jwks)
        .key("issuers.trusting.ca_file", ca.to_str().unwrap())
        .spawn()
        .await;
    let answer = app.ask(&cluster.token()).await;
    answer.assert_problem(502, "identification-unavailable");
    let of_trusting = cluster.token_but(|c| {
        c["iss"] = json!("https://trusting.example");
        c["aud"] = json!("cloakroom");
    });
    // Its keys were read: the token is refused for its typ.
    app.ask(&of_trusting)
        .await
        .assert_problem(401, "invalid-token");
}
