use std::net::IpAddr;

use ipnet::{IpNet, Ipv6Net};

/// A subscriber has at least the IPv6 addresses that share this many bits (RFC 6177 section 2).
const IPV6_PREFIX: u8 = 64;

/// The network of a client, by which limits count: an IPv4 address or the /64 of an IPv6 address,
/// because one client has all of those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientNetwork(IpNet);

impl From<IpAddr> for ClientNetwork {
    fn from(address: IpAddr) -> Self {
        let network = match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = Ipv6Net::new(address, IPV6_PREFIX);
                network.map_or_else(|_| IpNet::from(IpAddr::V6(address)), IpNet::V6)
            }
            address @ IpAddr::V4(_) => address.into(),
        };
        Self(network.trunc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> ClientNetwork {
        address.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn ipv6_clients_are_told_apart_by_their_64() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:0:0:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }
}
