use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use ipnet::IpNet;
use semver::Version;
use url::{ParseError, Url};

use crate::adapters::RateLimit;
use crate::domain::{
    BucketPrefix, ClaimTemplate, ClientIdSource, DeploymentId, ExtraAction, IssuerId, Scope, Share,
};

use super::key::Kind;

/// A type that a value can have.
pub(super) trait Value: Sized {
    /// What the reference and the schema say about it.
    fn kind() -> Kind;

    /// Reads it; the error says what is wrong and what to write.
    fn parse(text: &str) -> Result<Self, String>;
}

/// A table of a list.
pub(super) trait Table: Sized {
    /// Its JSON schema.
    fn schema() -> serde_json::Value;

    /// Reads it; the error says what is wrong and what to write.
    fn read(table: serde_json::Value) -> Result<Self, String>;
}

/// A closed list of words: the names of an enum's variants.
pub(super) trait Choice: ValueEnum {}

impl<T: Choice> Value for T {
    fn kind() -> Kind {
        Kind::Choice(names::<T>())
    }

    fn parse(text: &str) -> Result<Self, String> {
        T::from_str(text, false).map_err(|_| expected(&names::<T>()))
    }
}

fn names<T: ValueEnum>() -> Vec<String> {
    let variants = T::value_variants().iter();
    let values = variants.filter_map(ValueEnum::to_possible_value);
    values.map(|value| value.get_name().to_owned()).collect()
}

fn expected(names: &[String]) -> String {
    format!("expected one of {}", names.join(", "))
}

/// Implements [`Value`] by `FromStr`.
macro_rules! from_str {
    ($($type:ty: $kind:expr),+ $(,)?) => {$(
        impl Value for $type {
            fn kind() -> Kind {
                $kind
            }

            fn parse(text: &str) -> Result<Self, String> {
                text.parse::<Self>().map_err(explain)
            }
        }
    )+};
}

from_str! {
    String: Kind::Text,
    PathBuf: Kind::File,
    RateLimit: Kind::Text,
    Version: Kind::Text,
    BucketPrefix: Kind::Text,
    DeploymentId: Kind::Text,
    Share: Kind::Text,
    ClaimTemplate: Kind::Text,
}

fn explain(error: impl Display) -> String {
    error.to_string()
}

impl Value for bool {
    fn kind() -> Kind {
        Kind::Flag
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "expected true or false".to_owned())
    }
}

impl Value for u64 {
    fn kind() -> Kind {
        Kind::Number { minimum: 0 }
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|error| format!("{error}: write 512, for instance"))
    }
}

impl Value for NonZeroUsize {
    fn kind() -> Kind {
        Kind::Number { minimum: 1 }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let number = text
            .parse()
            .map_err(|error| format!("{error}: write 512, for instance"))?;
        Self::new(number).ok_or_else(|| "must be at least 1".to_owned())
    }
}

impl Value for Duration {
    fn kind() -> Kind {
        Kind::Duration
    }

    fn parse(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text)
            .map_err(|_| "expected a length of time: 10s, 5m or 1h, for instance".to_owned())
    }
}

impl Value for Url {
    fn kind() -> Kind {
        Kind::Url
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| {
            let what = match error {
                ParseError::RelativeUrlWithoutBase => {
                    "must start with https:// or http://".to_owned()
                }
                error => error.to_string(),
            };
            format!("{what}: write https://storage.example.com, for instance")
        })
    }
}

impl Value for SocketAddr {
    fn kind() -> Kind {
        Kind::Text
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| {
            let port = text.rsplit(':').next().and_then(|port| port.parse().ok());
            let example = Self::new(Ipv4Addr::LOCALHOST.into(), port.unwrap_or(8080));
            format!("'{text}' is not an IP address with a port: write {example}, for instance")
        })
    }
}

/// A CIDR, or a single address.
impl Value for IpNet {
    fn kind() -> Kind {
        Kind::Text
    }

    fn parse(text: &str) -> Result<Self, String> {
        let address = text.parse::<IpAddr>().map(Self::from);
        let network = address.or_else(|_| text.parse());
        network.map_err(|_| {
            "expected a network or an address: 10.0.0.0/8 or ::1, for instance".to_owned()
        })
    }
}

impl Value for Scope {
    fn kind() -> Kind {
        Kind::Text
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(explain)
    }
}

impl Value for IssuerId {
    fn kind() -> Kind {
        Kind::Url
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(explain)
    }
}

impl Value for ClientIdSource {
    fn kind() -> Kind {
        Kind::Text
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl Value for ExtraAction {
    fn kind() -> Kind {
        Kind::Choice(actions())
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        let action = all.find(|action| action.as_str() == text);
        action.ok_or_else(|| expected(&actions()))
    }
}

fn actions() -> Vec<String> {
    ExtraAction::ALL
        .map(|action| action.as_str().to_owned())
        .into()
}
