//! `GET /`: what this is and how to use it.

use actix_web::http::header::HOST;
use actix_web::{HttpRequest, HttpResponse};
use url::Url;

use crate::http::exchange::Exchange;
use crate::http::pages::page::{Card, Page, Part, Section};
use crate::http::pages::snippets;
use crate::http::problems::failure::Failure;
use crate::http::protected_resource;
use crate::http::state::Gateway;

/// The page, with this deployment's own addresses.
pub(crate) async fn home(exchange: &Exchange) -> Result<HttpResponse, Failure> {
    let (request, gateway) = (&exchange.request, &exchange.gateway);
    if gateway.samples.get().is_some() && !is_asked_by_own_name(request, &gateway.public_url) {
        // RFC 9110 section 15.5.20
        return Ok(HttpResponse::MisdirectedRequest()
            .content_type("text/plain; charset=utf-8")
            .body(format!(
                "This page holds an API key, so it answers to its own address only: {}/\n",
                gateway.public_url
            )));
    }
    let page = Page {
        title: "The key to your own locker".to_owned(),
        lead: lead(gateway).to_owned(),
        home: None,
        cards: cards(gateway).await,
        sections: vec![
            Section {
                id: "developers",
                heading: "Get a token",
                parts: token(gateway),
            },
            Section {
                id: "credentials",
                heading: "Get credentials, store a file, read it again",
                parts: vec![
                    Part::Code(snippets::functions(&gateway.public_url)),
                    Part::Code(snippets::FIRST_FILE.to_owned()),
                    Part::Text("Any S3 client takes the same credentials:".to_owned()),
                    Part::Code(snippets::AWS_CLI.to_owned()),
                    Part::Text(
                        "They last until the expiration in the answer; ask again for fresh ones."
                            .to_owned(),
                    ),
                ],
            },
            Section {
                id: "sdk",
                heading: "Or let an AWS SDK do it",
                parts: vec![
                    Part::Text(
                        "With these variables an unmodified SDK gets its credentials here and asks \
                         again before they expire. The file holds a token, without a newline; \
                         replace it before the token expires."
                            .to_owned(),
                    ),
                    Part::Code(snippets::sdk_lines(
                        &gateway.public_url,
                        &gateway.storage,
                    )),
                ],
            },
            Section {
                id: "shared",
                heading: "Organisations and workspaces",
                parts: shared(gateway),
            },
            Section {
                id: "more",
                heading: "More",
                parts: vec![Part::Links(links(gateway))],
            },
        ],
    };
    Ok(page.answer(request))
}

fn lead(gateway: &Gateway) -> &'static str {
    if gateway.console.is_some() {
        "Keep files here, open them anywhere, and share them with a link. Programs get temporary S3 \
         credentials that reach your own bucket and nothing else."
    } else {
        "Hand in an OAuth access token: cloakroom gives you temporary S3 credentials that reach your \
         own bucket and nothing else."
    }
}

async fn cards(gateway: &Gateway) -> Vec<Card> {
    let storage = gateway.console.as_ref().map(|_| Card {
        heading: "My storage",
        state: None,
        text: "Open your files in the browser: upload, download, share a link.".to_owned(),
        link: (gateway.link("/console/#sign-in"), "Sign in to my storage"),
    });
    let developers = Card {
        heading: "For developers",
        state: None,
        text: "Get credentials from a terminal, an SDK or a program.".to_owned(),
        link: (gateway.link("/#developers"), "How to use it"),
    };
    let (state, text) = match gateway.missing().await {
        None => (("ready", true), "Storage can be opened.".to_owned()),
        Some(missing) => (
            ("not ready", false),
            format!("The gateway is not ready: {missing}."),
        ),
    };
    let status = Card {
        heading: "Status",
        state: Some(state),
        text,
        link: (gateway.link("/problems"), "What errors mean"),
    };
    storage.into_iter().chain([developers, status]).collect()
}

/// A hostile web page can point its own name at this machine (DNS rebinding) and read the answers;
/// the browser then sends that name as `Host`.
fn is_asked_by_own_name(request: &HttpRequest, public_url: &str) -> bool {
    let mut hosts = request.headers().get_all(HOST);
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let host = host.to_str().unwrap_or_default();
    let own = Url::parse(public_url).ok();
    let Some(port) = own.and_then(|own| own.port_or_known_default()) else {
        return false;
    };
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
        let with_port = format!("{name}:{port}");
        host.eq_ignore_ascii_case(&with_port) || (port == 80 && host.eq_ignore_ascii_case(name))
    })
}

fn token(gateway: &Gateway) -> Vec<Part> {
    let (scope, issuer) = (gateway.required_scope.as_str(), &gateway.issuer);
    let source = format!("An access token from {issuer} with the scope {scope}.");
    let mut parts = match gateway.samples.get().map(|samples| &samples.token_command) {
        Some(command) => vec![
            Part::Text(format!("{source} For development, for any user name:")),
            Part::Code(format!("TOKEN=$({command})")),
        ],
        None => vec![Part::Text(source), Part::Code("TOKEN=…".to_owned())],
    };
    if gateway.login_client_id.is_some() {
        let text =
            "Or sign in with the browser, and AWS tools get their credentials by themselves:";
        parts.push(Part::Text(text.to_owned()));
        parts.push(Part::Code(snippets::login_lines(&gateway.public_url)));
    }
    parts
}

fn shared(gateway: &Gateway) -> Vec<Part> {
    let (url, samples) = (&gateway.public_url, gateway.samples.get());
    let (api_key, workspace) = match samples {
        Some(samples) => {
            let name = &samples.workspace;
            let (organisation, workspace) = (name.organisation.as_str(), name.workspace.as_str());
            (samples.api_key.as_str(), (organisation, workspace))
        }
        None => ("$API_KEY", ("$ORGANISATION", "$WORKSPACE")),
    };
    vec![
        Part::Text("An organisation's storage, by API key:".to_owned()),
        Part::Code(snippets::api_key_line(url, api_key)),
        Part::Text("A workspace's, for its members:".to_owned()),
        Part::Code(snippets::workspace_line(url, workspace.0, workspace.1)),
    ]
}

fn links(gateway: &Gateway) -> Vec<(String, &'static str)> {
    let mut links = vec![
        (gateway.link("/openapi.yaml"), "the contract (OpenAPI)"),
        (
            gateway.link(protected_resource::PATH),
            "metadata for clients (RFC 9728)",
        ),
    ];
    if gateway.swagger_ui_client_id.is_some() {
        let address = gateway.link("/swagger-ui/index.html");
        links.insert(0, (address, "try it in the browser (Swagger UI)"));
    }
    links
}
