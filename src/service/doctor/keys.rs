//! Whether an access key that lasts is confined, and whether its old pair is dead after a new one.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{AccessKeyId, BucketName, KeyPair, KeyPolicy, KeyRights, Session};
use crate::service::{AccessKeys, UpstreamFailure};

use super::{Attempt, Deed, Doctor, OBJECT, Outcome, Patient, Report};

/// Engines of several nodes tell each other of new pairs and of dead ones.
const PATIENCE: Duration = Duration::from_secs(25);
const PAUSE: Duration = Duration::from_millis(200);

impl Doctor {
    /// In the bucket of the one, against that of the other.
    pub(super) async fn keys(
        &self,
        report: &mut Report,
        key: &AccessKeyId,
        [own, other]: [&BucketName; 2],
        new: &BucketName,
    ) {
        let Some(engine) = &self.ports.access_keys else {
            let why = "access_keys.broker is none: access keys are answered with 503";
            let skipped = async { Outcome::Skipped(why.to_owned()) };
            report.check("access keys that last", skipped).await;
            return;
        };
        let mut pairs = Vec::new();
        for name in ["an access key gets a pair", "it gets a new one"] {
            let issuing = async {
                let issued = issue(engine, key, own).await;
                issued.map(|pair| pairs.push(pair)).into()
            };
            if !report.check(name, issuing).await {
                return;
            }
        }
        let [old, current] = pairs.as_slice() else {
            return;
        };
        let dying = self.dies(engine, key, old, own);
        report.check("the pair before it is dead", dying).await;
        let holder = Patient {
            bucket: own.clone(),
            session: Session::from(current),
        };
        for (name, deed) in [
            ("with an access key: put", Deed::Put(own, OBJECT)),
            ("with an access key: get", Deed::Get(own, OBJECT)),
            ("with an access key: list", Deed::List(own)),
        ] {
            report.check(name, self.allowed(&holder, deed)).await;
        }
        self.attacks_on_buckets(report, &holder, other, new).await;
    }

    /// A pair that has ended is refused, soon.
    async fn dies(
        &self,
        engine: &Arc<dyn AccessKeys>,
        key: &AccessKeyId,
        pair: &KeyPair,
        bucket: &BucketName,
    ) -> Outcome {
        if let Err(failure) = engine.withdraw(key, &pair.access_key_id).await {
            return Outcome::Failed(failure.to_string());
        }
        let dead = Patient {
            bucket: bucket.clone(),
            session: Session::from(pair),
        };
        let waiting = async {
            while self.attempt(&dead, Deed::List(bucket)).await != Attempt::Refused {
                tokio::time::sleep(PAUSE).await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(()) => Outcome::Passed,
            Err(_) => Outcome::Failed("THE STORE STILL TAKES IT".to_owned()),
        }
    }
}

/// A pair that works.
async fn issue(
    engine: &Arc<dyn AccessKeys>,
    key: &AccessKeyId,
    bucket: &BucketName,
) -> Result<KeyPair, UpstreamFailure> {
    let rights = KeyRights {
        read_buckets: vec![bucket.clone()],
        write_buckets: vec![bucket.clone()],
        ..KeyRights::default()
    };
    let policy = KeyPolicy::for_rights(&rights, engine.loopholes())
        .map_err(|_| UpstreamFailure::timeout("writing the policy"))?;
    let pair = engine.issue(key, &policy).await?;
    let proving = async {
        while !engine.works(&pair, Some(bucket)).await.unwrap_or(false) {
            tokio::time::sleep(PAUSE).await;
        }
    };
    let proven = tokio::time::timeout(PATIENCE, proving).await;
    proven.map_err(|_| UpstreamFailure::timeout("the pair's first use"))?;
    Ok(pair)
}
