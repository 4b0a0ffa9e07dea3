//! Checks that access keys are confined, and that an old pair is dead after a new one.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::domain::{
    Access, AccessKeyId, AccessKeyPolicy, AccessKeyRights, BucketName, Grant, KeyPair, Session,
};
use crate::service::AccessKeyBroker;
use crate::service::rotation::prove;

use super::attacks::INTRUDER;
use super::{Attempt, Doctor, Listing, OBJECT, Object, Outcome, Report, S3Operation, TestOwner};

/// How long the nodes of an engine may take to tell each other of a dead pair.
const PATIENCE: Duration = Duration::from_secs(25);
const PAUSE: Duration = Duration::from_millis(200);

/// The bytes of a digest that name a key.
const ID_BYTES: usize = 16;

impl Doctor {
    /// A key for everything in `own` attacks `other`. Another key reads `own` and writes `other`.
    pub(super) async fn keys(
        &self,
        report: &mut Report,
        [own, other]: [&BucketName; 2],
        new: &BucketName,
    ) {
        let Some(broker) = &self.ports.access_keys else {
            let why = "access_keys.broker is none: access keys are answered with 503";
            let skipped = async { Outcome::Skipped(why.to_owned()) };
            report.check("access keys that last", skipped).await;
            return;
        };
        self.one_bucket(report, broker, [own, other], new).await;
        self.one_right(report, broker, [own, other]).await;
    }

    async fn one_bucket(
        &self,
        report: &mut Report,
        broker: &Arc<dyn AccessKeyBroker>,
        [own, other]: [&BucketName; 2],
        new: &BucketName,
    ) {
        let key = key_of(own);
        let mut pairs = Vec::new();
        for name in ["an access key gets a pair", "it gets a new one"] {
            let issuing = async {
                let issued = self.issue(broker, own, [own, own]).await;
                issued.map(|pair| pairs.push(pair)).into()
            };
            if !report.check(name, issuing).await {
                return;
            }
        }
        let [old, current] = pairs.as_slice() else {
            return;
        };
        let dying = self.dies(broker, &key, old, own);
        report.check("the pair before it is dead", dying).await;
        let test_owner = test_owner(own, current);
        let operations = [
            ("put", S3Operation::Put(at(own, OBJECT))),
            ("get", S3Operation::Get(at(own, OBJECT))),
            ("list", S3Operation::List(Listing::of(own, OBJECT))),
        ];
        self.all_allowed(report, "with an access key", &test_owner, &operations)
            .await;
        let by = "with an access key, ";
        self.attacks_on_buckets(report, by, &test_owner, other, new)
            .await;
        self.attacks_from_within(report, by, &test_owner).await;
    }

    async fn one_right(
        &self,
        report: &mut Report,
        broker: &Arc<dyn AccessKeyBroker>,
        [read, written]: [&BucketName; 2],
    ) {
        let mut pair = None;
        let issuing = async {
            let issued = self.issue(broker, written, [read, written]).await;
            issued.map(|issued| pair = Some(issued)).into()
        };
        let name = "an access key gets a pair that reads one bucket and writes the other";
        report.check(name, issuing).await;
        let Some(pair) = pair else { return };
        let test_owner = test_owner(read, &pair);
        let written_by_it = "cloakroom-doctor-written";
        let allowed = [
            ("get here", S3Operation::Get(at(read, OBJECT))),
            ("list here", S3Operation::List(Listing::of(read, OBJECT))),
            ("put there", S3Operation::Put(at(written, written_by_it))),
        ];
        self.all_allowed(report, "with that key", &test_owner, &allowed)
            .await;
        let refused = [
            ("put here", S3Operation::Put(at(read, INTRUDER))),
            ("delete here", S3Operation::Delete(at(read, OBJECT))),
            ("get there", S3Operation::Get(at(written, OBJECT))),
            (
                "get there what it has put",
                S3Operation::Get(at(written, written_by_it)),
            ),
        ];
        self.all_refused(report, "with that key, ", &test_owner, &refused)
            .await;
    }

    /// Makes a working pair of the key that goes with a bucket. The clean-up waits for the lock, so an
    /// interrupted examination leaves no creation under way.
    async fn issue(
        &self,
        broker: &Arc<dyn AccessKeyBroker>,
        of: &BucketName,
        [read, written]: [&BucketName; 2],
    ) -> Result<KeyPair, String> {
        let rights = AccessKeyRights {
            read_buckets: vec![read.clone()],
            write_buckets: vec![written.clone()],
            ..AccessKeyRights::default()
        };
        let policy = AccessKeyPolicy::for_rights(&rights, broker.loopholes());
        let policy = policy.map_err(|error| error.to_string())?;
        let making = Arc::clone(&self.making).lock_owned().await;
        self.with_key().insert(of.clone());
        let (maker, key) = (Arc::clone(broker), key_of(of));
        let task = tokio::spawn(async move {
            let issued = maker.issue(&key, &policy).await;
            drop(making);
            issued
        });
        let issued = task.await.map_err(|error| error.to_string())?;
        let pair = issued.map_err(|failure| failure.to_string())?;
        let proven = prove(broker.as_ref(), &pair, Some(read)).await;
        proven.map_err(|failure| failure.to_string())?;
        Ok(pair)
    }

    /// Ends the pair and waits until the store refuses it.
    async fn dies(
        &self,
        broker: &Arc<dyn AccessKeyBroker>,
        key: &AccessKeyId,
        pair: &KeyPair,
        bucket: &BucketName,
    ) -> Outcome {
        if let Err(failure) = broker.withdraw(key, &pair.access_key_id).await {
            return Outcome::Failed(failure.to_string());
        }
        let dead = test_owner(bucket, pair);
        let waiting = async {
            while self
                .attempt(&dead, S3Operation::List(Listing::of(bucket, "")))
                .await
                != Attempt::Refused
            {
                tokio::time::sleep(PAUSE).await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(()) => Outcome::Passed,
            Err(_) => Outcome::Failed("THE STORE STILL TAKES IT".to_owned()),
        }
    }
}

/// The throw-away key that goes with this throw-away bucket. It is named by the bucket, so that a later
/// clean-up can find it.
pub(super) fn key_of(bucket: &BucketName) -> AccessKeyId {
    let mut bits = [0; ID_BYTES];
    for (bits, digest) in bits.iter_mut().zip(Sha256::digest(bucket.as_str())) {
        *bits = digest;
    }
    AccessKeyId::from_random(bits)
}

fn at<'a>(bucket: &'a BucketName, key: &'a str) -> Object<'a> {
    Object { bucket, key }
}

fn test_owner(bucket: &BucketName, pair: &KeyPair) -> TestOwner {
    TestOwner {
        grant: Grant::whole(bucket.clone(), Access::ReadWrite),
        session: Session::from(pair),
    }
}
