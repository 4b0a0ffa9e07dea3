use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::authorization_request::AuthorizationRequest;

/// The users with a button. Any other name can be typed.
const USERS: [&str; 2] = ["alice", "bob"];

pub(super) fn sign_in_page(request: &AuthorizationRequest) -> HttpResponse {
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
            p { label for="other" { "or as another user" } }
            div.other {
                input #other type="text" name="other" autocomplete="username" autocapitalize="none"
                    spellcheck="false" placeholder="user name";
                button type="submit" { "Sign in" }
            }
        }
        p.note { "For development only: there are no passwords here." }
    };
    respond(StatusCode::OK, &frame("Sign in", &content))
}

pub(super) fn error_page(why: &str) -> HttpResponse {
    let page = frame("This sign-in cannot work", &html! { p { (why) } });
    respond(StatusCode::BAD_REQUEST, &page)
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

/// The policy has no `form-action`, because browsers apply that to the redirect that follows, too.
fn respond(status: StatusCode, page: &Markup) -> HttpResponse {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; frame-ancestors 'none'"
    );
    HttpResponse::build(status)
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .content_type("text/html; charset=utf-8")
        .body(page.0.clone())
}
