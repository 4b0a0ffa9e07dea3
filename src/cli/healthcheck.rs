use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::config::Config;

use super::outcome::CommandError;
use super::{ConfigFile, environment};

const TIMEOUT: Duration = Duration::from_secs(3);

/// `cloakroom healthcheck`: asks `/readyz` where the configuration says that the gateway listens.
pub(super) async fn run(file: &ConfigFile) -> Result<(), CommandError> {
    let config = Config::load(file.config.as_deref(), environment()?)?;
    let url = format!("http://{}/readyz", reachable(config.http.address));
    let failed = |what: String| CommandError::Failed(format!("{url}: {what}"));
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(TIMEOUT)
        .build();
    let client = client.map_err(|error| failed(error.to_string()))?;
    match client.get(&url).send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(failed(
            answer.text().await.unwrap_or_default().trim().to_owned(),
        )),
        Err(_) => Err(failed("no answer".to_owned())),
    }
}

/// A gateway that listens everywhere is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
