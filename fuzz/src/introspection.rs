//! An introspection answer. One that is accepted says `active: true` and all that the rules ask for,
//! by a plain reading of the same bytes, which allows no member twice.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use cloakroom::adapters::oauth::{
    ClientAuthentication, Discovery, DiscoverySettings, Endpoint, IntrospectionClient,
    IntrospectionSettings, OauthHttp,
};
use cloakroom::adapters::{OsRandomness, fixed};
use cloakroom::domain::AccessToken;
use cloakroom::service::{Clock, Introspection};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use url::Url;

use crate::claims::{ISSUER, must_hold, now, rules, scope};
use crate::json::Members;
use crate::upstream;

/// A clock that stands still.
pub(crate) struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> DateTime<Utc> {
        now()
    }
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

struct Asked {
    runtime: Runtime,
    client: IntrospectionClient,
    answer: Arc<Mutex<Vec<u8>>>,
}

thread_local! {
    static ASKED: Asked = Asked::new();
}

impl Asked {
    fn new() -> Self {
        let runtime = runtime();
        let inside = runtime.enter();
        let (url, answer) = upstream::saying("application/json");
        let url = Url::parse(&url).unwrap();
        let http = OauthHttp::new(fixed(None)).unwrap();
        let discovery = Discovery::new(
            http.clone(),
            DiscoverySettings {
                section: "oauth".to_owned(),
                issuer: ISSUER.to_owned(),
                url: url.clone(),
                allow_http: false,
                introspection: Endpoint::Configured(url),
                jwks: Endpoint::Unused,
            },
        );
        let settings = IntrospectionSettings {
            issuer: ISSUER.to_owned(),
            client_id: "gateway".to_owned(),
            authentication: ClientAuthentication::SecretBasic(fixed("hunter2".to_owned().into())),
            membership_claim: Some("groups".to_owned()),
        };
        let client = IntrospectionClient::new(
            http,
            Arc::new(discovery),
            settings,
            Arc::new(Stopped),
            Arc::new(OsRandomness),
        );
        drop(inside);
        Self {
            runtime,
            client,
            answer,
        }
    }
}

pub(crate) fn check(input: &[u8]) -> bool {
    let token = AccessToken::parse("opaque").unwrap();
    let claims = ASKED.with(|asked| {
        *asked.answer.lock().unwrap() = input.to_vec();
        asked.runtime.block_on(asked.client.introspect(&token))
    });
    let Ok(claims) = claims else { return false };
    let said = Members::of(input).expect("accepted, and no JSON object");
    let active = said.only("active");
    assert!(
        matches!(active, Some(Value::Bool(_))),
        "accepted with active = {active:?}"
    );
    let Ok(caller) = claims.verify(&rules(), &scope(), now()) else {
        return false;
    };
    assert_eq!(active, Some(&Value::Bool(true)));
    must_hold(&said, &caller, false);
    // What a cache keeps decides the same.
    let kept = (*claims).clone().compact(&rules(), &[scope()]);
    assert_eq!(kept.verify(&rules(), &scope(), now()).unwrap(), caller);
    true
}
