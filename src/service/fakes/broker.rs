use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{AccessKeyId, AccessKeyPolicy, BucketName, KeyPair};
use crate::service::{AccessKeyBroker, UpstreamError, UpstreamErrorKind};

type Event = Box<dyn Fn() + Send + Sync>;

/// An engine that remembers its calls.
#[derive(Default)]
pub(crate) struct FakeBroker {
    pairs: Mutex<Vec<String>>,
    calls: Mutex<Vec<String>>,
    made: Mutex<usize>,
    refused: Mutex<Vec<&'static str>>,
    answers_late: Mutex<Option<Duration>>,
    event: Mutex<Option<(&'static str, Event)>>,
}

impl FakeBroker {
    pub(crate) fn pairs(&self) -> Vec<String> {
        self.pairs.lock().unwrap().clone()
    }

    pub(crate) fn add(&self, pair: &str) {
        self.pairs.lock().unwrap().push(pair.to_owned());
    }

    /// The calls since the last time, each with its pair.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// From now on these calls do nothing and fail.
    pub(crate) fn refuse(&self, calls: &[&'static str]) {
        *self.refused.lock().unwrap() = calls.to_vec();
    }

    /// From now on each call takes this long.
    pub(crate) fn delay(&self, by: Duration) {
        *self.answers_late.lock().unwrap() = Some(by);
    }

    /// Runs `event` whenever this call comes.
    pub(crate) fn when(&self, call: &'static str, event: impl Fn() + Send + Sync + 'static) {
        *self.event.lock().unwrap() = Some((call, Box::new(event)));
    }

    async fn called(&self, call: &'static str, pair: &str) -> Result<(), UpstreamError> {
        self.calls
            .lock()
            .unwrap()
            .push(format!("{call} {pair}").trim_end().to_owned());
        if let Some((at, event)) = &*self.event.lock().unwrap()
            && *at == call
        {
            event();
        }
        let late = *self.answers_late.lock().unwrap();
        if let Some(by) = late {
            tokio::time::sleep(by).await;
        }
        if self.refused.lock().unwrap().contains(&call) {
            return Err(UpstreamError::new(UpstreamErrorKind::Unreachable, call));
        }
        Ok(())
    }
}

#[async_trait]
impl AccessKeyBroker for FakeBroker {
    async fn issue(&self, _: &AccessKeyId, _: &AccessKeyPolicy) -> Result<KeyPair, UpstreamError> {
        self.called("issue", "").await?;
        let mut made = self.made.lock().unwrap();
        *made += 1;
        let pair = format!("pair-{made}");
        self.add(&pair);
        assert!(self.pairs().len() <= 2, "engines hold two pairs at most");
        Ok(KeyPair {
            access_key_id: pair,
            secret_access_key: "secret".into(),
        })
    }

    async fn pairs(&self, _: &AccessKeyId) -> Result<Vec<String>, UpstreamError> {
        self.called("pairs", "").await?;
        Ok(self.pairs())
    }

    async fn withdraw(&self, _: &AccessKeyId, pair: &str) -> Result<(), UpstreamError> {
        self.called("withdraw", pair).await?;
        self.pairs.lock().unwrap().retain(|one| one != pair);
        Ok(())
    }

    async fn remove(&self, _: &AccessKeyId) -> Result<(), UpstreamError> {
        self.called("remove", "").await?;
        self.pairs.lock().unwrap().clear();
        Ok(())
    }

    /// A pair that the engine holds works, unless that call is refused.
    async fn works(&self, pair: &KeyPair, _: Option<&BucketName>) -> Result<bool, UpstreamError> {
        let known = self.called("works", &pair.access_key_id).await.is_ok();
        Ok(known && self.pairs().contains(&pair.access_key_id))
    }
}
