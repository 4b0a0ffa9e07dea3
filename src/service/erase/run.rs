use std::time::Duration;

use chrono::{DateTime, Utc};

use super::sweep::Sweep;
use super::{
    BucketFate, EraseError, EraseOwner, Erased, ErasedPlace, Erasure, ErasureOutcome, ErasurePlan,
    ErasureReport, Governance, Kept, Place, PlannedPlace, Progress, Removal, SessionsEnd, Tally,
};

/// How long an erasure waits for the end of sessions without being told to.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often a bucket is emptied again that was empty and could not be removed.
const MOST_REMOVALS: usize = 5;

/// The pause before that.
const REMOVAL_PAUSE: Duration = Duration::from_secs(1);

/// How an owner is erased.
#[derive(Clone, Copy, Debug)]
pub struct EraseOptions {
    /// What to do about governance locks.
    pub governance: Governance,
    /// Keep the empty bucket.
    pub keep_bucket: bool,
    /// Wait for the last session to expire, where the engine cannot end sessions.
    pub wait: bool,
}

impl EraseOwner {
    /// Erases what the plan found, and what has come since: freezes the owner, ends its sessions, deletes
    /// every version, delete marker and upload, removes the bucket, and then lets the registry forget a
    /// person.
    ///
    /// # Errors
    ///
    /// [`EraseError`]; started again, the erasure goes on.
    pub async fn erase(
        &self,
        plan: &ErasurePlan,
        options: EraseOptions,
        progress: &dyn Progress,
    ) -> Result<ErasureReport, EraseError> {
        if let Some(earlier) = plan
            .earlier
            .clone()
            .filter(|_| plan.is_done(options.keep_bucket))
        {
            return Ok(already_done(plan, earlier, self.ports.clock.now()));
        }
        if !plan.access_keys.is_empty() {
            return Err(EraseError::AccessKeys(plan.access_keys.clone()));
        }
        let (erasures, pseudonym) = (&self.ports.erasures, &plan.pseudonym);
        let detail = match options.governance {
            Governance::Respect => "begun",
            Governance::Bypass => "begun, bypassing governance locks",
        };
        let begun = self.event("erase", &plan.owner).with_detail(detail);
        let erasure = erasures.begin(pseudonym, &begun).await?;
        let (sessions, quiet) = self.keep_out(plan, &erasure, progress).await?;
        // The owner may have got a bucket or an access key since the plan was made.
        let plan = &self.look_again(plan).await?;
        if !plan.access_keys.is_empty() {
            return Err(EraseError::AccessKeys(plan.access_keys.clone()));
        }
        let run = Run {
            use_case: self,
            plan,
            options,
            progress,
        };
        let mut places = Vec::new();
        for planned in &plan.places {
            places.push(run.erase_place(planned).await?);
        }
        let mut outcome = outcome_of(&places);
        if outcome == ErasureOutcome::Erased {
            outcome = run.after_sessions(&mut places, quiet).await?;
        }
        let mut forgotten = 0;
        if outcome == ErasureOutcome::Erased {
            let plan = &self.look_at_traces(plan).await?;
            if !plan.access_keys.is_empty() {
                return Err(EraseError::AccessKeys(plan.access_keys.clone()));
            }
            forgotten = self.forget(plan, progress).await?;
        }
        let erasure = erasures.erasure(pseudonym).await?.unwrap_or(erasure);
        Ok(ErasureReport {
            outcome,
            places,
            sessions,
            forgotten,
            erasure,
        })
    }

    /// Freezes the owner and ends its sessions. Returns when none of them works any more. If an operator
    /// has unblocked the owner since an earlier run, sessions have been opened since.
    async fn keep_out(
        &self,
        plan: &ErasurePlan,
        erasure: &Erasure,
        progress: &dyn Progress,
    ) -> Result<(Option<SessionsEnd>, DateTime<Utc>), EraseError> {
        progress.step("keep the owner out");
        let (erasures, freezer) = (&self.ports.erasures, &self.ports.freezer);
        if freezer.was_frozen(&plan.owner).await?
            && let Some(quiet) = erasure.sessions_end
        {
            return Ok((None, quiet));
        }
        // First: if this run is cut off after the freeze, the next must not take an earlier end for its own.
        erasures.note_sessions_end(&plan.pseudonym, None).await?;
        freezer.freeze(&plan.owner).await?;
        progress.step("end the owner's sessions");
        let sessions = freezer.end_sessions(&plan.owner).await?;
        let quiet = sessions.at;
        let noting = erasures.note_sessions_end(&plan.pseudonym, Some(quiet));
        noting.await?;
        Ok((Some(sessions), quiet))
    }

    /// Lets the registry forget a person; the row that says so is the last.
    async fn forget(&self, plan: &ErasurePlan, progress: &dyn Progress) -> Result<u64, EraseError> {
        let erasures = &self.ports.erasures;
        let mut forgotten = 0;
        let erased = match plan.person() {
            Some(person) => {
                progress.step("replace the person by the pseudonym in the audit trail");
                forgotten = erasures.forget(person).await?;
                Erased::Person(person)
            }
            None => Erased::Area(&plan.pseudonym),
        };
        let event = self.event("erase", &plan.owner).with_detail("finished");
        erasures.finish(erased, &event).await?;
        Ok(forgotten)
    }
}

/// One run of an erasure.
struct Run<'a> {
    use_case: &'a EraseOwner,
    plan: &'a ErasurePlan,
    options: EraseOptions,
    progress: &'a dyn Progress,
}

impl Run<'_> {
    async fn erase_place(&self, planned: &PlannedPlace) -> Result<ErasedPlace, EraseError> {
        let place = &planned.place;
        let mut kept = Vec::new();
        let read_since = self.use_case.ports.clock.now();
        // It may have been made meanwhile, by a call from before the freeze.
        let bucket = if self.use_case.is_ours(&place.bucket).await? {
            self.progress.step(&format!("empty {place}"));
            kept = self.empty(place).await?;
            self.remove_bucket(place, &mut kept).await?
        } else {
            BucketFate::Missing
        };
        Ok(ErasedPlace {
            place: place.clone(),
            found: planned.found,
            kept,
            bucket,
            read_since,
        })
    }

    async fn empty(&self, place: &Place) -> Result<Vec<Kept>, EraseError> {
        let ports = &self.use_case.ports;
        let note = async |more: &Tally| -> Result<(), EraseError> {
            self.progress.deleted(place, more);
            let noting = ports.erasures.note_deleted(&self.plan.pseudonym, more);
            Ok(noting.await?)
        };
        let sweep = Sweep {
            contents: ports.contents.as_ref(),
            place,
            governance: self.options.governance,
            note,
        };
        sweep.empty().await
    }

    /// Removes the bucket, which no session can make again. What is written until then is deleted, too.
    async fn remove_bucket(
        &self,
        place: &Place,
        kept: &mut Vec<Kept>,
    ) -> Result<BucketFate, EraseError> {
        if place.prefix.is_some() {
            return Ok(BucketFate::Shared);
        }
        for _ in 0..MOST_REMOVALS {
            if !kept.is_empty() {
                return Ok(BucketFate::Locked);
            }
            if self.options.keep_bucket {
                return Ok(BucketFate::Kept);
            }
            self.progress
                .step(&format!("remove the bucket {}", place.bucket));
            let contents = &self.use_case.ports.contents;
            match contents.remove_bucket(&place.bucket).await? {
                Removal::Gone => return Ok(BucketFate::Removed),
                Removal::NotEmpty => {
                    tokio::time::sleep(REMOVAL_PAUSE).await;
                    *kept = self.empty(place).await?;
                }
            }
        }
        Err(EraseError::Restless(place.clone()))
    }

    /// Looks once more after the last session has ended, where a bucket stays that one could write to and
    /// that was read before.
    async fn after_sessions(
        &self,
        places: &mut [ErasedPlace],
        quiet: DateTime<Utc>,
    ) -> Result<ErasureOutcome, EraseError> {
        let could_be_written = |one: &&mut ErasedPlace| {
            matches!(one.bucket, BucketFate::Kept | BucketFate::Shared) && one.read_since < quiet
        };
        let mut staying: Vec<_> = places.iter_mut().filter(could_be_written).collect();
        if staying.is_empty() {
            return Ok(ErasureOutcome::Erased);
        }
        let left = quiet - self.use_case.ports.clock.now();
        let left = left.to_std().unwrap_or_default();
        if left > PATIENCE && !self.options.wait {
            return Ok(ErasureOutcome::Waiting(quiet));
        }
        if !left.is_zero() {
            let until = quiet.format("%Y-%m-%d %H:%M:%SZ");
            self.progress.step(&format!(
                "wait until {until}, when the last session has ended"
            ));
            tokio::time::sleep(left).await;
        }
        for one in &mut staying {
            self.progress.step(&format!("look at {} again", one.place));
            one.kept = self.empty(&one.place).await?;
        }
        Ok(outcome_of(places))
    }
}

fn outcome_of(places: &[ErasedPlace]) -> ErasureOutcome {
    if places.iter().all(|one| one.kept.is_empty()) {
        ErasureOutcome::Erased
    } else {
        ErasureOutcome::Locked
    }
}

fn already_done(plan: &ErasurePlan, earlier: Erasure, now: DateTime<Utc>) -> ErasureReport {
    let place = |planned: &PlannedPlace| ErasedPlace {
        place: planned.place.clone(),
        found: planned.found,
        kept: Vec::new(),
        read_since: now,
        bucket: match (&planned.place.prefix, planned.exists) {
            (Some(_), _) => BucketFate::Shared,
            (None, true) => BucketFate::Kept,
            (None, false) => BucketFate::Missing,
        },
    };
    ErasureReport {
        outcome: ErasureOutcome::ErasedBefore,
        places: plan.places.iter().map(place).collect(),
        sessions: None,
        forgotten: 0,
        erasure: earlier,
    }
}
