use serde::Serialize;

use crate::cli::output::{named, printable, utc};
use crate::service::{
    BucketFate, ErasedPlace, Erasure, ErasureOutcome, ErasurePlan, ErasureReport, Kept,
    KeptBecause, PlannedPlace, SessionsEnd, Tally, Traces,
};

/// How many kept versions the text lists.
const LISTED: usize = 20;

/// What an erasure would do, or has done.
#[derive(Serialize)]
pub(super) struct View {
    owner: String,
    pseudonym: String,
    /// `planned`, `erased`, `erased before`, `locked` or `waiting`.
    outcome: &'static str,
    begun_at: Option<String>,
    finished_at: Option<String>,
    places: Vec<PlaceView>,
    /// What all runs of this erasure have deleted.
    deleted: Amounts,
    sessions: Option<SessionsView>,
    /// Rows of the audit trail that name the person, or have lost it.
    audit_rows: u64,
    /// Workspaces that the person is, or was, a member of.
    workspaces: Vec<String>,
    /// Access keys that have to be deleted first.
    access_keys: Vec<String>,
    /// The same subject has buckets or memberships through other clients, which stay.
    known_through_other_clients: bool,
    #[serde(skip)]
    ended: ErasureOutcome,
}

#[derive(Serialize)]
struct PlaceView {
    bucket: String,
    prefix: Option<String>,
    /// What it held when this run began.
    found: Amounts,
    /// `missing`, `found`, `removed`, `kept`, `shared` or `locked`.
    state: &'static str,
    kept: Vec<KeptView>,
}

#[derive(Clone, Copy, Serialize)]
struct Amounts {
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<u64>,
    versions: u64,
    delete_markers: u64,
    uploads: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct KeptView {
    key: String,
    version_id: Option<String>,
    why: String,
    until: Option<String>,
}

#[derive(Serialize)]
struct SessionsView {
    ended: String,
    by: String,
}

impl View {
    pub(super) fn of_plan(plan: &ErasurePlan) -> Self {
        let places = plan.places.iter().map(PlaceView::planned).collect();
        let rows = plan.traces.as_ref().map_or(0, |traces| traces.audit_rows);
        Self::new(plan, "planned", places, plan.earlier.as_ref(), rows)
    }

    pub(super) fn of_report(plan: &ErasurePlan, report: &ErasureReport) -> Self {
        let outcome = match report.outcome {
            ErasureOutcome::Erased => "erased",
            ErasureOutcome::ErasedBefore => "erased before",
            ErasureOutcome::Locked => "locked",
            ErasureOutcome::Waiting(_) => "waiting",
        };
        let places = report.places.iter().map(PlaceView::erased).collect();
        let erasure = Some(&report.erasure);
        Self {
            sessions: report.sessions.as_ref().map(SessionsView::from),
            ended: report.outcome,
            ..Self::new(plan, outcome, places, erasure, report.forgotten)
        }
    }

    fn new(
        plan: &ErasurePlan,
        outcome: &'static str,
        places: Vec<PlaceView>,
        erasure: Option<&Erasure>,
        audit_rows: u64,
    ) -> Self {
        let traces = plan.traces.as_ref();
        let workspaces = traces.into_iter().flat_map(Traces::lost);
        let deleted = erasure.map(|erasure| erasure.deleted).unwrap_or_default();
        Self {
            owner: named(&plan.owner.to_string()),
            pseudonym: plan.pseudonym.to_string(),
            outcome,
            begun_at: erasure.map(|erasure| utc(erasure.begun_at)),
            finished_at: erasure.and_then(|erasure| erasure.finished_at).map(utc),
            places,
            deleted: Amounts {
                objects: None,
                ..deleted.into()
            },
            sessions: None,
            audit_rows,
            workspaces: workspaces.map(ToString::to_string).collect(),
            access_keys: plan.access_keys.iter().map(ToString::to_string).collect(),
            known_through_other_clients: traces.is_some_and(|traces| !traces.is_whole()),
            ended: ErasureOutcome::Erased,
        }
    }

    pub(super) fn outcome(&self) -> ErasureOutcome {
        self.ended
    }

    /// One field a line.
    pub(super) fn text(&self) -> String {
        let mut rows: Vec<(String, String)> = vec![
            ("OWNER".to_owned(), self.owner.clone()),
            ("PSEUDONYM".to_owned(), self.pseudonym.clone()),
            ("OUTCOME".to_owned(), self.outcome.to_owned()),
        ];
        for place in &self.places {
            let prefix = place.prefix.as_deref().unwrap_or_default();
            let state = place.state;
            let text = format!("s3://{}/{prefix} ({state})", place.bucket);
            rows.push(("PLACE".to_owned(), text));
            rows.push(("HELD".to_owned(), place.found.to_string()));
            for kept in place.kept.iter().take(LISTED) {
                rows.push(("KEPT".to_owned(), format!("{}: {}", kept.key, kept.why)));
            }
            if place.kept.len() > LISTED {
                let more = place.kept.len() - LISTED;
                rows.push((
                    "KEPT".to_owned(),
                    format!("and {more} more: see --json or --report"),
                ));
            }
        }
        if self.outcome != "planned" {
            rows.push(("DELETED".to_owned(), self.deleted.to_string()));
        }
        if let Some(sessions) = &self.sessions {
            let text = format!("{}, by {}", sessions.ended, sessions.by);
            rows.push(("SESSIONS ENDED".to_owned(), text));
        }
        rows.push(("AUDIT ROWS".to_owned(), self.audit_rows.to_string()));
        rows.push(("MEMBER OF".to_owned(), self.workspaces.join(" ")));
        rows.push((
            "ACCESS KEYS TO DELETE FIRST".to_owned(),
            self.access_keys.join(" "),
        ));
        if self.known_through_other_clients {
            let text = "the subject has storage or memberships through other clients, which stay";
            rows.push(("NOTE".to_owned(), text.to_owned()));
        }
        let optional = |time: &Option<String>| time.clone().unwrap_or_default();
        rows.push(("BEGUN".to_owned(), optional(&self.begun_at)));
        rows.push(("FINISHED".to_owned(), optional(&self.finished_at)));
        lines(&rows)
    }
}

/// One field a line, empty ones left out.
fn lines(rows: &[(String, String)]) -> String {
    let rows = rows.iter().filter(|(_, value)| !value.is_empty());
    let width = rows
        .clone()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default()
        + 2;
    let line = |(name, value): &(String, String)| format!("{name:width$}{}\n", printable(value));
    rows.map(line).collect()
}

impl PlaceView {
    fn planned(planned: &PlannedPlace) -> Self {
        Self {
            bucket: planned.place.bucket.to_string(),
            prefix: planned.place.prefix.as_ref().map(ToString::to_string),
            found: planned.found.into(),
            state: if planned.exists { "found" } else { "missing" },
            kept: Vec::new(),
        }
    }

    fn erased(erased: &ErasedPlace) -> Self {
        Self {
            bucket: erased.place.bucket.to_string(),
            prefix: erased.place.prefix.as_ref().map(ToString::to_string),
            found: erased.found.into(),
            state: match erased.bucket {
                BucketFate::Removed => "removed",
                BucketFate::Missing => "missing",
                BucketFate::Kept => "kept",
                BucketFate::Shared => "shared",
                BucketFate::Locked => "locked",
            },
            kept: erased.kept.iter().map(KeptView::from).collect(),
        }
    }
}

impl From<Tally> for Amounts {
    fn from(tally: Tally) -> Self {
        Self {
            objects: Some(tally.objects),
            versions: tally.versions,
            delete_markers: tally.delete_markers,
            uploads: tally.uploads,
            bytes: tally.bytes,
        }
    }
}

impl std::fmt::Display for Amounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(objects) = self.objects {
            write!(f, "{objects} objects, ")?;
        }
        write!(
            f,
            "{} versions, {} delete markers, {} uploads, {} bytes",
            self.versions, self.delete_markers, self.uploads, self.bytes
        )
    }
}

impl From<&Kept> for KeptView {
    fn from(kept: &Kept) -> Self {
        let until = match &kept.why {
            KeptBecause::Governance(until) | KeptBecause::Compliance(until) => Some(utc(*until)),
            KeptBecause::LegalHold | KeptBecause::Refused(_) | KeptBecause::Failed(_) => None,
        };
        Self {
            key: kept.key.clone(),
            version_id: kept.version_id.clone(),
            why: kept.why.to_string(),
            until,
        }
    }
}

impl From<&SessionsEnd> for SessionsView {
    fn from(sessions: &SessionsEnd) -> Self {
        Self {
            ended: sessions.how.clone(),
            by: utc(sessions.at),
        }
    }
}

/// So much, in words.
pub(super) fn amounts(tally: &Tally) -> String {
    Amounts::from(*tally).to_string()
}
