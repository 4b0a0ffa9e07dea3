use std::net::IpAddr;

use actix_web::http::header::HeaderMap;
use ipnet::IpNet;

/// The client's address: the peer's, or the one that the trusted proxies in front of the gateway
/// (`http.trusted_proxies`) name in `X-Forwarded-For`.
///
/// Each proxy appends the address it was called from, so the list is read from its end: the first
/// address that is not a trusted proxy's is the client's. Anything before it may be forged.
pub(crate) fn client_address(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    search(peer, headers, trusted).map(|(client, _)| client)
}

/// The same where access depends on it: only an address that a trusted proxy vouches for, or that
/// of a peer that is not a proxy.
///
/// Nothing if a trusted proxy names no address, or if the request has passed a proxy that is not
/// trusted: the address found would be that proxy's, shared by all clients behind it.
pub(crate) fn certain_address(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    let (client, certainty) = search(peer, headers, trusted)?;
    let is_certain = match certainty {
        Certainty::Named => true,
        Certainty::Peer => !has_passed_a_proxy(headers),
        Certainty::Unknown => false,
    };
    is_certain.then_some(client)
}

/// How the client's address was found.
enum Certainty {
    /// A trusted proxy has written it, and it is the first in the list.
    Named,
    /// It is the peer's, which is not a trusted proxy.
    Peer,
    /// It may be a proxy's.
    Unknown,
}

/// Whether a proxy has left a mark: `Via` (RFC 9110 section 7.6.3), `Forwarded` (RFC 7239), or one
/// of the headers that were in use before it.
fn has_passed_a_proxy(headers: &HeaderMap) -> bool {
    let is_mark = |name: &str| {
        ["via", "forwarded", "x-real-ip"].contains(&name) || name.starts_with("x-forwarded-")
    };
    headers.keys().any(|name| is_mark(name.as_str()))
}

fn search(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> Option<(IpAddr, Certainty)> {
    let is_trusted = |address: &IpAddr| {
        let address = address.to_canonical();
        trusted.iter().any(|network| network.contains(&address))
    };
    let mut client = peer?.to_canonical();
    if !is_trusted(&client) {
        return Some((client, Certainty::Peer));
    }
    let hops = headers
        .get_all("x-forwarded-for")
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let hops: Vec<&[u8]> = hops.collect();
    let mut certainty = Certainty::Unknown;
    for (at, hop) in hops.iter().enumerate().rev() {
        let Some(address) = std::str::from_utf8(hop).ok().and_then(parse) else {
            return Some((client, Certainty::Unknown));
        };
        client = address;
        certainty = match at {
            0 => Certainty::Named,
            _ => Certainty::Unknown,
        };
        if !is_trusted(&client) {
            break;
        }
    }
    Some((client, certainty))
}

/// An address, perhaps with a port as some proxies write it.
fn parse(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let address = hop.parse().ok();
    let with_port = || hop.parse().ok().map(|with: std::net::SocketAddr| with.ip());
    address
        .or_else(with_port)
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    type Read = fn(Option<IpAddr>, &HeaderMap, &[IpNet]) -> Option<IpAddr>;

    fn client(peer: &str, forwarded: &[&[u8]]) -> String {
        read(client_address, peer, forwarded).unwrap().to_string()
    }

    fn read(read: Read, peer: &str, forwarded: &[&[u8]]) -> Option<IpAddr> {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for value in forwarded {
            let name = HeaderName::from_static("x-forwarded-for");
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let peer = Some(peer.parse().unwrap());
        read(peer, &headers, &trusted)
    }

    #[test]
    fn forwarded_header_of_an_untrusted_peer_is_ignored() {
        assert_eq!(client("203.0.113.9", &[b"198.51.100.1"]), "203.0.113.9");
    }

    #[test]
    fn trusted_proxy_names_the_client() {
        assert_eq!(client("10.0.0.1", &[b"198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            client("::ffff:10.0.0.1", &[b"198.51.100.1:4711"]),
            "198.51.100.1"
        );
        assert_eq!(client("::1", &[b"2001:db8::7"]), "2001:db8::7");
    }

    #[test]
    fn addresses_that_the_client_wrote_are_ignored() {
        assert_eq!(
            client("10.0.0.1", &[b"1.1.1.1, 198.51.100.1"]),
            "198.51.100.1"
        );
        assert_eq!(
            client("10.0.0.1", &[b"1.1.1.1", b"198.51.100.1, 10.9.9.9"]),
            "198.51.100.1"
        );
    }

    #[test]
    fn malformed_address_ends_the_search() {
        assert_eq!(client("10.0.0.1", &[b"198.51.100.1, unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[b"\xff, 198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn untrusted_forwarded_address_is_ignored() {
        let certain = |peer, forwarded| read(certain_address, peer, forwarded);
        assert_eq!(certain("10.0.0.1", &[b"198.51.100.1, unknown"]), None);
        assert_eq!(certain("10.0.0.1", &[b"[2001:db8::1]"]), None);
        let named = Some("198.51.100.1".parse().unwrap());
        assert_eq!(certain("10.0.0.1", &[b"198.51.100.1, 10.9.9.9"]), named);
        assert_eq!(certain("10.0.0.1", &[]), None);
        assert_eq!(certain("198.51.100.1", &[]), named);
        let proxies = Some("10.9.9.9".parse().unwrap());
        assert_eq!(certain("10.0.0.1", &[b"10.9.9.9"]), proxies);
    }

    #[test]
    fn undeclared_proxy_makes_the_address_uncertain() {
        let certain = |peer, forwarded: &[u8]| read(certain_address, peer, &[forwarded]);
        for forwarded in [&b"10.1.2.3"[..], b"unknown", b""] {
            assert_eq!(certain("198.51.100.1", forwarded), None);
        }
        // In front of a trusted proxy, too.
        for before in [&b"192.0.2.1, 198.51.100.1"[..], b"\xff, 198.51.100.1"] {
            assert_eq!(certain("10.0.0.1", before), None);
        }
        for mark in [
            "via",
            "forwarded",
            "x-real-ip",
            "x-forwarded-proto",
            "x-forwarded-for",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(
                HeaderName::from_static(mark),
                HeaderValue::from_static("10.1.2.3"),
            );
            let peer = Some("198.51.100.1".parse().unwrap());
            assert_eq!(certain_address(peer, &headers, &[]), None, "{mark}");
        }
    }
}
