use chrono::DateTime;

use super::*;
use crate::domain::{
    ApiKeyCaller, Area, ClientId, Member, Membership, Organisation, Principal, Slug, Subject,
    Workspace,
};
use crate::service::fakes::FakeDirectory;

const ACME: &str = "acme";
const RESEARCH: &str = "acme/research";

fn area(prefix: &str) -> Area {
    Area {
        bucket: "shared".parse().unwrap(),
        prefix: prefix.parse().unwrap(),
    }
}

fn member(subject: &str, client_id: Option<&str>, access: Access) -> (WorkspaceName, Member) {
    let member = Member {
        issuer: None,
        subject: Subject::parse(subject).unwrap(),
        client_id: client_id.map(|client_id| ClientId::parse(client_id).unwrap()),
        access,
    };
    (RESEARCH.parse().unwrap(), member)
}

fn directory(is_enabled: bool, deleted: bool) -> FakeDirectory {
    let now = DateTime::UNIX_EPOCH;
    FakeDirectory {
        organisations: vec![Organisation {
            slug: ACME.parse().unwrap(),
            area: area("acme/"),
            is_enabled,
            created_at: now,
        }],
        workspaces: vec![Workspace {
            name: RESEARCH.parse().unwrap(),
            area: area("research/"),
            organisation_is_enabled: is_enabled,
            deleted_at: deleted.then_some(now),
            created_at: now,
        }],
        members: vec![
            member("alice", None, Access::ReadWrite),
            member("bob", None, Access::Read),
            member("bob", Some("editor"), Access::ReadWrite),
            member("carol", Some("editor"), Access::Read),
        ],
        ..FakeDirectory::default()
    }
}

fn token(client_id: &str, subject: &str, memberships: &[&str]) -> Caller {
    let memberships = memberships
        .iter()
        .map(|word| Membership::parse(word).unwrap());
    Caller::Token(TokenCaller {
        principal: Principal {
            issuer: None,
            client_id: ClientId::parse(client_id).unwrap(),
            subject: Subject::parse(subject).unwrap(),
        },
        memberships: memberships.collect(),
        proof_expires: None,
        max_session: None,
    })
}

fn key(organisation: &str, storage: bool) -> Caller {
    Caller::ApiKey(ApiKeyCaller {
        api_key_id: "ck_0123456789abcdef".parse().unwrap(),
        organisation: organisation.parse::<Slug>().unwrap(),
        storage,
        scopes: Vec::new(),
        proof_expires: None,
    })
}

/// The prefix and access that the caller gets.
async fn entitled(
    directory: FakeDirectory,
    caller: &Caller,
    wanted: &Wanted,
    access: Access,
) -> Result<(String, Access), NotEntitled> {
    let entitle = Entitle::new(Arc::new(directory), BucketFormula::default());
    let deadline = Deadline::after(STEP_TIMEOUT);
    match entitle.entitle(caller, wanted, access, deadline).await {
        Ok((_, grant)) => Ok((grant.prefix.unwrap().to_string(), grant.access)),
        Err(Refusal::NotEntitled(why)) => Err(why),
        Err(other) => panic!("{other}"),
    }
}

async fn in_research(caller: &Caller) -> Result<Access, NotEntitled> {
    let wanted = Wanted::Workspace(RESEARCH.parse().unwrap());
    let (prefix, access) =
        entitled(directory(true, false), caller, &wanted, Access::ReadWrite).await?;
    assert_eq!(prefix, "research/");
    Ok(access)
}

#[tokio::test]
async fn a_member_gets_what_the_registry_and_the_token_allow_together() {
    let write = Ok(Access::ReadWrite);
    let read = Ok(Access::Read);
    let none = Err(NotEntitled::NoMember);
    for (client_id, subject, claim, expected) in [
        ("demo", "alice", &[][..], write),
        ("demo", "bob", &[], read),
        ("editor", "bob", &[], write),
        ("editor", "carol", &[], read),
        ("demo", "carol", &[], none),
        ("demo", "dave", &[], none),
        ("demo", "dave", &["acme/research:read"], read),
        ("demo", "dave", &["acme/research"], write),
        ("demo", "dave", &["acme/other", "other/research"], none),
        ("demo", "bob", &["acme/research"], write),
        ("demo", "alice", &["acme/research:read"], write),
    ] {
        let caller = token(client_id, subject, claim);
        let access = in_research(&caller).await;
        assert_eq!(access, expected, "{client_id} {subject} {claim:?}");
    }
}

#[tokio::test]
async fn a_narrower_request_gets_less_and_never_more() {
    let wanted = Wanted::Workspace(RESEARCH.parse().unwrap());
    for (subject, access) in [("alice", Access::Read), ("bob", Access::ReadWrite)] {
        let caller = token("demo", subject, &[]);
        let got = entitled(directory(true, false), &caller, &wanted, access).await;
        assert_eq!(got.unwrap().1, Access::Read, "{subject}");
    }
}

#[tokio::test]
async fn only_members_learn_that_an_organisation_is_disabled() {
    let wanted = Wanted::Workspace(RESEARCH.parse().unwrap());
    for (subject, expected) in [
        ("alice", NotEntitled::DisabledOrganisation),
        ("dave", NotEntitled::NoMember),
    ] {
        let caller = token("demo", subject, &[]);
        let got = entitled(directory(false, false), &caller, &wanted, Access::Read).await;
        assert_eq!(got, Err(expected));
    }
}

#[tokio::test]
async fn a_workspace_that_is_gone_or_was_never_there_looks_the_same() {
    let gone = Wanted::Workspace(RESEARCH.parse().unwrap());
    let never = Wanted::Workspace("acme/never".parse().unwrap());
    for wanted in [gone, never] {
        let caller = token("demo", "alice", &["acme/research", "acme/never"]);
        let got = entitled(directory(true, true), &caller, &wanted, Access::Read).await;
        assert_eq!(got, Err(NotEntitled::NoMember));
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_does_not_answer_is_not_waited_for() {
    let directory = FakeDirectory {
        hangs: true,
        ..directory(true, false)
    };
    let entitle = Entitle::new(Arc::new(directory), BucketFormula::default());
    let caller = token("demo", "alice", &[]);
    let wanted = Wanted::Workspace(RESEARCH.parse().unwrap());
    let deadline = Deadline::after(Duration::from_secs(1));
    let started = tokio::time::Instant::now();
    let got = entitle
        .entitle(&caller, &wanted, Access::Read, deadline)
        .await;
    assert!(matches!(got, Err(Refusal::Internal(_))), "{got:?}");
    assert_eq!(started.elapsed(), Duration::from_secs(1));
}

#[tokio::test]
async fn an_organisation_is_what_its_key_opens() {
    for (caller, is_enabled, expected) in [
        (key(ACME, true), true, Ok(())),
        (key(ACME, false), true, Err(NotEntitled::KeyWithoutStorage)),
        (
            key(ACME, true),
            false,
            Err(NotEntitled::DisabledOrganisation),
        ),
        (
            key("other", true),
            true,
            Err(NotEntitled::DisabledOrganisation),
        ),
        (
            token("demo", "acme", &[]),
            true,
            Err(NotEntitled::WrongCredential),
        ),
    ] {
        let (wanted, access) = (Wanted::Organisation, Access::ReadWrite);
        let got = entitled(directory(is_enabled, false), &caller, &wanted, access).await;
        assert_eq!(
            got.map(|got| assert_eq!(got, ("acme/".to_owned(), access))),
            expected
        );
    }
    let wanted = Wanted::Workspace(RESEARCH.parse().unwrap());
    let got = entitled(
        directory(true, false),
        &key(ACME, true),
        &wanted,
        Access::Read,
    )
    .await;
    assert_eq!(got, Err(NotEntitled::WrongCredential));
}
