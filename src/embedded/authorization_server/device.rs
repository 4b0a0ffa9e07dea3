//! `POST /device_authorization` and `GET` and `POST /device`: sign-in for a device that has no browser
//! (RFC 8628). As at `/authorize`, there are no passwords.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use maud::html;
use serde::Deserialize;
use serde_json::json;

use super::devices::{DEVICE_LIFETIME, Decision, Device};
use super::metadata::DEVICE;
use super::pages::{chosen, error_page, message_page, page_with, users};
use super::state::State;

/// Seconds between two polls. The RFC's default, 5, is for servers with many clients.
const INTERVAL: u64 = 1;

#[derive(Deserialize)]
pub(super) struct DeviceAuthorizationRequest {
    client_id: String,
    #[serde(default)]
    scope: String,
}

/// The code in the link that the device shows.
#[derive(Deserialize)]
pub(super) struct PageQuery {
    #[serde(default)]
    user_code: String,
}

/// The form on the page.
#[derive(Deserialize)]
pub(super) struct DeviceForm {
    user_code: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    other: String,
    #[serde(default)]
    deny: String,
}

pub(super) async fn authorize(
    form: web::Form<DeviceAuthorizationRequest>,
    state: web::Data<State>,
) -> HttpResponse {
    if form.client_id.is_empty() {
        return HttpResponse::BadRequest().json(json!({ "error": "invalid_client" }));
    }
    let added = state.devices.add(&form.client_id, &form.scope).await;
    let Ok((device_code, user_code)) = added else {
        return HttpResponse::InternalServerError().finish();
    };
    let page = format!("{}{DEVICE}", state.issuer);
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json!({
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": format!("{page}?user_code={user_code}"),
            "expires_in": DEVICE_LIFETIME.as_secs(),
            "interval": INTERVAL,
        }))
}

/// Asks for the code, or shows which device has it.
pub(super) async fn page(query: web::Query<PageQuery>, state: web::Data<State>) -> HttpResponse {
    if query.user_code.is_empty() {
        return code_page();
    }
    match state.devices.waiting(&query.user_code).await {
        Some(device) => device_page(&device),
        None => error_page("There is no device with this code, or it has waited too long."),
    }
}

pub(super) async fn submit(form: web::Form<DeviceForm>, state: web::Data<State>) -> HttpResponse {
    let decision = if form.deny.is_empty() {
        match chosen(&form.user, &form.other) {
            Some(user) => Decision::SignedIn(user.to_owned()),
            None => return error_page("Choose a user."),
        }
    } else {
        Decision::Denied
    };
    if state.devices.decide(&form.user_code, decision).await {
        message_page("Done", "You can close this page and go back to the device.")
    } else {
        error_page("There is no device with this code, or it has waited too long.")
    }
}

fn code_page() -> HttpResponse {
    page_with(
        "Sign in on a device",
        &html! {
            form method="get" action="device" {
                p { label for="code" { "The code that the device shows" } }
                div.other {
                    input #code type="text" name="user_code" autocomplete="off" spellcheck="false"
                        autocapitalize="characters" placeholder="WDJB-MJHT" required;
                    button type="submit" { "Continue" }
                }
            }
        },
    )
}

fn device_page(device: &Device) -> HttpResponse {
    page_with(
        "Sign in on a device",
        &html! {
            p {
                "The device that shows " strong { (device.user_code) } " asks for "
                @if device.scope.is_empty() { "no scope" } @else { code { (device.scope) } }
                " as " strong { (device.client_id) }
            }
            form method="post" action="device" {
                input type="hidden" name="user_code" value=(device.user_code);
                (users())
                p { button type="submit" name="deny" value="yes" { "This is not my device" } }
            }
        },
    )
}
