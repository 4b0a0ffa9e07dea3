use actix_web::HttpResponse;
use maud::html;

use super::authorization_request::AuthorizationRequest;
use super::pages::{page_with, users};

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
            (users())
        }
    };
    page_with("Sign in", &content)
}
