//! Empties a place, page by page.

use std::time::Duration;

use crate::service::{UpstreamError, UpstreamErrorKind};

use super::{
    Contents, EraseError, Governance, Kept, KeptBecause, Mark, Page, Place, StoredVersion, Tally,
    Upload,
};

/// The pauses before a call is repeated that the store did not answer, or asked to repeat later.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// How often a place is read again, because something was deleted: it is empty once a whole reading has
/// found nothing.
const MOST_READINGS: usize = 20;

/// Hears what was deleted, after each page.
pub trait Progress: Send + Sync {
    /// So much more was deleted from the place.
    fn deleted(&self, place: &Place, more: &Tally);

    /// A step begins, in words.
    fn step(&self, what: &str);
}

/// Counts what a place holds.
pub(super) async fn count(contents: &dyn Contents, place: &Place) -> Result<Tally, EraseError> {
    let mut tally = Tally::default();
    let mut after = None;
    loop {
        let page = retry(async || contents.versions(place, after.as_ref()).await).await?;
        must_be_in(place, &page)?;
        for version in &page.items {
            tally.add(version);
        }
        match next(&page, after.as_ref())? {
            Some(mark) => after = Some(mark),
            None => break,
        }
    }
    let mut after = None;
    loop {
        let page = retry(async || contents.uploads(place, after.as_ref()).await).await?;
        tally.uploads += page.items.len() as u64;
        match next(&page, after.as_ref())? {
            Some(mark) => after = Some(mark),
            None => return Ok(tally),
        }
    }
}

/// What empties a place.
pub(super) struct Sweep<'a, Note> {
    pub(super) contents: &'a dyn Contents,
    pub(super) place: &'a Place,
    pub(super) governance: Governance,
    /// Hears what a page's deletion deleted.
    pub(super) note: Note,
}

impl<Note: AsyncFn(&Tally) -> Result<(), EraseError>> Sweep<'_, Note> {
    /// Deletes everything that the store lets go, and returns the rest. The last reading has found nothing
    /// else.
    pub(super) async fn empty(&self) -> Result<Vec<Kept>, EraseError> {
        let mut pauses = PAUSES.into_iter();
        for _ in 0..MOST_READINGS {
            let mut kept = Vec::new();
            let deleted = self.delete_versions(&mut kept).await?;
            let aborted = self.abort_uploads().await?;
            let failed = |one: &Kept| matches!(one.why, KeptBecause::Failed(_));
            let pause = if kept.iter().any(failed) {
                pauses.next()
            } else {
                None
            };
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            } else if !deleted && !aborted {
                return Ok(kept);
            }
        }
        Err(EraseError::Restless(self.place.clone()))
    }

    /// Returns whether anything was deleted.
    async fn delete_versions(&self, kept: &mut Vec<Kept>) -> Result<bool, EraseError> {
        let (mut any, mut after) = (false, None);
        loop {
            let reading = async || self.contents.versions(self.place, after.as_ref()).await;
            let page = retry(reading).await?;
            must_be_in(self.place, &page)?;
            if !page.items.is_empty() {
                let deleting = async || {
                    let bucket = &self.place.bucket;
                    let contents = self.contents;
                    contents.delete(bucket, &page.items, self.governance).await
                };
                let stay = retry(deleting).await?;
                let gone = tally_without(&page.items, &stay);
                kept.extend(stay);
                if !gone.is_empty() {
                    any = true;
                    (self.note)(&gone).await?;
                }
            }
            match next(&page, after.as_ref())? {
                Some(mark) => after = Some(mark),
                None => return Ok(any),
            }
        }
    }

    /// Returns whether there was any.
    async fn abort_uploads(&self) -> Result<bool, EraseError> {
        let (mut any, mut after) = (false, None);
        loop {
            let reading = async || self.contents.uploads(self.place, after.as_ref()).await;
            let page: Page<Upload> = retry(reading).await?;
            for upload in &page.items {
                let aborting = async || self.contents.abort(&self.place.bucket, upload).await;
                retry(aborting).await?;
            }
            if !page.items.is_empty() {
                any = true;
                let uploads = page.items.len() as u64;
                (self.note)(&Tally {
                    uploads,
                    ..Tally::default()
                })
                .await?;
            }
            match next(&page, after.as_ref())? {
                Some(mark) => after = Some(mark),
                None => return Ok(any),
            }
        }
    }
}

fn tally_without(versions: &[StoredVersion], kept: &[Kept]) -> Tally {
    let stays = |version: &&StoredVersion| {
        let mut kept = kept.iter();
        !kept.any(|one| one.key == version.key && one.version_id == version.version_id)
    };
    let mut tally = Tally::default();
    for version in versions.iter().filter(stays) {
        tally.add(version);
    }
    tally
}

/// A store that ignores the prefix must not have others' objects deleted.
fn must_be_in(place: &Place, page: &Page<StoredVersion>) -> Result<(), UpstreamError> {
    if page.items.iter().all(|version| place.holds(&version.key)) {
        return Ok(());
    }
    let cause = "a listing has keys outside of its prefix";
    Err(UpstreamError::new(UpstreamErrorKind::Nonsense, cause))
}

/// Where the next page begins. A store that begins it where this one began would be read for ever.
fn next<Item>(page: &Page<Item>, after: Option<&Mark>) -> Result<Option<Mark>, UpstreamError> {
    if page.next.is_some() && page.next.as_ref() == after {
        let cause = "a listing does not advance";
        return Err(UpstreamError::new(UpstreamErrorKind::Nonsense, cause));
    }
    Ok(page.next.clone())
}

/// Repeats a call that may succeed later. Deleting what is gone is no error.
async fn retry<T>(call: impl AsyncFn() -> Result<T, UpstreamError>) -> Result<T, UpstreamError> {
    for pause in PAUSES {
        match call().await {
            Err(failure) if may_pass(failure.kind) => tokio::time::sleep(pause).await,
            done => return done,
        }
    }
    call().await
}

fn may_pass(kind: UpstreamErrorKind) -> bool {
    match kind {
        UpstreamErrorKind::Timeout | UpstreamErrorKind::Unreachable | UpstreamErrorKind::Busy => {
            true
        }
        UpstreamErrorKind::Refused | UpstreamErrorKind::Nonsense => false,
    }
}
