use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::error::CommandError;
use super::options::ConfigFile;

const TIMEOUT: Duration = Duration::from_secs(3);

/// Exit with 0 if the gateway of this configuration is ready
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  cloakroom healthcheck --config /etc/cloakroom.toml")]
pub(super) struct HealthcheckCommand {
    #[command(flatten)]
    file: ConfigFile,
}

impl HealthcheckCommand {
    /// Asks `/readyz` at the address that the gateway listens on.
    pub(super) async fn run(&self) -> Result<(), CommandError> {
        let config = self.file.load()?;
        let url = format!("http://{}/readyz", reachable(config.http.address));
        let failed = |what: &str| CommandError::Failed(format!("{url}: {what}"));
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(TIMEOUT)
            .build();
        let client = client.map_err(|error| failed(&error.to_string()))?;
        match client.get(&url).send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(failed(answer.text().await.unwrap_or_default().trim())),
            Err(_) => Err(failed("no answer")),
        }
    }
}

/// The address to call: loopback for a gateway that listens on every address.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
