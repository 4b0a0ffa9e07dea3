//! Who else could read the database.

use std::net::IpAddr;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::Database;

impl Database {
    /// Warns when others could read the database, and says what to do about that.
    #[must_use]
    pub fn exposure(&self) -> Option<String> {
        if let Some(file) = self.opener.file() {
            let exposed = file.exposed();
            let names: Vec<_> = exposed
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            return (!names.is_empty()).then(|| {
                format!(
                    "other users of this machine can read the registry and the audit trail: \
                     chmod 600 {}",
                    names.join(" ")
                )
            });
        }
        let url = self.opener.options().to_url_lossy();
        let options = PgConnectOptions::from_url(&url).ok()?;
        travels_unprotected(&options).then(|| {
            format!(
                "the registry's rows and password may travel unprotected to {}: add \
                 sslmode=verify-full to the URL (with sslrootcert=FILE for a private authority), \
                 or at least sslmode=require",
                options.get_host()
            )
        })
    }
}

/// Whether the connection could be read on its way to the server.
fn travels_unprotected(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    let is_loopback =
        host == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback());
    let is_encrypted = matches!(
        options.get_ssl_mode(),
        PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull
    );
    options.get_socket().is_none() && !host.starts_with('/') && !is_loopback && !is_encrypted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_on_another_machine_needs_tls() {
        let unprotected = |url: &str| travels_unprotected(&url.parse().unwrap());
        for url in [
            "postgres://u:p@db.example.com/d",
            "postgres://u:p@10.0.0.1/d?sslmode=prefer",
            "postgres://u:p@db.example.com/d?sslmode=disable",
            "postgres://u:p@127.0.0.1/d?host=db.example.com",
        ] {
            assert!(unprotected(url), "{url}");
        }
        for url in [
            "postgres://u:p@db.example.com/d?sslmode=require",
            "postgres://u:p@db.example.com/d?sslmode=verify-ca",
            "postgres://u:p@db.example.com/d?sslmode=verify-full",
            "postgres://u:p@127.0.0.1/d",
            "postgres://u:p@localhost:5433/d",
            "postgres://u:p@[::1]/d",
            "postgres:///d?host=/run/postgresql",
        ] {
            assert!(!unprotected(url), "{url}");
        }
    }
}
