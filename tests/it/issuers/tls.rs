//! `issuers.<name>.ca_file`: an issuer with a certificate of a private authority.

use std::path::Path;

use serde_json::json;

use crate::support::{Authority, Setup, in_front_of};

use super::world::{CLUSTER_ISSUER, Party, cluster};

/// The keys behind a certificate for this machine.
async fn serve(cluster: &Party, authority: &Authority) -> String {
    let config = authority.certify("127.0.0.1");
    let server = in_front_of(&cluster.server.server.uri(), config).await;
    format!("{server}/jwks")
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
    let (cluster, private, other) = (
        cluster().await,
        Authority::generate(),
        Authority::generate(),
    );
    let folder = tempfile::tempdir().unwrap();
    let ca = private.write(folder.path(), "ca.pem");
    let other = other.write(folder.path(), "other.pem");
    let jwks = serve(&cluster, &private).await;
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
    let (cluster, private) = (cluster().await, Authority::generate());
    let folder = tempfile::tempdir().unwrap();
    let ca = private.write(folder.path(), "ca.pem");
    let jwks = serve(&cluster, &private).await;
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
