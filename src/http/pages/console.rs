//! `GET /console/…`: people's storage in a browser. The page signs in by authorization code with PKCE
//! (RFC 7636), gets temporary credentials here and then talks to the store itself. The files come
//! with the program; nothing is loaded from elsewhere.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    self, AcceptEncoding, ContentEncoding, ETag, EntityTag, Header, IfNoneMatch,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::http::exchange::Exchange;
use crate::http::pages::assets::{self, Asset};
use crate::http::pages::console_policy::policy;
use crate::http::problems::failure::Failure;
use crate::http::state::{Console, Gateway};

pub(crate) const PATH: &str = "/console/{path:.*}";

const PAGE: &str = "index.html";

/// What the page asks for first; not a file.
const SETTINGS: &str = "settings.json";

/// What the page needs to know of this deployment. None of it is a secret.
#[derive(Serialize)]
struct Settings<'a> {
    version: &'static str,
    public_url: &'a str,
    issuer: &'a str,
    client_id: &'a str,
    scope: String,
    /// Whether there is a client for `cloakroom login`.
    login: bool,
    /// `None` as long as the authorization server's metadata cannot be read.
    sign_in: Option<SignInSettings>,
    store: StoreSettings<'a>,
}

/// The authorization server's endpoints.
#[derive(Serialize)]
struct SignInSettings {
    authorization: String,
    token: String,
    end_session: Option<String>,
    revocation: Option<String>,
}

#[derive(Serialize)]
struct StoreSettings<'a> {
    endpoint: &'a str,
    region: &'a str,
    path_style: bool,
    engine: &'a str,
}

/// Relative, so that the browser stays at the name that was typed.
pub(crate) async fn index(exchange: &Exchange) -> Result<HttpResponse, Failure> {
    console(&exchange.gateway)?;
    Ok(HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "console/"))
        .finish())
}

pub(crate) async fn page(exchange: &Exchange) -> Result<HttpResponse, Failure> {
    console(&exchange.gateway)?;
    let page = Asset::page().ok_or(Failure::NotFound)?;
    Ok(answer(exchange, &page, None))
}

pub(crate) async fn file(exchange: &Exchange) -> Result<HttpResponse, Failure> {
    let console = console(&exchange.gateway)?;
    match exchange.request.match_info().query("path") {
        SETTINGS => Ok(HttpResponse::Ok().json(settings(&exchange.gateway, console))),
        // One address for the page: the authorization server knows it.
        PAGE => Err(Failure::NotFound),
        path => file_at(exchange, path),
    }
}

fn console(gateway: &Gateway) -> Result<&Console, Failure> {
    gateway.console.as_ref().ok_or(Failure::NotFound)
}

/// The page names each file below the version of all of them, `v-…/`: a browser asks for it once, and a
/// new version of the gateway brings all its files at once. Under any other version, which a page has
/// that was loaded before, and without one, the browser asks each time.
fn file_at(exchange: &Exchange, path: &str) -> Result<HttpResponse, Failure> {
    let versioned = path
        .strip_prefix("v-")
        .and_then(|rest| rest.split_once('/'));
    let (version, path) = versioned.map_or((None, path), |(version, rest)| (Some(version), rest));
    let asset = Asset::at(path).ok_or(Failure::NotFound)?;
    let caching = if version.is_some_and(assets::is_current) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    Ok(answer(exchange, &asset, Some(caching)))
}

fn answer(exchange: &Exchange, asset: &Asset, caching: Option<&'static str>) -> HttpResponse {
    let tag = EntityTag::new_weak(asset.tag());
    let mut response = HttpResponse::Ok();
    response.insert_header((header::VARY, "Accept-Encoding"));
    if asset.is_document() {
        protect(&mut response, &exchange.gateway);
    }
    if let Some(caching) = caching {
        response.insert_header((header::CACHE_CONTROL, caching));
    }
    response.insert_header(ETag(tag.clone()));
    if is_known(&exchange.request, &tag) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    response.content_type(asset.media_type);
    if !takes_gzip(&exchange.request) {
        return response.body(asset.bytes.clone());
    }
    response.insert_header((header::CONTENT_ENCODING, "gzip"));
    response.body(asset.packed())
}

/// What counts for documents only, and would be a third of the bytes on the wire.
fn protect(response: &mut HttpResponseBuilder, gateway: &Gateway) {
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, policy(gateway)))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header(("cross-origin-opener-policy", "same-origin"))
        .insert_header(("cross-origin-resource-policy", "same-origin"));
}

/// Whether the browser has the file (RFC 9110 section 13.1.2).
fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let offered = [header::Encoding::gzip(), header::Encoding::identity()];
    let accepted = AcceptEncoding::parse(request);
    let chosen = accepted
        .ok()
        .and_then(|accepted| accepted.negotiate(offered.iter()));
    chosen == Some(header::Encoding::Known(ContentEncoding::Gzip))
}

fn settings<'a>(gateway: &'a Gateway, console: &'a Console) -> Settings<'a> {
    let at = gateway.sign_in.endpoints();
    let needed = gateway.required_scope.as_str();
    let openid = at.as_ref().is_some_and(|at| at.openid);
    Settings {
        version: env!("CARGO_PKG_VERSION"),
        public_url: &gateway.public_url,
        issuer: &gateway.issuer,
        client_id: &console.client_id,
        scope: if openid {
            format!("openid {needed}")
        } else {
            needed.to_owned()
        },
        login: gateway.login_client_id.is_some(),
        sign_in: at.map(|at| SignInSettings {
            authorization: at.authorization,
            token: at.token,
            end_session: at.end_session,
            revocation: at.revocation,
        }),
        store: StoreSettings {
            endpoint: &gateway.storage.endpoint,
            region: &gateway.storage.region,
            path_style: gateway.storage.path_style,
            engine: &console.engine,
        },
    }
}
