use std::net::SocketAddr;

use super::key::Key;
use super::reader::{Read, Reader};

const ADDRESS: Key = Key::new(
    "metrics.address",
    "The IP address and the port of `/metrics`, apart from the gateway's own. It needs no credential \
     and tells no secret, but how much the gateway is used: keep it inside your network.",
)
.see("Monitoring", "monitoring.md");

/// `metrics.*`
#[derive(Clone, Copy, Debug)]
pub struct MetricsConfig {
    /// `metrics.address`
    pub address: Option<SocketAddr>,
}

impl MetricsConfig {
    /// `http` is the gateway's own address.
    pub(super) fn read(reader: &mut Reader, http: Read<SocketAddr>) -> Read<Self> {
        reader.section("metrics", "Where metrics are served.");
        let address: Option<SocketAddr> = reader.optional(ADDRESS)?;
        if let (Some(address), Ok(http)) = (address, http)
            && address == http
            && address.port() != 0
        {
            reader.error(ADDRESS, "is http.address: choose another port");
        }
        Ok(Self { address })
    }
}
