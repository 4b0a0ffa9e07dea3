//! Pooled connections to the store that died silently, as behind a firewall that drops idle ones.

use std::time::{Duration, Instant};

use wiremock::MockServer;

use crate::support::faulty_proxy::FaultyProxy;
use crate::support::{App, Setup, fake_store, session_of};

/// Slow enough that concurrent calls need a connection each.
const STORE_TAKES: Duration = Duration::from_millis(200);

struct World {
    app: App,
    proxy: FaultyProxy,
    _store: MockServer,
}

impl World {
    async fn new() -> Self {
        let store = fake_store(session_of(3600).set_delay(STORE_TAKES)).await;
        let proxy = FaultyProxy::start(&store.uri()).await;
        let app = Setup::default()
            .key("storage.endpoint", &format!("http://{}", proxy.address()))
            .key("limits.per_owner", "1000/s burst 1000")
            .spawn()
            .await;
        Self {
            app,
            proxy,
            _store: store,
        }
    }

    /// How many of these concurrent calls succeed.
    async fn succeed(&self, token: &str, count: usize) -> usize {
        let calls = (0..count).map(|_| self.app.ask(token));
        let answers = futures_util::future::join_all(calls).await;
        answers.iter().filter(|answer| answer.status == 200).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_first_timeout_no_call_meets_a_dead_connection() {
    let world = World::new().await;
    let token = world.app.token("alice").await;
    assert_eq!(world.succeed(&token, 24).await, 24);
    assert!(world.proxy.accepted() > 12);
    world.proxy.swallow_existing();
    let started = Instant::now();
    assert!(world.succeed(&token, 4).await < 4);
    assert!(started.elapsed() < Duration::from_secs(5));
    for _ in 0..4 {
        assert_eq!(world.succeed(&token, 4).await, 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_owner_is_not_delayed_by_a_dead_connection() {
    let world = World::new().await;
    let alice = world.app.token("alice").await;
    assert_eq!(world.succeed(&alice, 8).await, 8);
    let bob = world.app.token("bob").await;
    world.proxy.swallow_existing();
    let started = Instant::now();
    while world.app.ask(&bob).await.status != 200 {
        assert!(started.elapsed() < Duration::from_secs(7));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_meets_a_silent_connection_succeeds_over_a_new_one() {
    let world = World::new().await;
    let token = world.app.token("alice").await;
    assert_eq!(world.succeed(&token, 8).await, 8);
    world.proxy.silence_existing();
    let started = Instant::now();
    assert_eq!(world.succeed(&token, 4).await, 4);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_connection_does_not_discard_the_others() {
    const CALLERS: usize = 16;
    const ROUNDS: usize = 8;
    let world = World::new().await;
    let token = world.app.token("alice").await;
    assert_eq!(world.succeed(&token, CALLERS).await, CALLERS);
    let (before, started) = (world.proxy.accepted(), Instant::now());
    for _ in 0..ROUNDS {
        world.proxy.break_existing(1);
        assert_eq!(world.succeed(&token, CALLERS).await, CALLERS);
    }
    // In each round one for the retry and one to replace the broken one; all pools once a second.
    let seconds = usize::try_from(started.elapsed().as_secs()).unwrap();
    let most = 2 * ROUNDS + CALLERS * (1 + seconds);
    let opened = world.proxy.accepted() - before;
    assert!(opened <= most, "{opened} new connections in {seconds} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_uses_a_new_connection() {
    const CALLERS: usize = 16;
    let world = World::new().await;
    let token = world.app.token("alice").await;
    // The pools are renewed at most once a second, so not in every round.
    for _ in 0..4 {
        assert_eq!(world.succeed(&token, CALLERS).await, CALLERS);
        world.proxy.break_existing(usize::MAX);
        assert_eq!(world.succeed(&token, 4).await, 4);
        world.proxy.break_existing(0);
    }
}

/// The number of established connections to this port that the kernel probes: those whose timer is the
/// keepalive timer, `02` (`proc_net_tcp.txt` of the kernel's documentation).
#[cfg(target_os = "linux")]
pub(super) fn probed_connections_to(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let is_probed = |row: &&str| {
        let fields: Vec<&str> = row.split_whitespace().collect();
        fields[2].ends_with(&format!(":{port:04X}"))
            && fields[3] == "01"
            && fields[5].starts_with("02:")
    };
    table.lines().skip(1).filter(is_probed).count()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_are_probed_by_tcp_keepalive() {
    let world = World::new().await;
    let token = world.app.token("alice").await;
    assert_eq!(world.succeed(&token, 8).await, 8);
    assert!(probed_connections_to(world.proxy.address().port()) >= 8);
}
