//! `issuers.*`: tokens of workloads, beside those of `oauth.issuer`.

mod erasure;
mod forgeries;
mod keys;
mod outage;
mod tokens;
mod workspaces;
mod world;
