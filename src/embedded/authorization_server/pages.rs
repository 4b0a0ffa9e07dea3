//! What the pages for people have in common.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

/// The users with a button. Any other name can be typed.
const USERS: [&str; 2] = ["alice", "bob"];

/// A page with this content.
pub(super) fn page_with(title: &str, content: &Markup) -> HttpResponse {
    let content = html! {
        (content)
        p.note.muted { "For development only: there are no passwords here." }
    };
    respond(StatusCode::OK, &frame(title, &content))
}

/// A page with one sentence.
pub(super) fn message_page(title: &str, text: &str) -> HttpResponse {
    respond(StatusCode::OK, &frame(title, &html! { p { (text) } }))
}

pub(super) fn error_page(why: &str) -> HttpResponse {
    let page = frame("This sign-in cannot work", &html! { p { (why) } });
    respond(StatusCode::BAD_REQUEST, &page)
}

/// The part of a form that tells who signs in: `user` or `other`.
pub(super) fn users() -> Markup {
    html! {
        p { "Sign in as" }
        div.users {
            @for user in USERS { button.primary type="submit" name="user" value=(user) { (user) } }
        }
        p { label for="other" { "or as another user" } }
        div.other {
            input #other type="text" name="other" autocomplete="username" autocapitalize="none"
                spellcheck="false" placeholder="user name";
            button type="submit" { "Sign in" }
        }
    }
}

/// The user that the form names, if any.
pub(super) fn chosen<'a>(user: &'a str, other: &'a str) -> Option<&'a str> {
    [user, other].into_iter().find(|name| !name.is_empty())
}

fn frame(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · cloakroom dev" }
                link rel="icon" href={ "data:image/svg+xml;base64," (STANDARD.encode(MARK)) };
                style { (PreEscaped(STYLE)) }
            }
            body {
                main.card {
                    p.brand { (PreEscaped(MARK)) "cloakroom dev" }
                    h1 { (title) }
                    (content)
                }
            }
        }
    }
}

/// The gateway's design: the page that people see on their way from it and back looks the same.
const STYLE: &str = concat!(
    include_str!("../../http/pages/design/tokens.css"),
    include_str!("sign_in.css")
);

const MARK: &str = include_str!("../../http/pages/design/mark.svg");

/// The policy has no `form-action`, because browsers apply that to the redirect that follows, too.
fn respond(status: StatusCode, page: &Markup) -> HttpResponse {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    HttpResponse::build(status)
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .content_type("text/html; charset=utf-8")
        .body(page.0.clone())
}
