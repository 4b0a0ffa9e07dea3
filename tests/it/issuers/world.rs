//! A gateway with `oauth.issuer` and three named issuers. Each of them signs with a key of the same
//! name.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::support::{AUDIENCE, App, Issuer, Setup, SigningKey, seconds};

pub(super) const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";
pub(super) const CLUSTER_ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
pub(super) const TRUST_DOMAIN: &str = "spiffe://example.org";

/// An issuer, its key and what a good token of it looks like.
pub(super) struct Party {
    pub(super) name: &'static str,
    pub(super) audience: &'static str,
    pub(super) server: Issuer,
    pub(super) key: SigningKey,
    /// The token's header, without `alg` and `kid`.
    header: Value,
    claims: Value,
}

pub(super) struct World {
    pub(super) app: App,
    pub(super) oauth: Party,
    pub(super) github: Party,
    pub(super) cluster: Party,
    pub(super) mesh: Party,
}

impl Party {
    async fn new(name: &'static str, audience: &'static str, header: Value, claims: Value) -> Self {
        let server = Issuer::start().await;
        let key = SigningKey::generate("one", Algorithm::ES256);
        let mut party = Self {
            name,
            audience,
            server,
            key,
            header,
            claims,
        };
        let times = [("iat", seconds()), ("exp", seconds() + 300)];
        party.claims["aud"] = json!(audience);
        for (claim, time) in times {
            party.claims[claim] = json!(time);
        }
        party.server.publish(&[party.jwk()]).await;
        party
    }

    pub(super) fn jwk(&self) -> Value {
        let mut jwk = self.key.jwk();
        if self.name == "mesh" {
            jwk["use"] = json!("jwt-svid");
        }
        jwk
    }

    pub(super) fn header(&self) -> Value {
        let mut header = self.header.clone();
        header["alg"] = json!("ES256");
        header["kid"] = json!(self.key.kid);
        header
    }

    /// The claims of a good token, with a change.
    pub(super) fn but(&self, change: impl FnOnce(&mut Value)) -> Value {
        let mut claims = self.claims.clone();
        change(&mut claims);
        claims
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        self.key
            .sign_raw(&self.header().to_string(), &claims.to_string())
    }

    /// A good token.
    pub(super) fn token(&self) -> String {
        self.sign(&self.claims)
    }

    /// A token with changed claims.
    pub(super) fn token_but(&self, change: impl FnOnce(&mut Value)) -> String {
        self.sign(&self.but(change))
    }

    /// A token with a changed header.
    pub(super) fn token_under(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut header = self.header();
        change(&mut header);
        self.key
            .sign_raw(&header.to_string(), &self.claims.to_string())
    }
}

pub(super) async fn github() -> Party {
    // As https://docs.github.com/actions/reference/openid-connect-reference shows them.
    let claims = json!({
        "iss": GITHUB_ISSUER,
        "sub": "repo:acme/app:ref:refs/heads/main",
        "repository": "acme/app",
        "repository_id": "74",
        "repository_owner": "acme",
        "repository_owner_id": "1234",
        "ref": "refs/heads/main",
        "ref_type": "branch",
        "ref_protected": "true",
        "actor": "octocat",
        "workflow_ref": "acme/app/.github/workflows/ci.yml@refs/heads/main",
        "runner_environment": "github-hosted",
        "jti": "1",
    });
    Party::new(
        "github",
        "cloakroom-github",
        json!({ "typ": "JWT" }),
        claims,
    )
    .await
}

pub(super) async fn cluster() -> Party {
    let claims = json!({
        "iss": CLUSTER_ISSUER,
        "sub": "system:serviceaccount:team-a:worker",
        "kubernetes.io": {
            "namespace": "team-a",
            "pod": { "name": "worker-0", "uid": "1" },
            "serviceaccount": { "name": "worker", "uid": "2" },
        },
    });
    // The API server writes no `typ`.
    Party::new("cluster", "cloakroom-cluster", json!({}), claims).await
}

pub(super) async fn mesh() -> Party {
    let claims = json!({ "sub": format!("{TRUST_DOMAIN}/ns/team-a/sa/worker") });
    Party::new("mesh", "cloakroom-mesh", json!({ "typ": "JWT" }), claims).await
}

async fn oauth() -> Party {
    let claims = json!({
        "sub": "alice",
        "client_id": "demo",
        "scope": crate::support::SCOPE,
    });
    let mut oauth = Party::new("oauth", AUDIENCE, json!({ "typ": "at+jwt" }), claims).await;
    oauth.claims["iss"] = json!(oauth.server.server.uri());
    oauth
}

/// The keys of an issuer that reads its keys from this server.
pub(super) fn named(setup: Setup, party: &Party, issuer: &str) -> Setup {
    let key = |name: &str| format!("issuers.{}.{name}", party.name);
    let jwks = format!("{}/jwks", party.server.server.uri());
    setup
        .key(&key("issuer"), issuer)
        .key(&key("audience"), party.audience)
        .key(&key("jwks_uri"), &jwks)
}

pub(super) fn with_github(setup: Setup, github: &Party) -> Setup {
    let conditions = json!([
        { "claim": "repository_owner_id", "equals": "1234" },
        { "claim": "ref", "glob": "refs/heads/*" },
    ]);
    let grants = json!([
        {
            "match": { "repository": "acme/app", "ref": "refs/heads/main" },
            "workspace": "acme/ci",
            "access": "read-write",
        },
        { "match": { "repository_owner": "acme" }, "workspace": "acme/docs", "access": "read" },
    ]);
    named(setup, github, GITHUB_ISSUER)
        .key("issuers.github.accept_typ", "JWT")
        .key("issuers.github.client_id", "fixed:github")
        .key("issuers.github.subject", "{repository_id}")
        .key("issuers.github.conditions", &conditions.to_string())
        .key("issuers.github.grants", &grants.to_string())
}

pub(super) fn with_cluster(setup: Setup, cluster: &Party) -> Setup {
    named(setup, cluster, CLUSTER_ISSUER)
        .key("issuers.cluster.accept_typ", "none")
        .key("issuers.cluster.client_id", "fixed:cluster")
}

impl World {
    pub(super) async fn start() -> Self {
        let (oauth, github, cluster, mesh) =
            tokio::join!(oauth(), github(), cluster(), self::mesh());
        Self::of(oauth, github, cluster, mesh).await
    }

    /// The same issuers with a gateway that has read none of their keys.
    pub(super) async fn restarted(self) -> Self {
        self.app.stop().await;
        Self::of(self.oauth, self.github, self.cluster, self.mesh).await
    }

    async fn of(oauth: Party, github: Party, cluster: Party, mesh: Party) -> Self {
        let setup = Setup::default()
            .key("oauth.issuer", &oauth.server.server.uri())
            .key("oauth.validation", "jwt")
            .key("oauth.audience", AUDIENCE)
            .key("workspaces.membership_claim", "groups")
            // Every call comes from a few callers.
            .key("limits.per_caller", "1000/s burst 1000")
            .key("limits.per_owner", "1000/s burst 1000");
        let setup = with_cluster(with_github(setup, &github), &cluster);
        let condition = format!(r#"[{{"claim":"sub","glob":"{TRUST_DOMAIN}/ns/team-a/**"}}]"#);
        let setup = named(setup, &mesh, TRUST_DOMAIN)
            .key("issuers.mesh.accept_typ", "JWT, JOSE, none")
            .key("issuers.mesh.client_id", "fixed:mesh")
            .key("issuers.mesh.conditions", &condition);
        Self {
            app: setup.spawn().await,
            oauth,
            github,
            cluster,
            mesh,
        }
    }

    pub(super) fn parties(&self) -> [&Party; 4] {
        [&self.oauth, &self.github, &self.cluster, &self.mesh]
    }
}
