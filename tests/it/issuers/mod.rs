//! `issuers.*`: tokens of workloads, beside those of `oauth.issuer`.

mod erasure;
mod forgeries;
mod keys;
mod nested;
mod outage;
mod recipes;
mod tls;
mod tokens;
mod workspaces;
mod world;
