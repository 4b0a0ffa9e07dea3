//! `POST /revoke` (RFC 7009), for public clients.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use moka::future::Cache;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::state::State;

/// Longer than any access token of `POST /token` lives.
const KEPT_FOR: Duration = Duration::from_hours(1);

/// The `jti` of access tokens that were revoked before their end.
pub(super) struct RevokedTokens(Cache<String, ()>);

#[derive(Deserialize)]
pub(super) struct RevocationRequest {
    token: String,
    #[serde(default)]
    client_id: String,
}

impl Default for RevokedTokens {
    fn default() -> Self {
        Self(Cache::builder().time_to_live(KEPT_FOR).build())
    }
}

impl RevokedTokens {
    /// Whether the token with these claims was revoked.
    pub(super) fn contain(&self, claims: &Map<String, Value>) -> bool {
        text(claims, "jti").is_some_and(|jti| self.0.contains_key(jti))
    }

    async fn add(&self, claims: &Map<String, Value>) {
        if let Some(jti) = text(claims, "jti") {
            self.0.insert(jti.to_owned(), ()).await;
        }
    }
}

/// An unknown token is no error (RFC 7009 section 2.2).
pub(super) async fn revoke(
    form: web::Form<RevocationRequest>,
    state: web::Data<State>,
) -> HttpResponse {
    if form.client_id.is_empty() {
        return HttpResponse::Unauthorized().json(json!({ "error": "invalid_client" }));
    }
    let grants = &state.grants;
    grants
        .revoke_refresh_token(&form.token, &form.client_id)
        .await;
    if let Some(claims) = state.signing_key.verify(&form.token)
        && text(&claims, "client_id") == Some(&form.client_id)
    {
        state.revoked.add(&claims).await;
    }
    HttpResponse::Ok().finish()
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str()
}
