//! Metadata of an authorization server. Those that are accepted name the configured issuer, and
//! endpoints that nobody can listen in on, by a plain reading of the same bytes.

use std::sync::{Arc, Mutex};

use cloakroom::adapters::fixed;
use cloakroom::adapters::oauth::{Discovery, DiscoverySettings, Endpoint, OauthHttp};
use tokio::runtime::Runtime;
use url::{Host, Url};

use crate::claims::ISSUER;
use crate::introspection::runtime;
use crate::json::Members;
use crate::upstream;

struct Read {
    runtime: Runtime,
    http: OauthHttp,
    url: Url,
    answer: Arc<Mutex<Vec<u8>>>,
}

thread_local! {
    static READ: Read = {
        let (url, answer) = upstream::saying("application/json");
        Read {
            runtime: runtime(),
            http: OauthHttp::new(fixed(None)).unwrap(),
            url: Url::parse(&url).unwrap(),
            answer,
        }
    };
}

pub(crate) fn check(input: &[u8]) -> bool {
    READ.with(|read| {
        *read.answer.lock().unwrap() = input.to_vec();
        let discovery = Discovery::new(
            read.http.clone(),
            DiscoverySettings {
                section: "oauth".to_owned(),
                issuer: ISSUER.to_owned(),
                url: read.url.clone(),
                allow_http: false,
                introspection: Endpoint::Discovered,
                jwks: Endpoint::Discovered,
            },
        );
        if read.runtime.block_on(discovery.run()).is_err() {
            return false;
        }
        let said = Members::of(input).expect("accepted, and no JSON object");
        assert_eq!(said.text("issuer"), Some(ISSUER));
        let introspection = read.runtime.block_on(discovery.introspection_endpoint());
        let keys = read.runtime.block_on(discovery.jwks_uri());
        for (name, found) in [
            ("introspection_endpoint", introspection),
            ("jwks_uri", keys),
        ] {
            let found = found.expect("accepted without an endpoint");
            let named = said.text(name).expect("accepted without a member");
            assert_eq!(Url::parse(named).unwrap(), found);
            assert!(is_private(&found), "{name}: {found}");
        }
        if let Some(sign_in) = discovery.sign_in() {
            let named = said.text("authorization_endpoint").expect("a member");
            let named = Url::parse(named).unwrap();
            // An endpoint at the address that is only known inside is moved.
            let is_inside = named.origin() == read.url.origin();
            assert!(is_inside || named == sign_in.authorization);
        }
        true
    })
}

/// https, or a host that is this machine.
fn is_private(url: &Url) -> bool {
    let is_this_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.octets()[0] == 127,
        Some(Host::Ipv6(address)) => {
            address.octets() == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        }
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_this_machine)
}
