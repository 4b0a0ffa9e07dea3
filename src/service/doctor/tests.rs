use std::collections::BTreeSet;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::*;
use crate::domain::UnverifiedClaims;
use crate::service::{FailureKind, Presence};

/// A deployment that is all one needs, sound but for what a test changes.
struct Deployment {
    buckets: Mutex<BTreeSet<String>>,
    made: Mutex<usize>,
    attack: fn(Deed<'_>) -> Attempt,
    active: bool,
    ahead: TimeDelta,
    hangs: bool,
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            buckets: Mutex::default(),
            made: Mutex::default(),
            attack: |_| Attempt::Refused,
            active: false,
            ahead: TimeDelta::zero(),
            hangs: false,
        }
    }
}

#[async_trait]
impl Upstreams for Deployment {
    async fn discovery(&self) -> Result<(), UpstreamFailure> {
        Ok(())
    }

    async fn keys(&self) -> Option<Result<(), UpstreamFailure>> {
        None
    }

    async fn authorization_server_clock(&self) -> Result<Option<TimeDelta>, UpstreamFailure> {
        Ok(Some(self.ahead))
    }

    async fn store_clock(&self) -> Result<Option<TimeDelta>, UpstreamFailure> {
        Ok(Some(TimeDelta::seconds(-30)))
    }
}

#[async_trait]
impl Introspection for Deployment {
    async fn introspect(&self, _: &AccessToken) -> Result<Arc<UnverifiedClaims>, UpstreamFailure> {
        Ok(Arc::new(UnverifiedClaims {
            active: self.active,
            ..UnverifiedClaims::default()
        }))
    }
}

#[async_trait]
impl Buckets for Deployment {
    async fn look(&self, _: &BucketName) -> Result<Presence, UpstreamFailure> {
        Ok(Presence::Missing)
    }

    async fn create(&self, bucket: &BucketName) -> Result<Creation, UpstreamFailure> {
        self.buckets.lock().unwrap().insert(bucket.to_string());
        *self.made.lock().unwrap() += 1;
        Ok(Creation::Made)
    }

    async fn marker(&self, _: &BucketName) -> Result<Option<String>, UpstreamFailure> {
        Ok(None)
    }

    async fn furnish(&self, _: &BucketName, _: &str) -> Result<(), UpstreamFailure> {
        Ok(())
    }
}

#[async_trait]
impl ThrowAwayBuckets for Deployment {
    async fn list(&self) -> Result<Vec<String>, UpstreamFailure> {
        Ok(self.buckets.lock().unwrap().iter().cloned().collect())
    }

    async fn remove(
        &self,
        bucket: &BucketName,
        _: Option<&Session>,
    ) -> Result<(), UpstreamFailure> {
        self.buckets.lock().unwrap().remove(bucket.as_str());
        Ok(())
    }
}

#[async_trait]
impl Sessions for Deployment {
    /// The session's key says whose it is.
    async fn assume_role(&self, request: SessionRequest) -> Result<Session, UpstreamFailure> {
        let policy = request.policy.as_str();
        let bucket = policy.split("arn:aws:s3:::").nth(1).unwrap();
        Ok(Session {
            access_key_id: bucket[..bucket.find('"').unwrap()].to_owned(),
            secret_access_key: SecretString::from("secret"),
            session_token: SecretString::from("token"),
            expiration: DateTime::<Utc>::MAX_UTC,
        })
    }
}

#[async_trait]
impl Intruder for Deployment {
    async fn attempt(&self, session: Option<&Session>, deed: Deed<'_>) -> Attempt {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        let own = session.map(|session| session.access_key_id.as_str());
        match deed {
            Deed::Put(bucket, _)
            | Deed::Get(bucket, _)
            | Deed::List(bucket)
            | Deed::Delete(bucket, _)
                if own == Some(bucket.as_str()) =>
            {
                Attempt::Done
            }
            other => (self.attack)(other),
        }
    }
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
        intruder: deployment.clone(),
        randomness: Arc::new(Counting(Mutex::new(0))),
    };
    let settings = DoctorSettings {
        formula: BucketFormula::default(),
        session_duration: Duration::from_mins(15),
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
        ..Deployment::default()
    });
    let names: BTreeSet<String> = all.await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 15, "{names:#?}");
    assert!(names.iter().all(|name| name.starts_with("refused: ")));
}

#[tokio::test]
async fn an_attack_that_fails_for_another_reason_proves_nothing() {
    let all = failures(Deployment {
        attack: |_| Attempt::Unclear("HTTP 500".to_owned()),
        ..Deployment::default()
    });
    let all = all.await;
    assert_eq!(all.len(), 30, "each in both directions");
    assert!(all.iter().all(|(_, why)| why == "inconclusive: HTTP 500"));
}

#[tokio::test]
async fn an_acl_that_is_taken_and_ignored_is_no_failure() {
    let ignored = failures(Deployment {
        attack: |deed| match deed {
            Deed::Publish(..) => Attempt::Done,
            _ => Attempt::Refused,
        },
        ..Deployment::default()
    });
    assert_eq!(ignored.await, []);
}

#[tokio::test]
async fn a_service_account_that_escapes_is_named_with_its_remedy() {
    let escaped = failures(Deployment {
        attack: |deed| match deed {
            Deed::MakeServiceAccount => Attempt::Done,
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
        async fn assume_role(&self, _: SessionRequest) -> Result<Session, UpstreamFailure> {
            Err(UpstreamFailure::new(
                FailureKind::Refused,
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
