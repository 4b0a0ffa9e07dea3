//! What the product exists for, pure: no IO, no async, no clock.
//!
//! Every route is the same sentence: who is asking ([`Caller`]) → what is theirs ([`Owner`],
//! [`Grant`]) → hand out a key to it ([`SessionPolicy`], [`Session`]).

mod access_key;
mod access_token;
mod api_key;
mod area;
mod audit_record;
mod bucket;
mod caller;
mod change;
mod claims;
mod client_network;
mod deployment_id;
mod grant;
mod key_problem;
mod membership;
mod organisation;
mod owner;
mod policy;
mod principal;
mod pseudonym;
mod request_id;
mod scope;
mod session;
mod session_name;
mod slug;
mod token_problem;

pub use access_key::{
    AccessKey, AccessKeyId, AccessKeyState, BucketPrefix, CapabilityId, InvalidAccessKeyId,
    InvalidBucketPrefix, KeyOwner, KeyPair, KeyRights,
};
pub use access_token::{AccessToken, MAX_TOKEN_BYTES, MalformedToken};
pub use api_key::{ApiKey, ApiKeyHash, ApiKeyId, InvalidApiKeyId, MalformedApiKey};
pub use area::Area;
pub use audit_record::AuditRecord;
pub use bucket::{
    BucketFormula, BucketName, FormulaError, InvalidBucketName, MIN_DIGITS, NamingSecret,
};
pub use caller::{Caller, CallerId, KeyHolder, TokenHolder};
pub use change::{Change, InvalidOperator, Operator};
pub use claims::{Audience, TokenRules, UnverifiedClaims, UsedClaims};
pub use client_network::ClientNetwork;
pub use deployment_id::{DeploymentId, InvalidDeploymentId};
pub use grant::{Access, Grant, Prefix, PrefixError};
pub use key_problem::KeyProblem;
pub use membership::{Member, Membership};
pub use organisation::{Organisation, RegisteredKey, Workspace};
pub use owner::{BucketHolder, Owner, OwnerDigest};
pub use policy::{
    ExtraAction, KeyPolicy, KeyPolicyError, Loopholes, MAX_POLICY_CHARS, PolicyTooLong,
    SessionPolicy,
};
pub use principal::{ClaimError, ClientId, MAX_CLAIM_BYTES, Principal, Subject};
pub use pseudonym::{InvalidOwnerPseudonym, OwnerPseudonym};
pub use request_id::RequestId;
pub use scope::{InvalidScope, Scope};
pub use session::Session;
pub use session_name::RoleSessionName;
pub use slug::{InvalidSlug, InvalidWorkspaceName, SLUG_FORM, Slug, WorkspaceName};
pub use token_problem::TokenProblem;
