use chrono::{DateTime, SecondsFormat, Utc};
use ipnet::IpNet;

use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyOwner, AccessKeyPolicy, AccessKeyRights, AccessKeyState,
    AuditEvent, CapabilityId, Owner,
};

use super::{Administer, AdministerError, find_access_key, find_organisation};

/// What an operator wants an access key to be.
#[derive(Clone, Debug)]
pub struct NewAccessKey {
    /// Its name for people.
    pub name: String,
    /// Who owns it.
    pub owner: AccessKeyOwner,
    /// Which buckets it opens.
    pub rights: AccessKeyRights,
    /// The networks that may ask for its credentials; any if empty.
    pub networks: Vec<IpNet>,
}

impl Administer {
    /// Adds an access key. Its credentials are created when a caller asks for them.
    ///
    /// # Errors
    ///
    /// [`AdministerError`] when it would open nothing, too much, or another owner's bucket.
    pub async fn create_access_key(&self, new: NewAccessKey) -> Result<AccessKey, AdministerError> {
        if let AccessKeyOwner::Organisation(slug) = &new.owner {
            find_organisation(self.administration(), slug).await?;
        }
        let rights = AccessKeyRights {
            prefix: self.settings.bucket_prefix.clone(),
            ..new.rights
        };
        AccessKeyPolicy::for_rights(&rights, self.settings.loopholes)?;
        let key = AccessKey {
            id: AccessKeyId::from_random(self.ports.randomness.bits()),
            name: new.name,
            created_at: self.ports.clock.now(),
            owner: new.owner,
            rights,
            networks: new.networks,
            state: AccessKeyState::Pending,
            disabled_at: None,
        };
        let networks = key.networks.iter();
        let networks: Vec<String> = networks.map(|one| format!(" from:{one}")).collect();
        let detail = format!("{}{} ({})", key.rights, networks.concat(), key.name);
        let event = self.access_key_event("access-key create", &key, detail);
        let formula = &self.settings.formula;
        let adding = self.administration().add_access_key(&key, formula, &event);
        match adding.await? {
            Some(bucket) => Err(AdministerError::BucketOfOthers(bucket)),
            None => Ok(key),
        }
    }

    /// Stops it from giving out credentials and, soon, ends its pairs. Returns whether that was a
    /// change.
    ///
    /// # Errors
    ///
    /// [`AdministerError::NoSuch`] if there is none.
    pub async fn disable_access_key(&self, id: &AccessKeyId) -> Result<bool, AdministerError> {
        let key = find_access_key(self.administration(), id).await?;
        let event = self.access_key_event("access-key disable", &key, key.name.clone());
        Ok(self.administration().disable_access_key(id, &event).await?)
    }

    /// Deletes it. The engine keeps its pairs and policy a little longer.
    ///
    /// # Errors
    ///
    /// [`AdministerError::NoSuch`] if there is none.
    pub async fn delete_access_key(&self, id: &AccessKeyId) -> Result<(), AdministerError> {
        let key = find_access_key(self.administration(), id).await?;
        let event = self.access_key_event("access-key delete", &key, key.name.clone());
        self.administration().delete_access_key(id, &event).await?;
        Ok(())
    }

    /// Chooses the id of a capability token and records it, before the token is made. The token lets
    /// its bearer ask for the key's credentials until it expires.
    ///
    /// # Errors
    ///
    /// [`AdministerError`] if there is no such key, or it is disabled.
    pub async fn name_capability(
        &self,
        id: &AccessKeyId,
        expires: DateTime<Utc>,
    ) -> Result<CapabilityId, AdministerError> {
        let key = find_access_key(self.administration(), id).await?;
        if key.disabled_at.is_some() {
            return Err(AdministerError::Disabled(key.id));
        }
        let name = CapabilityId::from_random(self.ports.randomness.bits());
        let expires = expires.to_rfc3339_opts(SecondsFormat::Secs, true);
        let event = AuditEvent {
            key_id: Some(name.to_string()),
            ..self.access_key_event("access-key capability", &key, format!("until {expires}"))
        };
        self.administration().note(&event).await?;
        Ok(name)
    }

    /// Finishes a change at the engine, where the gateway would do so within seconds. Returns false
    /// if this configuration has no broker.
    ///
    /// # Errors
    ///
    /// [`AdministerError::Internal`] when the engine fails; the gateway tries again.
    pub async fn look_after_key(&self, id: &AccessKeyId) -> Result<bool, AdministerError> {
        let Some(keeper) = &self.ports.keeper else {
            return Ok(false);
        };
        let done = keeper.look_after(id).await;
        done.map_err(|error| AdministerError::Internal(error.to_string()))?;
        Ok(true)
    }

    fn access_key_event(
        &self,
        action: &'static str,
        key: &AccessKey,
        detail: String,
    ) -> AuditEvent {
        AuditEvent {
            access_key_owner: Some(key.owner.clone()),
            detail,
            ..self.event(action, Owner::AccessKey(key.id.clone()))
        }
    }
}
