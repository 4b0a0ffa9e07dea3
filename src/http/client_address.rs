use std::net::IpAddr;

use actix_web::http::header::HeaderMap;
use ipnet::IpNet;

/// Who asks, as far as it can be believed: the peer, or whom the trusted proxies in front of the
/// gateway (`http.trusted_proxies`) name in `X-Forwarded-For`.
///
/// Each proxy appends the address it was called from, so the list is read from its end, and the
/// first address that is no trusted proxy's is the client. What stands before it anybody could
/// have written.
pub(super) fn client_address(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    search(peer, headers, trusted).map(|(client, _)| client)
}

/// The same, where it decides something: nobody where a trusted proxy names no address.
pub(super) fn certain_address(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    let found = search(peer, headers, trusted);
    found.and_then(|(client, is_certain)| is_certain.then_some(client))
}

fn search(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> Option<(IpAddr, bool)> {
    let is_trusted = |address: &IpAddr| {
        let address = address.to_canonical();
        trusted.iter().any(|network| network.contains(&address))
    };
    let mut client = peer?.to_canonical();
    let hops: Vec<&[u8]> = headers
        .get_all("x-forwarded-for")
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .collect();
    if hops.is_empty() {
        let is_certain = !is_trusted(&client);
        return Some((client, is_certain));
    }
    for hop in hops.into_iter().rev() {
        if !is_trusted(&client) {
            break;
        }
        let Some(address) = std::str::from_utf8(hop).ok().and_then(parse) else {
            return Some((client, false));
        };
        client = address;
    }
    Some((client, true))
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
    fn a_stranger_is_not_believed() {
        assert_eq!(client("203.0.113.9", &[b"198.51.100.1"]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_names_its_caller() {
        assert_eq!(client("10.0.0.1", &[b"198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            client("::ffff:10.0.0.1", &[b"198.51.100.1:4711"]),
            "198.51.100.1"
        );
        assert_eq!(client("::1", &[b"2001:db8::7"]), "2001:db8::7");
    }

    #[test]
    fn what_the_client_itself_wrote_does_not_count() {
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
    fn nonsense_ends_the_search() {
        assert_eq!(client("10.0.0.1", &[b"198.51.100.1, unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[b"\xff, 198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn whom_a_proxy_does_not_name_is_nobody_where_it_counts() {
        let certain = |peer, forwarded| read(certain_address, peer, forwarded);
        assert_eq!(certain("10.0.0.1", &[b"198.51.100.1, unknown"]), None);
        assert_eq!(certain("10.0.0.1", &[b"[2001:db8::1]"]), None);
        let named = Some("198.51.100.1".parse().unwrap());
        assert_eq!(certain("10.0.0.1", &[b"\xff, 198.51.100.1"]), named);
        assert_eq!(certain("198.51.100.1", &[b"unknown"]), named);
        assert_eq!(certain("10.0.0.1", &[]), None);
        assert_eq!(certain("198.51.100.1", &[]), named);
        let proxies = Some("10.9.9.9".parse().unwrap());
        assert_eq!(certain("10.0.0.1", &[b"10.9.9.9"]), proxies);
    }
}
