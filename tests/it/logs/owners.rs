//! Log lines tell owners apart without naming them.

use cloakroom::domain::{BucketFormula, Owner, OwnerPseudonym};
use cloakroom::embedded::authorization_server::AuthorizationServer;
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{ALICES_BUCKET, Answer, Process, Serve, dev_token, furnish_store, session_of};

const KATAPULT: &str = "/core/v1/object_storage/access_keys/access_key/generate_credentials";
const KATAPULT_SCOPE: &str = "com.cleverbase.storage api.katapult.io/core/v1/object_storage";

/// The first bucket belongs to another account, the first session fails twice, and then every call
/// succeeds.
async fn moody_store() -> MockServer {
    let store = MockServer::start().await;
    let foreign = "<Error><Code>BucketAlreadyExists</Code></Error>";
    let foreign = ResponseTemplate::new(409).set_body_string(foreign);
    for (verb, answer, times) in [("PUT", foreign, 1), ("POST", ResponseTemplate::new(500), 2)] {
        let mock = Mock::given(method(verb)).respond_with(answer);
        mock.up_to_n_times(times).mount(&store).await;
    }
    furnish_store(&store, session_of(3_600)).await;
    store
}

/// The names of the sessions that the store was asked for, without the part of the request.
async fn session_owners(store: &MockServer) -> Vec<String> {
    let requests = store.received_requests().await.unwrap();
    let forms = requests.iter().filter(|request| request.method == "POST");
    let names = forms.map(|request| {
        let form: std::collections::HashMap<_, _> = url::form_urlencoded::parse(&request.body)
            .into_owned()
            .collect();
        let (owner, _) = form["RoleSessionName"].split_once('-').unwrap();
        owner.to_owned()
    });
    names.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_carry_the_owner_name_that_the_store_sees() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let store = moody_store().await;
    let limit = ("CLOAKROOM_LIMITS__PER_OWNER", "1/s burst 3");
    let mut gateway = Serve::start(&oauth, &store.uri(), &[limit]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let token = dev_token(&http, &oauth, &[]).await;
    let ask = async || {
        let request = http.post(format!("{}/v1/credentials", gateway.url));
        let answer = request.bearer_auth(&token).send().await.unwrap();
        Answer::read(answer).await.status
    };
    assert_eq!(ask().await, 409);
    assert_eq!(ask().await, 502);
    assert_eq!(ask().await, 200);
    // More concurrent calls than the limit refills meanwhile.
    let many = futures_util::future::join_all((0..20).map(|_| ask())).await;
    assert!(many.contains(&429), "{many:?}");
    gateway.signal("TERM").await;
    let lines = gateway.rest().await;
    let owners = session_owners(&store).await;
    let owner = owners.first().unwrap();
    assert!(owners.iter().all(|other| other == owner), "{owners:?}");
    for status in [200, 409, 429, 502] {
        let line = lines.iter().find(|line| line["status"] == status).unwrap();
        assert_eq!(line["owner"], *owner, "{line}");
        assert_eq!(line["bucket"], ALICES_BUCKET, "{line}");
        assert_eq!(line.get("caller"), None, "{line}");
    }
    let alarm = lines.iter().find(|line| line["alarm"] == "bucket-conflict");
    let alarm = alarm.unwrap();
    assert_eq!(alarm["owner"], *owner, "{alarm}");
    assert_eq!(alarm["bucket"], ALICES_BUCKET, "{alarm}");
    assert!(lines.iter().all(|line| !line.to_string().contains("alice")));
}

fn pseudonym(owner: &Owner) -> OwnerPseudonym {
    BucketFormula::default().digest(owner).pseudonym()
}

/// A running `cloakroom dev` that gets calls for the storage of several owners.
struct Asked {
    process: Process,
    http: reqwest::Client,
}

impl Asked {
    /// The id of the request.
    async fn id(&self, request: reqwest::RequestBuilder, status: u16) -> String {
        let answer = Answer::read(request.send().await.unwrap()).await;
        assert_eq!(answer.status, status, "{answer:?}");
        answer.header("x-request-id").unwrap().to_owned()
    }

    async fn workspace(&self, user: &str, name: &str, status: u16) -> String {
        let token = self.process.dev_token(&[user]).await;
        let (org, ws) = name.split_once('/').unwrap();
        let path = format!("/api/v1/org/{org}/ws/{ws}/storage/credentials");
        let request = self.http.get(format!("{}{path}", self.process.gateway));
        self.id(request.bearer_auth(token), status).await
    }

    async fn rotation(&self, token: &str, key: &str, status: u16) -> String {
        let request = self
            .http
            .post(format!("{}{KATAPULT}", self.process.gateway));
        let body = json!({ "access_key": { "id": key } });
        self.id(request.bearer_auth(token).json(&body), status)
            .await
    }
}

fn line_of<'a>(lines: &'a [Value], id: &str) -> &'a Value {
    lines.iter().find(|line| line["request_id"] == id).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_name_the_caller_where_it_is_not_the_owner() {
    let process = Process::dev(&[]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = Asked { process, http };
    let member = asked.workspace("alice", "acme/research", 200).await;
    let stranger = asked.workspace("mallory", "acme/research", 404).await;
    let run = async |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        asked
            .process
            .administer(&arguments)
            .await
            .trim_end()
            .to_owned()
    };
    let key = run("access-key create --org acme --name test --write-bucket data").await;
    let api_key = run("api-key create --org acme --label test --scope object_storage").await;
    let mallory = ["mallory", "--scope", KATAPULT_SCOPE];
    let mallory = asked.process.dev_token(&mallory).await;
    let rotated = asked.rotation(&api_key, &key, 200).await;
    let refused = asked.rotation(&mallory, &key, 403).await;
    let nameless = asked.rotation(&mallory, "no name", 404).await;
    let output = asked.process.stop().await;
    let json = output.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = json
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let person = |subject: &str| {
        Owner::Principal(cloakroom::domain::Principal {
            issuer: None,
            client_id: cloakroom::domain::ClientId::parse("demo").unwrap(),
            subject: cloakroom::domain::Subject::parse(subject).unwrap(),
        })
    };
    let (alice, mallory) = (person("alice"), person("mallory"));
    let acme = Owner::Organisation("acme".parse().unwrap());
    let research = Owner::Workspace("acme/research".parse().unwrap());
    let access_key = Owner::AccessKey(key.parse().unwrap());
    for (id, owner, caller) in [
        (member, &research, Some(&alice)),
        (stranger, &mallory, None),
        (rotated, &access_key, Some(&acme)),
        (refused, &access_key, Some(&mallory)),
        (nameless, &mallory, None),
    ] {
        let line = line_of(&lines, &id);
        assert_eq!(line["owner"], pseudonym(owner).as_str(), "{line}");
        let caller = caller.map(|caller| Value::from(pseudonym(caller).as_str()));
        assert_eq!(line.get("caller"), caller.as_ref(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_callers_line_names_no_owner_and_truncates_the_method() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let mut gateway = Serve::start(&oauth, "http://127.0.0.1:9", &[]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let method = reqwest::Method::from_bytes("A".repeat(8_000).as_bytes()).unwrap();
    let asked = http.request(method, format!("{}/v1/credentials", gateway.url));
    assert_eq!(asked.bearer_auth("x").send().await.unwrap().status(), 405);
    let line = gateway.line("request").await;
    assert_eq!(line.get("owner").or(line.get("bucket")), None, "{line}");
    assert!(line["method"].as_str().unwrap().len() <= 32, "{line}");
    gateway.signal("TERM").await;
    gateway.ended().await;
}
