//! What operators do, as their commands do it.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use cloakroom::domain::{
    Access, AccessKeyId, AccessKeyOwner, Block, BlockTarget, Member, Owner, Subject,
};
use cloakroom::server::erase_owner_by;
use cloakroom::service::{
    Administer, AdministerError, EraseOptions, ErasureOutcome, GoesAlong, Governance, NewAccessKey,
    NewArea, Place as ErasedPlace, Progress, SessionsOf, Strength, Tally,
};

use crate::support::App;

use super::names::{
    KeyKind, Person, Place, SHARED, WORKSPACES, client_block, organisation_of, slug, stranger,
    workspace,
};
use super::transition::{Blocked, MemberRow};

/// How long the store may take to refuse sessions.
const PATIENCE: Duration = Duration::from_secs(5);

const ERASE: EraseOptions = EraseOptions {
    governance: Governance::Respect,
    keep_bucket: false,
    wait: false,
};

struct Silence;

impl Progress for Silence {
    fn deleted(&self, _: &ErasedPlace, _: &Tally) {}

    fn step(&self, _: &str) {}
}

/// The organisations and workspaces.
pub(super) async fn found(operator: &Administer) {
    let shared = NewArea {
        bucket: Some(SHARED.parse().unwrap()),
        prefix: None,
    };
    for index in 0..2 {
        let created = operator.create_organisation(slug(index), &shared).await;
        created.unwrap();
    }
    let own = NewArea::default();
    let created = operator.create_organisation(stranger(), &own).await;
    created.unwrap();
    for index in 0..3 {
        let area = if index == 2 { &own } else { &shared };
        let created = operator.create_workspace(workspace(index), area).await;
        created.unwrap();
    }
}

/// Deletes an organisation and all that it has except objects. Neither its name, nor its area, nor its
/// workspaces' names are given out again.
pub(super) async fn delete_organisation(operator: &Administer, index: usize) {
    let refused = operator
        .delete_organisation(&slug(index), GoesAlong::default())
        .await;
    assert!(
        matches!(refused, Err(AdministerError::StillHas(_))),
        "owners: deleted with its keys: {refused:?}"
    );
    let along = GoesAlong {
        workspaces: true,
        keys: true,
        objects: true,
    };
    let deleted = operator.delete_organisation(&slug(index), along).await;
    deleted.unwrap();

    let same = NewArea::default();
    let again = operator.create_organisation(slug(index), &same).await;
    assert!(
        matches!(again, Err(AdministerError::Removed { .. })),
        "owners: the name is given out again: {again:?}"
    );
    let area = NewArea {
        bucket: Some(SHARED.parse().unwrap()),
        prefix: Some(Place::Organisation(index).prefix().parse().unwrap()),
    };
    let heir = operator.create_organisation("heir".parse().unwrap(), &area);
    let heir = heir.await;
    assert!(
        matches!(heir, Err(AdministerError::AreaTaken { .. })),
        "owners: the area is given out again: {heir:?}"
    );
    for index in (0..WORKSPACES.len()).filter(|one| organisation_of(*one) == index) {
        let again = operator.create_workspace(workspace(index), &same).await;
        assert!(
            matches!(again, Err(AdministerError::NoSuch(_))),
            "owners: a workspace is there again: {again:?}"
        );
    }
}

/// Brings a deleted workspace back to its place.
pub(super) async fn restore(operator: &Administer, index: usize) {
    let area = NewArea::default();
    let restored = operator.create_workspace(workspace(index), &area).await;
    restored.unwrap();
}

pub(super) async fn set_member(operator: &Administer, row: MemberRow, writes: bool) {
    let member = Member {
        issuer: row.person.issuer(),
        subject: Subject::parse(row.person.subject()).unwrap(),
        client_id: (!row.any_client).then(|| row.person.principal().client_id),
        access: if writes {
            Access::ReadWrite
        } else {
            Access::Read
        },
    };
    let name = workspace(row.workspace);
    operator.set_member(&name, &member).await.unwrap();
}

pub(super) async fn remove_member(operator: &Administer, row: MemberRow) {
    let (name, issuer) = (workspace(row.workspace), row.person.issuer());
    let principal = row.person.principal();
    let client = Some(&principal.client_id).filter(|_| !row.any_client);
    let removed = operator.remove_member(&name, issuer.as_ref(), &principal.subject, client);
    removed.await.unwrap();
}

fn target(blocked: Blocked) -> BlockTarget {
    match blocked {
        Blocked::Owner(place) => BlockTarget::Owner(place.owner().unwrap()),
        Blocked::Caller(person) => BlockTarget::Caller(person.caller()),
        Blocked::Client(client) => client_block(client),
    }
}

pub(super) async fn block(app: &App, operator: &Administer, blocked: Blocked, time: Option<u32>) {
    let until = time.map(|minutes| app.clock.now() + TimeDelta::minutes(i64::from(minutes)));
    let block = Block {
        target: target(blocked),
        reason: "the model says so".parse().unwrap(),
        until,
    };
    operator.block(&block).await.unwrap();
}

pub(super) async fn unblock(operator: &Administer, blocked: Blocked) {
    operator.unblock(&target(blocked)).await.unwrap();
}

pub(super) async fn revoke(operator: &Administer, of: SessionsOf) {
    let report = operator.revoke(&of, PATIENCE).await.unwrap();
    assert_eq!(
        report.strength(),
        Strength::Immediate,
        "revocation: {of:?}: {report:?}"
    );
}

pub(super) async fn erase(app: &App, person: Person) {
    let owner = Place::Own(person).owner().unwrap();
    let operator = "model".parse().unwrap();
    let erase = erase_owner_by(Arc::clone(&app.clock), &app.config, operator);
    let erase = erase.await.unwrap();
    let plan = erase.plan(&owner).await.unwrap();
    let report = erase.erase(&plan, ERASE, &Silence).await.unwrap();
    assert_eq!(
        report.outcome,
        ErasureOutcome::Erased,
        "erasure: {report:?}"
    );
}

pub(super) async fn make_key(operator: &Administer, kind: KeyKind) -> AccessKeyId {
    let made = operator.create_access_key(new_key(kind)).await;
    made.unwrap().id
}

pub(super) async fn make_strangers_key(operator: &Administer) -> AccessKeyId {
    let made = operator.create_access_key(strangers_key()).await;
    made.unwrap().id
}

/// A capability token for the key, for so many minutes.
pub(super) async fn capability(
    app: &App,
    operator: &Administer,
    id: &AccessKeyId,
    life: u32,
) -> String {
    let now = app.clock.now();
    let end = now + TimeDelta::minutes(i64::from(life));
    let name = operator.name_capability(id, end).await.unwrap();
    let signing = app.config.access_keys.capability_key.as_ref().unwrap();
    signing.now().sign(&name, id, now, end).unwrap()
}

fn new_key(kind: KeyKind) -> NewAccessKey {
    NewAccessKey {
        name: "model".to_owned(),
        owner: kind.owner(),
        rights: kind.rights(),
        networks: Vec::new(),
    }
}

fn strangers_key() -> NewAccessKey {
    NewAccessKey {
        owner: AccessKeyOwner::Organisation(stranger()),
        ..new_key(KeyKind::Writer)
    }
}

pub(super) async fn disable_key(operator: &Administer, id: &AccessKeyId) {
    operator.disable_access_key(id).await.unwrap();
    operator.look_after_key(id).await.unwrap();
}

pub(super) async fn delete_key(operator: &Administer, id: &AccessKeyId) {
    operator.delete_access_key(id).await.unwrap();
    operator.look_after_key(id).await.unwrap();
}

/// Someone else makes the person's bucket first.
pub(super) async fn squat(app: &App, person: Person) {
    let bucket = Place::Own(person).bucket();
    let made = app.root().create_bucket().bucket(bucket).send().await;
    made.unwrap();
}

/// All ways to give a person's bucket to another owner are refused.
pub(super) async fn give_away(operator: &Administer, person: Person) {
    let bucket = Place::Own(person).bucket();
    let area = NewArea {
        bucket: Some(bucket.parse().unwrap()),
        prefix: None,
    };
    let given = operator.create_organisation("thief".parse().unwrap(), &area);
    let given = given.await.map(drop);
    assert_refused("an organisation", person, &given);
    let mut key = strangers_key();
    key.rights.read_buckets = vec![bucket.parse().unwrap()];
    let given = operator.create_access_key(key).await.map(drop);
    assert_refused("an access key", person, &given);
    let other = Person((person.0 + 1) % 4).principal();
    let (other, bucket) = (Owner::Principal(other), bucket.parse().unwrap());
    let given = operator.assign_bucket(&other, &bucket).await;
    assert_refused("another person", person, &given);
}

fn assert_refused(whose: &str, person: Person, given: &Result<(), AdministerError>) {
    use AdministerError as E;
    assert!(
        !matches!(
            given,
            Ok(()) | Err(E::NoSuch(_) | E::Registry(_) | E::Internal(_))
        ),
        "owners: {whose} asks for the bucket of {person:?}: {given:?}"
    );
}
