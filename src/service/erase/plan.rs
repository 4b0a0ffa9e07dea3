use crate::domain::{AccessKeyId, BucketName, Owner, OwnerPseudonym, Principal};
use crate::service::{Presence, Reservation, ReservationState, find_organisation, find_workspace};

use super::sweep::count;
use super::{EraseError, EraseOwner, Erasure, Person, Place, Tally, Traces};

/// What erasing an owner would delete.
#[derive(Clone, Debug)]
pub struct ErasurePlan {
    /// The owner.
    pub owner: Owner,
    /// The name that stays.
    pub pseudonym: OwnerPseudonym,
    /// The owner's buckets, or area of one.
    pub places: Vec<PlannedPlace>,
    /// Access keys that have to be deleted first.
    pub access_keys: Vec<AccessKeyId>,
    /// Where the registry names the owner, if it is a person.
    pub traces: Option<Traces>,
    /// The latest erasure of this owner.
    pub earlier: Option<Erasure>,
    /// Whether nothing is issued for the owner.
    pub is_frozen: bool,
}

/// A bucket, or part of one, and what is in it.
#[derive(Clone, Debug)]
pub struct PlannedPlace {
    /// Where.
    pub place: Place,
    /// Whether the store has the bucket.
    pub exists: bool,
    /// What it holds.
    pub found: Tally,
}

impl EraseOwner {
    /// Finds out what erasing the owner would delete, and changes nothing.
    ///
    /// # Errors
    ///
    /// [`EraseError`] when nothing is known of the owner, or a bucket is not this deployment's.
    pub async fn plan(&self, owner: &Owner) -> Result<ErasurePlan, EraseError> {
        let pseudonym = self.settings.formula.digest(owner).pseudonym();
        let erasures = &self.ports.erasures;
        let earlier = erasures.erasure(&pseudonym).await?;
        let places = self.places(owner, &pseudonym).await?;
        let traces = match owner {
            Owner::Principal(principal) => {
                let person = person(principal, &pseudonym);
                let traces = erasures.traces(person).await?;
                let reservations = erasures.reservations_of_person(person).await?;
                if reservations.is_empty() && traces.are_none() && earlier.is_none() {
                    return Err(EraseError::Unknown(owner.clone()));
                }
                Some(traces)
            }
            _ => None,
        };
        let mut plan = ErasurePlan {
            owner: owner.clone(),
            pseudonym,
            places: Vec::new(),
            access_keys: Vec::new(),
            traces,
            earlier,
            is_frozen: self.ports.freezer.is_frozen(owner).await?,
        };
        plan.access_keys = self.access_keys(&plan, &places).await?;
        for place in places {
            plan.places.push(self.look_into(place).await?);
        }
        Ok(plan)
    }

    /// Adds what has come since the plan was made, and looks for access keys again.
    pub(super) async fn look_again(&self, plan: &ErasurePlan) -> Result<ErasurePlan, EraseError> {
        let mut plan = plan.clone();
        let places = self.places(&plan.owner, &plan.pseudonym).await?;
        plan.access_keys = self.access_keys(&plan, &places).await?;
        for place in places {
            if !plan.places.iter().any(|planned| planned.place == place) {
                plan.places.push(self.look_into(place).await?);
            }
        }
        Ok(plan)
    }

    /// Looks again where the registry names the person: the erasure of another client's owner may have ended
    /// meanwhile, or a bucket may have been made through it.
    pub(super) async fn look_at_traces(
        &self,
        plan: &ErasurePlan,
    ) -> Result<ErasurePlan, EraseError> {
        let mut plan = plan.clone();
        if let Some(person) = plan.person() {
            plan.traces = Some(self.ports.erasures.traces(person).await?);
            let places: Vec<Place> = plan.places.iter().map(|one| one.place.clone()).collect();
            plan.access_keys = self.access_keys(&plan, &places).await?;
        }
        Ok(plan)
    }

    /// The owner's buckets, or area of one.
    async fn places(
        &self,
        owner: &Owner,
        pseudonym: &OwnerPseudonym,
    ) -> Result<Vec<Place>, EraseError> {
        let directory = self.ports.directory.as_ref();
        match owner {
            Owner::Principal(principal) => {
                let person = person(principal, pseudonym);
                let reservations = self.ports.erasures.reservations_of_person(person).await?;
                let made = reservations.into_iter().filter(was_made);
                Ok(made.map(|one| Place::from(one.bucket)).collect())
            }
            Owner::Organisation(slug) => {
                let found = find_organisation(directory, slug).await?;
                Ok(vec![Place::from(found.area)])
            }
            Owner::Workspace(name) => {
                let found = find_workspace(directory, name).await?;
                Ok(vec![Place::from(found.area)])
            }
            Owner::AccessKey(_) => Err(EraseError::NoStorage(owner.clone())),
        }
    }

    /// Access keys that are the owner's, or reach one of the places.
    async fn access_keys(
        &self,
        plan: &ErasurePlan,
        places: &[Place],
    ) -> Result<Vec<AccessKeyId>, EraseError> {
        let buckets: Vec<BucketName> = places.iter().map(|one| one.bucket.clone()).collect();
        let person = plan.person();
        Ok(self.ports.erasures.access_keys(person, &buckets).await?)
    }

    async fn look_into(&self, place: Place) -> Result<PlannedPlace, EraseError> {
        let exists = self.is_ours(&place.bucket).await?;
        let found = if exists {
            count(self.ports.contents.as_ref(), &place).await?
        } else {
            Tally::default()
        };
        Ok(PlannedPlace {
            place,
            exists,
            found,
        })
    }

    /// Whether the store has the bucket. Fails if it is not known to be this deployment's.
    pub(super) async fn is_ours(&self, bucket: &BucketName) -> Result<bool, EraseError> {
        match self.ports.buckets.look(bucket).await? {
            Presence::Missing => return Ok(false),
            Presence::Ours => {}
            Presence::Foreign | Presence::Hidden => {
                return Err(EraseError::NotOurs(bucket.clone()));
            }
        }
        match self.ports.buckets.marker(bucket).await? {
            Some(marker) if marker != self.settings.deployment => {
                Err(EraseError::NotOurs(bucket.clone()))
            }
            _ => Ok(true),
        }
    }
}

impl ErasurePlan {
    /// All that was found.
    #[must_use]
    pub fn found(&self) -> Tally {
        let mut all = Tally::default();
        for place in &self.places {
            all += place.found;
        }
        all
    }

    /// The person, if the owner is one.
    #[must_use]
    pub fn person(&self) -> Option<Person<'_>> {
        let Owner::Principal(principal) = &self.owner else {
            return None;
        };
        let is_whole = self.traces.as_ref().is_some_and(Traces::is_whole);
        Some(Person {
            is_whole,
            ..person(principal, &self.pseudonym)
        })
    }

    /// Whether an earlier erasure has left nothing to do.
    #[must_use]
    pub fn is_done(&self, keep_bucket: bool) -> bool {
        let was_finished = self.earlier.as_ref();
        let was_finished = was_finished.is_some_and(|earlier| earlier.finished_at.is_some());
        let is_gone =
            |place: &PlannedPlace| !place.exists || place.place.prefix.is_some() || keep_bucket;
        was_finished
            && self.is_frozen
            && self.found().is_empty()
            && self.places.iter().all(is_gone)
            && self.traces.as_ref().is_none_or(Traces::are_none)
    }
}

fn person<'a>(principal: &'a Principal, pseudonym: &'a OwnerPseudonym) -> Person<'a> {
    Person {
        principal,
        pseudonym,
        is_whole: false,
    }
}

/// A bucket that is only reserved was never the person's: the store may have had one of that name.
fn was_made(reservation: &Reservation) -> bool {
    reservation.state != Some(ReservationState::Reserved)
}
