//! `GET` and `POST /authorize`, where people sign in (RFC 6749 section 4.1, with PKCE, RFC 7636).
//! There are no passwords: anyone on this machine can be any user.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use url::Url;

use super::authorization_request::{AuthorizationError, AuthorizationRequest};
use super::grants::{Code, Consent};
use super::pages::{chosen, error_page};
use super::sign_in_page::sign_in_page;
use super::state::State;

/// The form on the page: the authorization request again, and who signs in.
#[derive(Deserialize)]
pub(super) struct SignInForm {
    #[serde(flatten)]
    request: AuthorizationRequest,
    #[serde(default)]
    user: String,
    #[serde(default)]
    other: String,
}

pub(super) async fn page(request: web::Query<AuthorizationRequest>) -> HttpResponse {
    match request.check() {
        Ok(_) => sign_in_page(&request),
        Err(error) => refuse(error, &request),
    }
}

pub(super) async fn submit(form: web::Form<SignInForm>, state: web::Data<State>) -> HttpResponse {
    let SignInForm {
        request,
        user,
        other,
    } = form.into_inner();
    let redirect = match request.check() {
        Ok(redirect) => redirect,
        Err(error) => return refuse(error, &request),
    };
    let Some(user) = chosen(&user, &other) else {
        return sign_in_page(&request);
    };
    let code = Code {
        consent: Consent {
            user: user.to_owned(),
            client_id: request.client_id,
            scope: request.scope,
            nonce: Some(request.nonce).filter(|nonce| !nonce.is_empty()),
        },
        redirect_uri: request.redirect_uri,
        challenge: request.code_challenge,
    };
    let Ok(code) = state.grants.issue_code(code).await else {
        return HttpResponse::InternalServerError().finish();
    };
    // RFC 9207: `iss` tells the client which server answers.
    see_other(
        redirect,
        &[
            ("code", &code),
            ("state", &request.state),
            ("iss", &state.issuer),
        ],
    )
}

fn refuse(error: AuthorizationError, request: &AuthorizationRequest) -> HttpResponse {
    match error {
        AuthorizationError::OnPage(why) => error_page(why),
        AuthorizationError::InRedirect(redirect, error, why) => see_other(
            redirect,
            &[
                ("error", error),
                ("error_description", why),
                ("state", &request.state),
            ],
        ),
    }
}

fn see_other(mut to: Url, parameters: &[(&str, &str)]) -> HttpResponse {
    let given = parameters.iter().filter(|(_, value)| !value.is_empty());
    to.query_pairs_mut().extend_pairs(given);
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, to.as_str()))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}
