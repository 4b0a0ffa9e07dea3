mod deployment;

use std::collections::BTreeSet;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::TimeDelta;

use super::*;
use crate::domain::{Area, SessionPolicySettings};
use crate::service::UpstreamErrorKind;
use crate::service::fakes::FixedClock;
use deployment::Deployment;

fn area(organisation: &str, bucket: &str, prefix: &str) -> (Owner, Area) {
    let area = Area {
        bucket: bucket.parse().unwrap(),
        prefix: prefix.parse().unwrap(),
    };
    (Owner::Organisation(organisation.parse().unwrap()), area)
}

struct Counting(Mutex<u8>);

impl Randomness for Counting {
    fn bits(&self) -> [u8; 16] {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        [*count; 16]
    }
}

fn doctor(deployment: Deployment) -> (Arc<Deployment>, Doctor) {
    let deployment = Arc::new(deployment);
    let ports = DoctorPorts {
        upstreams: deployment.clone(),
        introspection: Some(deployment.clone()),
        access_keys: None,
        buckets: deployment.clone(),
        throw_away: deployment.clone(),
        sessions: deployment.clone(),
        attacker: deployment.clone(),
        areas: deployment.clone(),
        revoker: deployment.clone(),
        clock: Arc::new(FixedClock),
        randomness: Arc::new(Counting(Mutex::new(0))),
    };
    let settings = DoctorSettings {
        formula: BucketFormula::default(),
        session_policies: SessionPolicySettings::default(),
        session_duration: Duration::from_hours(1),
        spreads_policies: false,
    };
    (deployment, Doctor::new(ports, settings))
}

async fn failures(deployment: Deployment) -> Vec<(String, String)> {
    let (deployment, doctor) = doctor(deployment);
    let report = doctor.examine(std::future::pending()).await;
    assert!(
        deployment.buckets.lock().unwrap().is_empty(),
        "nothing is left"
    );
    let failed = report.failures().map(|check| match &check.outcome {
        Outcome::Failed(why) => (check.name.clone(), why.clone()),
        other => panic!("{other:?}"),
    });
    let failed: Vec<_> = failed.collect();
    assert_eq!(report.is_sound(), failed.is_empty());
    failed
}

#[tokio::test]
async fn a_sound_deployment_passes() {
    assert_eq!(failures(Deployment::default()).await, []);
}

#[tokio::test]
async fn every_attack_that_succeeds_is_a_failure() {
    let all = failures(Deployment {
        attack: |_| Attempt::Done,
        areas: Ok(vec![area("beta", "prod-clients", "beta/")]),
        ..Deployment::default()
    });
    let names: BTreeSet<String> = all.await.into_iter().map(|(name, _)| name).collect();
    for (by, attacks) in [
        ("refused: ", 16),
        ("not shown: ", 2),
        ("below a prefix, refused: ", 43),
        ("below a prefix, not shown: ", 2),
        ("with a read-only grant, refused: ", 16),
        ("with a read-only grant below a prefix, refused: ", 16),
    ] {
        let seen = names.iter().filter(|name| name.starts_with(by)).count();
        assert_eq!(seen, attacks, "{by}: {names:#?}");
    }
    assert_eq!(names.len(), 16 + 2 + 43 + 2 + 16 + 16, "{names:#?}");
}

#[tokio::test]
async fn an_attack_that_fails_for_another_reason_proves_nothing() {
    let all = failures(Deployment {
        attack: |_| Attempt::Unclear("HTTP 500".to_owned()),
        ..Deployment::default()
    });
    let all = all.await;
    let in_both_directions = 2 * (16 + 2 + 43 + 2);
    assert_eq!(all.len(), in_both_directions + 16 + 16, "{all:#?}");
    assert!(all.iter().all(|(_, why)| why == "inconclusive: HTTP 500"));
}

#[tokio::test]
async fn a_store_that_shows_a_neighbours_names_is_not_sound_where_a_bucket_is_shared() {
    let leaky = |areas| Deployment {
        attack: |operation| match operation {
            S3Operation::List(listing) if listing.header.is_some() => Attempt::Done,
            _ => Attempt::Refused,
        },
        areas,
        ..Deployment::default()
    };
    let alone = BucketFormula::default().bucket(&Owner::Organisation("acme".parse().unwrap()));
    let alone = area("acme", alone.as_str(), "acme/");
    assert_eq!(failures(leaky(Ok(vec![alone.clone()]))).await, []);

    let shared = area("beta", "prod-clients", "beta/");
    for (areas, says) in [
        (Ok(vec![alone, shared]), "prod-clients"),
        (Err("no connection".to_owned()), "no connection"),
    ] {
        let failed = failures(leaky(areas)).await;
        assert_eq!(failed.len(), 8, "two tricks, two versions, both directions");
        for (name, why) in failed {
            assert!(name.contains("with one's own in a header Prefix"), "{name}");
            assert!(
                why.starts_with("THE STORE SHOWS THE NAMES") && why.contains(says),
                "{why}"
            );
        }
    }
}

#[tokio::test]
async fn a_store_that_lists_the_prefix_that_it_asks_its_policy_about_is_sound() {
    fn with_two_prefixes(operation: S3Operation<'_>, answer: Attempt) -> Attempt {
        match operation {
            S3Operation::List(Listing {
                query: [("prefix", _), ("prefix", _)],
                ..
            }) => answer,
            _ => Attempt::Refused,
        }
    }
    let attacks: [fn(S3Operation<'_>) -> Attempt; 2] = [
        |operation| with_two_prefixes(operation, Attempt::ShowedNothing),
        |operation| with_two_prefixes(operation, Attempt::Misread),
    ];
    for attack in attacks {
        let examined = failures(Deployment {
            attack,
            ..Deployment::default()
        });
        assert_eq!(examined.await, []);
    }
    let misread = failures(Deployment {
        attack: |_| Attempt::Misread,
        ..Deployment::default()
    });
    assert!(!misread.await.is_empty(), "no policy was asked");
}

#[tokio::test]
async fn a_store_that_opens_longer_sessions_than_asked_for_is_not_sound() {
    let examined = failures(Deployment {
        shortest: Duration::from_hours(1),
        ..Deployment::default()
    });
    let failed = examined.await;
    assert_eq!(failed.len(), 1, "{failed:#?}");
    assert_eq!(failed[0].0, "a session ends when it was asked to");
    assert!(failed[0].1.contains("too long"), "{}", failed[0].1);
}

#[tokio::test]
async fn an_acl_that_is_taken_and_ignored_is_no_failure() {
    let ignored = failures(Deployment {
        attack: |operation| match operation {
            S3Operation::Publish(..) | S3Operation::PublishInParts(..) => Attempt::Done,
            _ => Attempt::Refused,
        },
        ..Deployment::default()
    });
    assert_eq!(ignored.await, []);
}

#[tokio::test]
async fn credentials_that_escape_are_named_with_their_remedy() {
    let escaped = failures(Deployment {
        attack: |operation| match operation {
            S3Operation::MintLastingCredentials => Attempt::Done,
            _ => Attempt::Refused,
        },
        ..Deployment::default()
    });
    let escaped = escaped.await;
    assert!(escaped[0].0.contains("CVE-2025-62506"));
    assert!(escaped[0].1.contains("Deny on admin:*"), "{}", escaped[0].1);
}

#[tokio::test]
async fn a_random_token_that_is_active_and_a_wrong_clock_are_failures() {
    let all = failures(Deployment {
        active: true,
        ahead: TimeDelta::seconds(31),
        ..Deployment::default()
    });
    let names: Vec<String> = all.await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "a random token is inactive",
            "the authorization server's clock agrees within 30 s"
        ]
    );
}

#[tokio::test]
async fn an_examination_that_is_interrupted_cleans_up_and_is_not_sound() {
    let (deployment, doctor) = doctor(Deployment {
        hangs: true,
        ..Deployment::default()
    });
    let watched = deployment.clone();
    let made = async move {
        while *watched.made.lock().unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    };
    let report = doctor.examine(made).await;
    assert!(report.interrupted && !report.is_sound());
    assert!(deployment.buckets.lock().unwrap().is_empty());
}

#[tokio::test]
async fn cleaning_removes_what_was_left_and_nothing_else() {
    let (deployment, doctor) = doctor(Deployment::default());
    let left = BucketFormula::default().throw_away([1; 16]).to_string();
    let owners = "5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a";
    let others = "doctor-who";
    for name in [left.as_str(), owners, others] {
        deployment.buckets.lock().unwrap().insert(name.to_owned());
    }
    assert_eq!(doctor.clean().await, Ok(1));
    let kept: Vec<String> = deployment.buckets.lock().unwrap().iter().cloned().collect();
    assert_eq!(kept, [owners, others]);
}

#[tokio::test]
async fn a_store_that_makes_no_bucket_ends_the_examination() {
    struct Down;
    #[async_trait]
    impl Sessions for Down {
        async fn assume_role(&self, _: SessionRequest) -> Result<Session, UpstreamError> {
            Err(UpstreamError::new(
                UpstreamErrorKind::Refused,
                "AssumeRole: AccessDenied",
            ))
        }
    }
    let (_, mut doctor) = doctor(Deployment::default());
    doctor.ports.sessions = Arc::new(Down);
    let report = doctor.examine(std::future::pending()).await;
    let failed: Vec<&str> = report.failures().map(|check| check.name.as_str()).collect();
    assert_eq!(failed, ["the gateway's identity may AssumeRole"]);
}
