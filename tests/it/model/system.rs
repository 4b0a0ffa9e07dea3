//! The gateway, the store and what its callers hold, as they really are.

use std::sync::Arc;

use cloakroom::adapters::CapabilityKey;
use cloakroom::config::{BrokerConfig, BrokerKind};
use cloakroom::domain::{AccessKeyId, ApiKey, Scope, Slug};
use cloakroom::service::{Administer, NewApiKey};
use jsonwebtoken::Algorithm;
use secrecy::{ExposeSecret, SecretString};
use sqlx::AnyPool;
use tokio::runtime::Runtime;

use crate::support::{AUDIENCE, App, Issuer, Setup, SigningKey};

use super::answer::Keys;
use super::books::{self, Given};
use super::clock::JumpingClock;
use super::database;
use super::names::{DATA, ISSUER, KeyKind, ORGANISATIONS, PEOPLE, Place, slug, stranger};
use super::operator;
use super::probe::Store;
use super::reach::{Dice, Held, assert_all, assert_some};
use super::state::State;
use super::transition::Transition;

/// In minutes: longer than any game.
const MONTH: u32 = 43_200;

pub(super) struct System {
    world: World,
    runtime: Runtime,
}

pub(super) struct World {
    /// The first replica, with the store and the authorization server of both.
    pub(super) app: App,
    pub(super) other: App,
    /// Which of them is asked.
    pub(super) replica: usize,
    pub(super) clock: Arc<JumpingClock>,
    pub(super) operator: Administer,
    pub(super) issuer: (Issuer, SigningKey),
    pub(super) store: Store,
    pub(super) root: Keys,
    pub(super) database: AnyPool,
    pub(super) tokens: [Option<String>; PEOPLE],
    pub(super) api_keys: Vec<ApiKey>,
    /// What organisations ask for pairs with.
    pub(super) rotating: Vec<ApiKey>,
    /// What the stranger asks for others' pairs with.
    pub(super) stranger: ApiKey,
    /// The capability token of the stranger's access key, which is never rotated.
    pub(super) others_capability: String,
    pub(super) sessions: Vec<Keys>,
    pub(super) keys: Vec<RealKey>,
    /// Pairs that another has replaced.
    pub(super) ended: Vec<(KeyKind, Keys)>,
    pub(super) given: Given,
    /// What the sessions and pairs were before this step.
    pub(super) before: Vec<Held>,
    /// What the model said after the last step.
    pub(super) last: State,
    pub(super) steps: u64,
}

pub(super) struct RealKey {
    pub(super) id: AccessKeyId,
    pub(super) newest: Option<Keys>,
    /// Its capability token.
    pub(super) capability: String,
}

impl System {
    pub(super) fn start(state: &State) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build().unwrap();
        let world = runtime.block_on(World::start(state));
        Self { world, runtime }
    }

    pub(super) fn play(self, state: &State, transition: &Transition) -> Self {
        let Self { world, runtime } = self;
        let mut world = runtime.block_on(world.play(state, transition));
        world.last = state.clone();
        world.steps += 1;
        Self { world, runtime }
    }

    pub(super) fn check(&self, state: &State) {
        self.runtime.block_on(self.world.check(state));
    }

    pub(super) fn check_all(self, state: &State) {
        let held = self.world.held(state);
        let all = assert_all(&self.world.store, state, &held);
        self.runtime.block_on(all);
    }
}

impl World {
    async fn start(state: &State) -> Self {
        let clock = Arc::<JumpingClock>::default();
        let issuer = Issuer::start().await;
        let key = SigningKey::generate("model", Algorithm::ES256);
        issuer.publish(&[key.jwk()]).await;
        let signing = CapabilityKey::generate().unwrap();
        let setup = || setup(&issuer, &signing, state.reuses).clock(clock.clone());
        let app = match database::of_postgres().await {
            Some(url) => setup().key("database.url", &url).spawn().await,
            None => setup().spawn().await,
        };
        let other = setup().replica_of(&app).spawn().await;
        let operator = app.administer().await;
        operator::found(&operator).await;
        app.root()
            .create_bucket()
            .bucket(DATA)
            .send()
            .await
            .unwrap();
        let identity = app.storage.identity();
        let root = Keys {
            id: identity.access_key_id.clone(),
            secret: identity.secret_access_key.clone(),
            token: None,
        };
        let store = Store {
            http: app.http.clone(),
            endpoint: app.storage.url(),
        };
        for place in Place::all().filter(|place| !matches!(place, Place::Own(_))) {
            store.furnish(&root, place).await;
        }
        let other_key = operator::make_strangers_key(&operator).await;
        let others_capability = operator::capability(&app, &operator, &other_key, MONTH).await;
        let mut rotating = Vec::new();
        for index in 0..ORGANISATIONS.len() {
            rotating.push(rotating_key(&operator, slug(index)).await);
        }
        Self {
            database: database::connect(&app).await,
            stranger: rotating_key(&operator, stranger()).await,
            operator,
            issuer: (issuer, key),
            store,
            root,
            clock,
            app,
            other,
            replica: state.replica,
            rotating,
            others_capability,
            tokens: [const { None }; PEOPLE],
            api_keys: Vec::new(),
            sessions: Vec::new(),
            keys: Vec::new(),
            ended: Vec::new(),
            given: Given::default(),
            before: Vec::new(),
            last: state.clone(),
            steps: 0,
        }
    }
}

/// What is compared.
impl World {
    /// The replica that is asked.
    pub(super) fn asked(&self) -> &App {
        if self.replica == 0 {
            &self.app
        } else {
            &self.other
        }
    }

    async fn check(&self, state: &State) {
        books::assert_exact(&self.database, &self.given).await;
        books::assert_one_owner_each(&self.database).await;
        let keys = self.keys.iter().zip(&state.keys);
        let living = keys.filter(|(_, key)| !key.is_disabled && !key.is_deleted);
        let living = living.filter_map(|(real, _)| Some(real.newest.as_ref()?.id.clone()));
        books::assert_pairs(&self.app, &self.database, living.collect()).await;
        let held = self.held(state);
        assert_some(&self.store, state, &held, Dice(self.steps)).await;
    }

    /// Every session and pair that was handed out.
    pub(super) fn held(&self, state: &State) -> Vec<Held> {
        let sessions = self.sessions.iter().zip(&state.sessions);
        let sessions = sessions.map(|(keys, session)| Held {
            keys: keys.clone(),
            place: session.place,
            writes: session.writes,
            is_alive: state.is_alive(session),
            is_changed: false,
            what: format!("a session: {session:?}"),
        });
        let of_key = |kind: KeyKind, keys: &Keys, is_alive| Held {
            keys: keys.clone(),
            place: kind.place(),
            writes: kind.writes(),
            is_alive,
            is_changed: false,
            what: format!("a pair of {kind:?}"),
        };
        let newest = self.keys.iter().zip(&state.keys);
        let newest = newest.filter_map(|(real, key)| {
            let is_alive = !key.is_disabled && !key.is_deleted;
            Some(of_key(key.kind, real.newest.as_ref()?, is_alive))
        });
        let ended = self.ended.iter();
        let ended = ended.map(|(kind, keys)| of_key(*kind, keys, false));
        let mut held: Vec<Held> = sessions.chain(newest).chain(ended).collect();
        for one in &mut held {
            let before = self.before.iter().find(|before| before.keys == one.keys);
            one.is_changed = before.is_none_or(|before| before.is_alive != one.is_alive);
        }
        held
    }
}

fn setup(issuer: &Issuer, signing: &SecretString, reuses: bool) -> Setup {
    let key = |name: &str| format!("issuers.{ISSUER}.{name}");
    let uri = issuer.server.uri();
    let setup = Setup::default()
        .key(&key("issuer"), &uri)
        .key(&key("audience"), AUDIENCE)
        .key(&key("jwks_uri"), &format!("{uri}/jwks"))
        .key("oauth.introspection_cache", "10m")
        .key("storage.session_duration", "12h")
        .key("limits.per_caller", "1000/s burst 1000")
        .key("limits.per_owner", "1000/s burst 1000")
        .key("access_keys.capability_key", signing.expose_secret())
        .change(|config| {
            let identity = config.storage.identity.clone().unwrap();
            config.access_keys.broker = Some(BrokerConfig {
                kind: BrokerKind::Iam,
                endpoint: None,
                identity,
            });
        });
    if reuses {
        setup.key("storage.session_reuse", "50%")
    } else {
        setup
    }
}

async fn rotating_key(operator: &Administer, organisation: Slug) -> ApiKey {
    let new = NewApiKey {
        organisation,
        label: "model".to_owned(),
        expires_in: None,
        storage: false,
        scopes: vec![Scope::parse("object_storage").unwrap()],
    };
    operator.create_api_key(new).await.unwrap().0
}
