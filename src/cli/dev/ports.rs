use std::io;
use std::net::{Ipv4Addr, TcpListener};

use crate::cli::error::CommandError;

use super::DevCommand;

/// Checks all three ports before anything is created, and reports every one that is taken. Returns
/// the gateway's listener: its address has to be known before the gateway is built.
pub(super) fn reserve(command: &DevCommand) -> Result<TcpListener, CommandError> {
    let ports = [
        ("--port", command.port),
        ("--storage-port", command.storage_port),
        ("--oauth-port", command.oauth_port),
    ];
    // All listen until the last is checked: two flags may name the same port.
    let mut listeners = Vec::new();
    let mut complaints = Vec::new();
    let mut is_any_taken = false;
    for (flag, port) in ports {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => listeners.push(listener),
            Err(error) => {
                is_any_taken |= error.kind() == io::ErrorKind::AddrInUse;
                complaints.push(unavailable(flag, port, &error).to_string());
            }
        }
    }
    if is_any_taken {
        complaints.push("Is another `cloakroom dev` running?".to_owned());
    }
    match listeners.into_iter().next() {
        Some(gateway) if complaints.is_empty() => Ok(gateway),
        _ => Err(CommandError::Failed(complaints.join("\n"))),
    }
}

pub(super) fn unavailable(flag: &str, port: u16, error: &io::Error) -> CommandError {
    CommandError::Failed(match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("{flag}: port {port} is taken; choose another, or 0 for any free one")
        }
        _ => format!("{flag}: {error}"),
    })
}
