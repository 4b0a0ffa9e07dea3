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
        let (places, traces) = match owner {
            Owner::Principal(principal) => {
                let person = person(principal, &pseudonym);
                let traces = erasures.traces(person).await?;
                let reservations = erasures.reservations_of_person(person).await?;
                let is_known = !reservations.is_empty() || !traces.are_none() || earlier.is_some();
                if !is_known {
                    return Err(EraseError::Unknown(owner.clone()));
                }
                let made = reservations.into_iter().filter(was_made);
                let places = made.map(|one| Place::from(one.bucket));
                (places.collect(), Some(traces))
            }
            Owner::Organisation(slug) => {
                let found = find_organisation(self.ports.directory.as_ref(), slug);
                (vec![Place::from(found.await?.area)], None)
            }
            Owner::Workspace(name) => {
                let found = find_workspace(self.ports.directory.as_ref(), name);
                (vec![Place::from(found.await?.area)], None)
            }
            Owner::AccessKey(_) => return Err(EraseError::NoStorage(owner.clone())),
        };
        let places: Vec<Place> = places;
        let buckets: Vec<BucketName> = places.iter().map(|one| one.bucket.clone()).collect();
        let mut plan = ErasurePlan {
            owner: owner.clone(),
            pseudonym,
            places: Vec::new(),
            access_keys: Vec::new(),
            traces,
            earlier,
        };
        plan.access_keys = erasures.access_keys(plan.person(), &buckets).await?;
        for place in places {
            plan.places.push(self.look_into(place).await?);
        }
        Ok(plan)
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
