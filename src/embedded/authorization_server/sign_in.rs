//! `GET` and `POST /authorize`: the page on which people sign in (RFC 6749 section 4.1, with the
//! PKCE of RFC 7636). There are no passwords: whoever is at this machine may be anybody.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use super::State;
use super::grants::{Code, Consent};
use super::is_loopback;

/// Who can be picked; any other name can be typed.
const USERS: [&str; 2] = ["alice", "bob"];

/// What a client sends people here with.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct AuthorizationRequest {
    #[serde(default)]
    response_type: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    redirect_uri: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    nonce: String,
    #[serde(default)]
    code_challenge: String,
    #[serde(default)]
    code_challenge_method: String,
}

/// The page's form: the request again, and who signs in.
#[derive(Deserialize)]
pub(super) struct Form {
    #[serde(flatten)]
    request: AuthorizationRequest,
    #[serde(default)]
    user: String,
    #[serde(default)]
    other: String,
}

pub(super) async fn page(request: web::Query<AuthorizationRequest>) -> HttpResponse {
    match request.check() {
        Ok(_) => answer(&sign_in_page(&request)),
        Err(refusal) => refusal.answer(&request),
    }
}

pub(super) async fn submit(form: web::Form<Form>, state: web::Data<State>) -> HttpResponse {
    let Form {
        request,
        user,
        other,
    } = form.into_inner();
    let redirect = match request.check() {
        Ok(redirect) => redirect,
        Err(refusal) => return refusal.answer(&request),
    };
    let user = if user.is_empty() { other } else { user };
    if user.is_empty() {
        return answer(&sign_in_page(&request));
    }
    let code = Code {
        consent: Consent {
            user,
            client_id: request.client_id.clone(),
            scope: request.scope.clone(),
            nonce: Some(request.nonce.clone()).filter(|nonce| !nonce.is_empty()),
        },
        redirect_uri: request.redirect_uri.clone(),
        challenge: request.code_challenge.clone(),
    };
    let Ok(code) = state.grants.issue_code(code) else {
        return HttpResponse::InternalServerError().finish();
    };
    // RFC 9207: the client can tell whose answer this is.
    see_other(
        redirect,
        &[
            ("code", &code),
            ("state", &request.state),
            ("iss", &state.issuer),
        ],
    )
}

enum Refusal {
    /// Nobody to send people back to: they are told.
    Here(&'static str),
    /// RFC 6749 section 4.1.2.1.
    There(Url, &'static str, &'static str),
}

impl AuthorizationRequest {
    /// Any client may come, if it runs on this machine (RFC 8252 section 7.3) and knows PKCE.
    fn check(&self) -> Result<Url, Refusal> {
        let redirect = Url::parse(&self.redirect_uri)
            .ok()
            .filter(|url| is_loopback(url) && url.fragment().is_none())
            .ok_or(Refusal::Here(
                "redirect_uri must be an address on this machine (http://127.0.0.1:… or http://localhost:…)",
            ))?;
        if self.client_id.is_empty() {
            return Err(Refusal::Here("client_id is missing"));
        }
        let refuse = |error, what| Err(Refusal::There(redirect.clone(), error, what));
        if self.response_type != "code" {
            return refuse("unsupported_response_type", "only code is spoken");
        }
        if self.code_challenge.is_empty() || self.code_challenge_method != "S256" {
            return refuse("invalid_request", "PKCE with S256 is required");
        }
        Ok(redirect)
    }
}

impl Refusal {
    fn answer(self, request: &AuthorizationRequest) -> HttpResponse {
        match self {
            Self::Here(what) => {
                let mut page = answer(&frame("This sign-in cannot work", &html! { p { (what) } }));
                *page.status_mut() = actix_web::http::StatusCode::BAD_REQUEST;
                page
            }
            Self::There(redirect, error, what) => see_other(
                redirect,
                &[
                    ("error", error),
                    ("error_description", what),
                    ("state", &request.state),
                ],
            ),
        }
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

fn sign_in_page(request: &AuthorizationRequest) -> Markup {
    let hidden = [
        ("response_type", &request.response_type),
        ("client_id", &request.client_id),
        ("redirect_uri", &request.redirect_uri),
        ("scope", &request.scope),
        ("state", &request.state),
        ("nonce", &request.nonce),
        ("code_challenge", &request.code_challenge),
        ("code_challenge_method", &request.code_challenge_method),
    ];
    let content = html! {
        p {
            strong { (request.client_id) } " asks for "
            @if request.scope.is_empty() { "no scope" } @else { code { (request.scope) } }
        }
        form method="post" action="authorize" {
            @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
            p { "Sign in as" }
            div.users {
                @for user in USERS { button type="submit" name="user" value=(user) { (user) } }
            }
            p { label for="other" { "or as anybody else" } }
            div.other {
                input #other type="text" name="other" autocomplete="username" autocapitalize="none"
                    spellcheck="false" placeholder="user name";
                button type="submit" { "Sign in" }
            }
        }
        p.note { "For development only: there are no passwords here." }
    };
    frame("Sign in", &content)
}

fn frame(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · cloakroom dev" }
                style { (PreEscaped(STYLE)) }
            }
            body { main { h1 { (title) } (content) } }
        }
    }
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:24rem;margin:10vh auto;padding:0 1rem}\
main{border:1px solid #8886;border-radius:.6rem;padding:1.5rem}\
h1{font-size:1.4rem;margin:0}\
p{margin:.75rem 0 .4rem;overflow-wrap:anywhere}\
.users,.other{display:flex;gap:.5rem}\
button,input{font:inherit;padding:.5rem .9rem;border:1px solid #888a;border-radius:.4rem}\
.users button{flex:1;background:#1d5fbf;border-color:#1d5fbf;color:#fff}\
.other input{flex:1;min-width:0}\
button{cursor:pointer}\
button:focus-visible,input:focus-visible{outline:3px solid #7aaef5;outline-offset:1px}\
.note{font-size:.85rem;opacity:.8}";

/// No form-action: browsers apply it to the redirect that follows as well.
fn answer(page: &Markup) -> HttpResponse {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; frame-ancestors 'none'"
    );
    HttpResponse::Ok()
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .content_type("text/html; charset=utf-8")
        .body(page.clone().into_string())
}
