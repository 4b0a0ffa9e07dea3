//! What callers send to the gateway.

use cloakroom::domain::ApiKey;
use reqwest::RequestBuilder;
use serde_json::json;

use crate::access_keys::{OAUTH_SCOPE, request as rotation};
use crate::support::{AUDIENCE, Answer, App, Issuer, SigningKey, seconds};

use super::names::{CLIENTS, Person, Place, WORKSPACES};
use super::state::TOKEN_LIFE;
use super::transition::{Asked, Dialect};

/// Tokens end earlier than the model says, because the gateway lets its clock be a minute off.
const LEEWAY: u32 = 5;

/// A new token, at a time so many minutes ahead.
pub(super) async fn sign_in(
    app: &App,
    issuer: &(Issuer, SigningKey),
    person: Person,
    ahead: u32,
) -> String {
    let lives = u64::from(ahead + TOKEN_LIFE - LEEWAY) * 60;
    let expires_in = lives.to_string();
    let (client, subject) = (CLIENTS[person.client()], person.subject());
    if !person.is_of_issuer() {
        let changes = [
            ("user", subject),
            ("client_id", client),
            ("scope", OAUTH_SCOPE),
            ("expires_in", expires_in.as_str()),
        ];
        return app.token_with(&changes).await;
    }
    let (server, key) = issuer;
    key.sign(&json!({
        "iss": server.server.uri(),
        "sub": subject,
        "client_id": client,
        "aud": AUDIENCE,
        "scope": OAUTH_SCOPE,
        "iat": seconds(),
        "exp": seconds() + lives,
    }))
}

/// Another token that differs in the end of its signature.
pub(super) fn forged(token: &str) -> String {
    let at = token.len() - 2;
    let other = if token.as_bytes()[at] == b'A' {
        "B"
    } else {
        "A"
    };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

pub(super) fn ask(app: &App, token: &str, asked: &Asked) -> RequestBuilder {
    let workspace = match asked.place {
        Place::Workspace(index) => Some(WORKSPACES[index]),
        _ => None,
    };
    if asked.dialect == Dialect::Sts {
        return web_identity(app, token, workspace, asked.short);
    }
    let request = match (asked.dialect, workspace) {
        (Dialect::Container, workspace) => {
            let request = app
                .http
                .get(format!("{}/v1/credentials/container", app.url));
            match workspace {
                Some(name) => request.query(&[("workspace", name)]),
                None => request,
            }
        }
        (_, Some(name)) => app.get_workspace(name),
        (_, None) => app.post("/v1/credentials"),
    };
    narrow(request, asked.to_read, asked.short).bearer_auth(token)
}

fn narrow(request: RequestBuilder, to_read: bool, short: bool) -> RequestBuilder {
    let read = to_read.then_some(("access", "read"));
    let short = short.then_some(("duration", "3600"));
    let query: Vec<_> = read.into_iter().chain(short).collect();
    request.query(&query)
}

fn web_identity(app: &App, token: &str, workspace: Option<&str>, short: bool) -> RequestBuilder {
    let role = workspace.map_or("any".to_owned(), |name| format!("workspace/{name}"));
    let role = format!("arn:aws:iam::000000000000:role/{role}");
    let mut form = vec![
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role.as_str()),
        ("RoleSessionName", "model"),
        ("WebIdentityToken", token),
    ];
    form.extend(short.then_some(("DurationSeconds", "3600")));
    app.post("/").form(&form)
}

pub(super) fn ask_organisation(app: &App, key: &ApiKey, to_read: bool) -> RequestBuilder {
    let request = app.post("/storage/boto").header("x-api-key", key.expose());
    narrow(request, to_read, false)
}

/// Asks for a new pair of an access key.
pub(super) async fn rotate(app: &App, token: &str, key: &str) -> Answer {
    app.send(rotation(app, token, key)).await
}

pub(super) async fn revoke_oneself(app: &App, token: &str) {
    let answer = app
        .send(app.post("/v1/credentials/revoke").bearer_auth(token))
        .await;
    assert_eq!(answer.status, 200, "answer: {answer:?}");
    assert_eq!(answer.json()["revoked"], "immediate", "answer: {answer:?}");
}
