use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::{ApiKey, ApiKeyId, AuditEvent, Owner, RegisteredApiKey, Scope, Slug};

use super::{Administer, AdministerError, find_api_key, find_organisation};

/// The longest lifetime of an API key that expires.
const LONGEST_LIFE: TimeDelta = TimeDelta::days(36_500);

/// What an operator wants an API key to be.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Which organisation's it is.
    pub organisation: Slug,
    /// Its name for people.
    pub label: String,
    /// How long it is valid; for ever if `None`.
    pub expires_in: Option<Duration>,
    /// Whether it opens the organisation's storage.
    pub storage: bool,
    /// The scopes that it has besides.
    pub scopes: Vec<Scope>,
}

impl Administer {
    /// A new key, which opens nothing before it is registered.
    #[must_use]
    pub fn new_key(&self) -> ApiKey {
        let randomness = &self.ports.randomness;
        ApiKey::from_random([randomness.bits(), randomness.bits(), randomness.bits()])
    }

    /// Creates a key. It can be seen whole only now.
    ///
    /// # Errors
    ///
    /// [`AdministerError::NoSuch`] if there is no such organisation.
    pub async fn create_api_key(
        &self,
        new: NewApiKey,
    ) -> Result<(ApiKey, RegisteredApiKey), AdministerError> {
        find_organisation(self.administration(), &new.organisation).await?;
        let key = self.new_key();
        let created_at = self.ports.clock.now();
        let expires_at = new.expires_in.map(|lifetime| {
            let lifetime = TimeDelta::from_std(lifetime).ok();
            let lifetime = lifetime.filter(|lifetime| *lifetime <= LONGEST_LIFE);
            let expires = lifetime.and_then(|lifetime| created_at.checked_add_signed(lifetime));
            expires.ok_or(AdministerError::LivesTooLong)
        });
        let registered = RegisteredApiKey {
            id: key.id().clone(),
            hash: key.hash(),
            organisation: new.organisation,
            label: new.label,
            storage: new.storage,
            scopes: new.scopes,
            created_at,
            expires_at: expires_at.transpose()?,
            revoked_at: None,
            last_used: None,
        };
        let event = self.api_key_event("api-key create", &registered);
        let adding = self.administration().add_api_key(&registered, &event);
        adding.await?;
        Ok((key, registered))
    }

    /// Revokes a key. Returns whether that was a change.
    ///
    /// # Errors
    ///
    /// [`AdministerError::NoSuch`] if there is none.
    pub async fn revoke_key(&self, id: &ApiKeyId) -> Result<bool, AdministerError> {
        let key = find_api_key(self.administration(), id).await?;
        let event = self.api_key_event("api-key revoke", &key);
        Ok(self.administration().revoke_api_key(id, &event).await?)
    }

    fn api_key_event(&self, action: &'static str, key: &RegisteredApiKey) -> AuditEvent {
        AuditEvent {
            key_id: Some(key.id.to_string()),
            detail: key.label.clone(),
            ..self.event(action, Owner::Organisation(key.organisation.clone()))
        }
    }
}
