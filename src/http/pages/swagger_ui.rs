//! `GET /swagger-ui/…`: the contract to read and to try, with sign-in by authorization code and
//! PKCE (RFC 7636). The files come with the crate; nothing is loaded from elsewhere.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ETag, EntityTag, Header, IfNoneMatch};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use url::Url;
use utoipa_swagger_ui::{Config, oauth, serve};

use crate::http::exchange::Exchange;
use crate::http::problems::failure::Failure;
use crate::http::state::Gateway;

/// For a day: the files change with the gateway's version only, and are large.
const CACHED: &str = "public, max-age=86400";

/// Relative, so that the browser stays at the name that was typed.
pub(crate) async fn index(exchange: &Exchange) -> Result<HttpResponse, Failure> {
    let file = if exchange.request.path().ends_with('/') {
        "index.html"
    } else {
        "swagger-ui/index.html"
    };
    Ok(HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, file))
        .finish())
}

pub(crate) async fn file(exchange: &Exchange) -> Result<HttpResponse, Failure> {
    let gateway = &exchange.gateway;
    let name = exchange.request.match_info().query("file");
    let served = gateway.swagger_ui_client_id.as_ref();
    let served = served.and_then(|client_id| {
        let config = config(client_id, gateway);
        serve(name, Arc::new(config)).ok().flatten()
    });
    let file = served.filter(|_| !name.is_empty());
    let file = file.ok_or(Failure::NotFound)?;
    // Not copied, unless the file holds the configuration.
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(with_plugins(&bytes)),
    };
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, policy(gateway)))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"));
    if !["index.html", "swagger-initializer.js"].contains(&name) {
        let tag = tag(&bytes);
        response
            .insert_header((header::CACHE_CONTROL, CACHED))
            .insert_header(ETag(tag.clone()));
        if is_known(&exchange.request, &tag) {
            return Ok(response.status(StatusCode::NOT_MODIFIED).finish());
        }
    }
    Ok(response.content_type(file.content_type).body(bytes))
}

/// Swagger UI moves the focus to the last field of its dialog, which scrolls sign-in out of sight.
const UNFOCUSED: &str = "() => ({ wrapComponents: { Input: (Input, { React }) => (properties) =>
        React.createElement(Input, { ...properties, autoFocus: false }) } })";

/// The page calls the gateway by the name that it was opened by, `localhost` or `127.0.0.1`: its
/// policy allows no other origin.
const OWN_ORIGIN: &str = "() => ({ statePlugins: { spec: { wrapActions: { updateJsonSpec: (update) => (contract) =>
        update({ ...contract, servers: [{ url: new URL('..', location.href).href.slice(0, -1) }] }) } } } })";

/// The settings, with two more plugins.
fn with_plugins(settings: &[u8]) -> String {
    const LAST: &str = "SwaggerUIBundle.plugins.DownloadUrl";
    let plugins = format!("{LAST},\n      {UNFOCUSED},\n      {OWN_ORIGIN}");
    String::from_utf8_lossy(settings).replace(LAST, &plugins)
}

/// Weak: it names a version of the gateway, not bytes (RFC 9110 section 8.8.1).
fn tag(bytes: &Bytes) -> EntityTag {
    EntityTag::new_weak(format!("{}-{}", env!("CARGO_PKG_VERSION"), bytes.len()))
}

/// Whether the browser has the file (RFC 9110 section 13.1.2).
fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

fn config(client_id: &str, gateway: &Gateway) -> Config<'static> {
    let scope = gateway.required_scope.as_str().to_owned();
    let sign_in = oauth::Config::new()
        .client_id(client_id)
        .app_name("cloakroom")
        .scopes(vec![scope])
        .use_pkce_with_authorization_code_grant(true);
    Config::with_oauth_config(["../openapi.json"], sign_in)
        .query_config_enabled(false)
        .persist_authorization(false)
        .try_it_out_enabled(true)
        .display_request_duration(true)
        // Else it sends the contract to a service on the internet.
        .validator_url("none")
}

/// The page may talk to the gateway and to the token endpoint. Swagger UI sets styles from script.
fn policy(gateway: &Gateway) -> String {
    let token_endpoint = gateway.sign_in.endpoints();
    let token_endpoint = token_endpoint
        .and_then(|endpoints| Url::parse(&endpoints.token).ok())
        .map(|url| format!(" {}", url.origin().ascii_serialization()));
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data:; font-src 'self' data:; connect-src 'self'{}; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        token_endpoint.unwrap_or_default()
    )
}
