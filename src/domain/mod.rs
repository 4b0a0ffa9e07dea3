//! The domain: pure, without IO, async or a clock.
//!
//! Every route is the same sentence: who is asking ([`Caller`]) → what is theirs ([`Owner`],
//! [`Grant`]) → hand out a key to it ([`SessionPolicy`], [`Session`]).

mod access_key;
mod access_token;
mod api_key;
mod api_key_error;
mod area;
mod audit_event;
mod block;
mod bucket;
mod caller;
mod claims;
mod client_network;
mod deployment_id;
mod grant;
mod issuer;
mod membership;
mod organisation;
mod owner;
mod policy;
mod principal;
mod pseudonym;
mod request_id;
mod restrictions;
mod scope;
mod session;
mod session_name;
mod session_token;
mod share;
mod slug;
mod text;
mod token_error;

pub use access_key::{
    AccessKey, AccessKeyId, AccessKeyOwner, AccessKeyRights, AccessKeyState, BucketPrefix,
    CapabilityId, InvalidAccessKeyId, InvalidBucketPrefix, KeyPair,
};
pub use access_token::{AccessToken, InvalidAccessToken, MAX_TOKEN_BYTES};
pub use api_key::{ApiKey, ApiKeyHash, ApiKeyId, InvalidApiKey, InvalidApiKeyId};
pub use api_key_error::ApiKeyError;
pub use area::Area;
pub use audit_event::{AuditCause, AuditEvent, Concerned, InvalidOperator, Operator};
pub use block::{Block, BlockReason, BlockTarget, InvalidBlockReason};
pub use bucket::{
    BucketFormula, BucketFormulaError, BucketName, InvalidBucketName, MIN_DIGITS, NamingSecret,
};
pub use caller::{ApiKeyCaller, Caller, CallerId, TokenCaller};
pub use claims::{Audience, TokenRules, UnverifiedClaims};
pub use client_network::ClientNetwork;
pub use deployment_id::{DeploymentId, InvalidDeploymentId};
pub use grant::{Access, Grant, InvalidPrefix, Prefix};
pub use issuer::{
    ClaimTemplate, ClientIdSource, Condition, Glob, GrantRule, InvalidClaimName, InvalidGlob,
    InvalidIssuerId, InvalidIssuerName, InvalidTemplate, IssuerId, IssuerName, NamedClaims,
    Platform, Test, TrustedIssuer, check_claim_name, members_of_claim,
};
pub use membership::{Member, Membership};
pub use organisation::{Organisation, RegisteredApiKey, Workspace};
pub use owner::{BucketOwner, Owner, OwnerDigest};
pub use policy::{
    AccessKeyPolicy, AccessKeyPolicyError, BeforeName, ExtraAction, Loopholes, MAX_POLICY_CHARS,
    PolicyError, RevocationStatement, SessionPolicy, SessionPolicySettings,
};
pub use principal::{
    ClientId, InvalidIdentifier, InvalidPrincipal, MAX_IDENTIFIER_BYTES, Principal, Subject,
};
pub use pseudonym::{InvalidOwnerPseudonym, OwnerPseudonym};
pub use request_id::RequestId;
pub use restrictions::{BlockInForce, Restricted, Restrictions, RevocationInForce, name_of_erased};
pub use scope::{InvalidScope, Scope};
pub use session::Session;
pub use session_name::RoleSessionName;
pub use session_token::SessionTokenHash;
pub use share::{InvalidShare, Share};
pub use slug::{InvalidSlug, InvalidWorkspaceName, SLUG_FORM, Slug, WorkspaceName};
pub use token_error::TokenError;
