//! IAM's answers to the broker of access keys. A pair that is handed out has a key and a secret that the
//! answer holds; pairs that are listed are in the answer.

use std::sync::{Arc, Mutex};

use cloakroom::adapters::aws::IamBroker;
use cloakroom::domain::{AccessKeyId, AccessKeyPolicy, AccessKeyRights, Loopholes};
use cloakroom::service::AccessKeyBroker;
use secrecy::ExposeSecret;
use tokio::runtime::Runtime;

use crate::introspection::runtime;
use crate::sts_xml::clients;
use crate::upstream;
use crate::xml::texts;

struct Store {
    runtime: Runtime,
    broker: IamBroker,
    policy: AccessKeyPolicy,
    answer: Arc<Mutex<Vec<u8>>>,
}

thread_local! {
    static STORE: Store = Store::new();
}

impl Store {
    fn new() -> Self {
        let runtime = runtime();
        let answer = Arc::<Mutex<Vec<u8>>>::default();
        let said = Arc::clone(&answer);
        let url = upstream::start(move |request| {
            let asks = |action: &str| request.body.contains(&format!("Action={action}&"));
            if asks("CreateAccessKey") || asks("ListAccessKeys") {
                (200, "text/xml", said.lock().unwrap().clone())
            } else if asks("CreateUser") {
                let created = "<CreateUserResponse><CreateUserResult/></CreateUserResponse>";
                (200, "text/xml", Vec::from(created))
            } else {
                (200, "text/xml", Vec::from("<PutUserPolicyResponse/>"))
            }
        });
        let clients = runtime.block_on(clients(&url));
        let rights = AccessKeyRights {
            read_buckets: vec!["reports".parse().unwrap()],
            ..AccessKeyRights::default()
        };
        Self {
            runtime,
            broker: IamBroker::new(&clients, &clients, "test"),
            policy: AccessKeyPolicy::for_rights(&rights, Loopholes::NONE).unwrap(),
            answer,
        }
    }
}

pub(crate) fn check(input: &[u8]) -> bool {
    let key = AccessKeyId::from_random([1; 16]);
    let (pair, pairs) = STORE.with(|store| {
        *store.answer.lock().unwrap() = input.to_vec();
        store.runtime.block_on(async {
            let pair = store.broker.issue(&key, &store.policy).await;
            (pair, store.broker.pairs(&key).await)
        })
    });
    let is_said = |name: &str, value: &str| {
        let said = texts(input, name);
        assert!(
            said.iter().any(|said| said == value),
            "{name} {value:?} is not in {said:?}"
        );
    };
    let is_accepted = pair.is_ok();
    if let Ok(pair) = pair {
        assert!(!pair.access_key_id.is_empty(), "an empty key");
        let secret = pair.secret_access_key.expose_secret();
        assert!(!secret.is_empty(), "an empty secret");
        is_said("AccessKeyId", &pair.access_key_id);
        is_said("SecretAccessKey", pair.secret_access_key.expose_secret());
    }
    for pair in pairs.unwrap_or_default() {
        is_said("AccessKeyId", &pair);
    }
    is_accepted
}
