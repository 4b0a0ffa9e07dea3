use super::devices::Devices;
use super::grants::Grants;
use super::revocation::RevokedTokens;
use super::signing_key::SigningKey;

/// What the endpoints share.
pub(super) struct State {
    pub(super) issuer: String,
    pub(super) signing_key: SigningKey,
    pub(super) resource_server: ClientCredentials,
    pub(super) grants: Grants,
    pub(super) devices: Devices,
    pub(super) revoked: RevokedTokens,
}

/// The credentials of a confidential client.
#[derive(Clone)]
pub struct ClientCredentials {
    /// The client id.
    pub client_id: String,
    /// The client secret, which is new at each start.
    pub client_secret: String,
}
