use chrono::{DateTime, SecondsFormat, Utc};
use ipnet::IpNet;

use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyOwner, AccessKeyPolicy, AccessKeyRights, AccessKeyState, Area,
    AuditEvent, CapabilityId, Owner,
};
use crate::service::AccessKeyRegistry;

use super::{Administer, AdministerError, find_organisation};

/// What an operator wants an access key to be.
#[derive(Clone, Debug)]
pub struct NewAccessKey {
    /// What to call it.
    pub name: String,
    /// Whose it is.
    pub owner: AccessKeyOwner,
    /// What it opens.
    pub rights: AccessKeyRights,
    /// From where its credentials may be asked for.
    pub networks: Vec<IpNet>,
}

impl Administer {
    /// Adds an access key. It has no credentials before somebody asks for them.
    ///
    /// # Errors
    ///
    /// [`AdministerError`] when it would open nothing, too much, or what is somebody else's.
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
        let networks = key
            .networks
            .iter()
            .map(|network| format!(" from:{network}"));
        let networks = networks.collect::<String>();
        let detail = format!("{}{networks} ({})", key.rights, key.name);
        let event = self.access_key_event("access-key create", &key, &detail);
        let adding = self
            .keys()
            .add_access_key(&key, &self.settings.formula, &event);
        match adding.await? {
            Some(bucket) => Err(AdministerError::SomebodyElses(bucket)),
            None => Ok(key),
        }
    }

    /// Ends the asking for its credentials and, soon, the pairs that are out. Says whether that was
    /// a change.
    ///
    /// # Errors
    ///
    /// [`AdministerError::NoSuch`] if there is none.
    pub async fn disable_access_key(&self, id: &AccessKeyId) -> Result<bool, AdministerError> {
        let key = find_access_key(self.keys(), id).await?;
        let event = self.access_key_event("access-key disable", &key, &key.name);
        Ok(self.keys().disable_access_key(id, &event).await?)
    }

    /// Deletes it: from now on there is no such key, and soon nothing of it at the engine.
    ///
    /// # Errors
    ///
    /// [`AdministerError::NoSuch`] if there is none.
    pub async fn delete_access_key(&self, id: &AccessKeyId) -> Result<(), AdministerError> {
        let key = find_access_key(self.keys(), id).await?;
        let event = self.access_key_event("access-key delete", &key, &key.name);
        self.keys().delete_access_key(id, &event).await?;
        Ok(())
    }

    /// Names a capability token and writes it down, before there is one: whoever has it may ask for
    /// the key's credentials until it expires.
    ///
    /// # Errors
    ///
    /// [`AdministerError`] if there is no such key, or it is disabled.
    pub async fn name_capability(
        &self,
        id: &AccessKeyId,
        expires: DateTime<Utc>,
    ) -> Result<CapabilityId, AdministerError> {
        let key = find_access_key(self.keys(), id).await?;
        if key.disabled_at.is_some() {
            return Err(AdministerError::Disabled(key.id));
        }
        let name = CapabilityId::from_random(self.ports.randomness.bits());
        let expires = expires.to_rfc3339_opts(SecondsFormat::Secs, true);
        let detail = format!("until {expires}");
        let event = AuditEvent {
            key_id: Some(name.to_string()),
            ..self.access_key_event("access-key capability", &key, &detail)
        };
        self.keys().note(&event).await?;
        Ok(name)
    }

    /// Finishes at the engine what has been set out on, if this configuration has a broker: the
    /// gateway would do it within seconds. Says whether it has.
    ///
    /// # Errors
    ///
    /// [`AdministerError::Internal`] when the engine fails; the gateway tries on.
    pub async fn look_after_key(&self, id: &AccessKeyId) -> Result<bool, AdministerError> {
        let Some(keeper) = &self.ports.keeper else {
            return Ok(false);
        };
        let done = keeper.look_after(id).await;
        done.map_err(|error| AdministerError::Internal(error.to_string()))?;
        Ok(true)
    }

    fn access_key_event(&self, action: &'static str, key: &AccessKey, detail: &str) -> AuditEvent {
        AuditEvent {
            access_key_owner: Some(key.owner.clone()),
            detail: detail.to_owned(),
            ..self.event(action, Owner::AccessKey(key.id.clone()))
        }
    }

    fn keys(&self) -> &dyn AccessKeyRegistry {
        self.ports.keys.as_ref()
    }

    /// Refuses a bucket that an access key of another owner still reaches, and one below the prefix
    /// that "all" means from now on. Adding the area asks again, where no key can come in between.
    pub(super) async fn must_not_be_reached(
        &self,
        owner: &Owner,
        area: &Area,
    ) -> Result<(), AdministerError> {
        let bucket = &area.bucket;
        let prefix = self.settings.bucket_prefix.as_ref();
        let is_under_prefix = prefix.is_some_and(|prefix| prefix.covers(bucket));
        let keys = self.keys().keys_that_reach(bucket).await?;
        if is_under_prefix || keys.iter().any(|key| key.opens_to_others(bucket, owner)) {
            return Err(AdministerError::Reached(bucket.clone()));
        }
        Ok(())
    }
}

/// The access key of this name.
///
/// # Errors
///
/// [`AdministerError::NoSuch`] if there is none.
pub async fn find_access_key(
    registry: &dyn AccessKeyRegistry,
    id: &AccessKeyId,
) -> Result<AccessKey, AdministerError> {
    let found = registry.access_key(id).await?;
    found.ok_or_else(|| AdministerError::NoSuch(format!("access key {id}")))
}
