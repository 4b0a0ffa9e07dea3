use std::fmt::Display;

use crate::config::ConfigErrors;
use crate::login::LoginError;
use crate::server::StartError;
use crate::service::{AdministerError, RegistryError};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{0}")]
    Failed(String),
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The command has printed the error already.
    #[error("see above")]
    Reported,
    /// The command has logged the error already.
    #[error(transparent)]
    Logged(Box<Self>),
}

impl CommandError {
    pub(super) fn failed(error: impl Display) -> Self {
        Self::Failed(error.to_string())
    }

    /// Logs why a command that keeps a log failed.
    pub(super) fn logged(error: StartError) -> Self {
        for line in error.to_string().lines() {
            tracing::error!("{line}");
        }
        Self::Logged(Box::new(error.into()))
    }

    pub(super) fn is_reported(&self) -> bool {
        matches!(self, Self::Reported | Self::Logged(_))
    }

    /// Whether the configuration is to blame.
    pub(super) fn is_configuration(&self) -> bool {
        match self {
            Self::Config(_) => true,
            Self::Start(error) => error.is_configuration(),
            Self::Logged(error) => error.is_configuration(),
            Self::Failed(_) | Self::Login(_) | Self::Reported => false,
        }
    }

    /// Whether signing in is what helps.
    pub(super) fn needs_sign_in(&self) -> bool {
        matches!(self, Self::Login(error) if error.needs_sign_in())
    }
}

impl From<AdministerError> for CommandError {
    fn from(error: AdministerError) -> Self {
        Self::failed(error)
    }
}

impl From<RegistryError> for CommandError {
    fn from(error: RegistryError) -> Self {
        Self::failed(error)
    }
}
