//! An issuer that is down or slow leaves the callers of others alone.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::net::TcpListener;

use crate::support::{App, Setup};

use super::world::{cluster, github, with_cluster, with_github};

/// Accepts connections and never answers.
async fn hanging() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
        }
    });
    url
}

/// How long the calls of the next two seconds take, in order.
async fn latencies(app: &App, tokens: &[String]) -> Vec<Duration> {
    let mut took = Vec::new();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(2) {
        for token in tokens {
            let asked = Instant::now();
            app.ask(token).await.credentials();
            took.push(asked.elapsed());
        }
    }
    took.sort_unstable();
    took
}

#[expect(clippy::print_stdout, reason = "docs/workloads.md has these figures")]
#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_never_answers_takes_its_own_places_only() {
    let (github, cluster) = tokio::join!(github(), cluster());
    let setup = with_cluster(with_github(Setup::default(), &github), &cluster)
        .key("issuers.cluster.jwks_uri", &hanging().await)
        .key("http.max_in_flight", "32")
        .key("limits.per_caller", "1000/s burst 1000")
        .key("limits.per_owner", "1000/s burst 1000");
    let app = setup.spawn().await;
    let alice = app.token("alice").await;
    app.ask(&alice).await.credentials();
    app.ask(&github.token()).await.credentials();
    let others = [alice, github.token()];
    let calm = latencies(&app, &others).await;
    let token = cluster.token();
    let hangs = join_all((0..64).map(|_| app.ask(&token)));
    let (hung, meanwhile) = tokio::join!(hangs, latencies(&app, &others));
    for (when, took) in [("before", &calm), ("while it hangs", &meanwhile)] {
        let (median, slowest) = (took[took.len() / 2], took[took.len() - 1]);
        println!(
            "{when}: {} calls, median {median:?}, slowest {slowest:?}",
            took.len()
        );
        // A call that waits for the keys waits for longer.
        assert!(slowest < Duration::from_secs(2), "{when}: {slowest:?}");
    }
    for answer in &hung {
        assert!([502, 503].contains(&answer.status), "{answer:?}");
    }
    let waited = hung.iter().filter(|answer| answer.status == 502).count();
    assert!(waited > 0, "some waited for the keys");
    let ready = app.send(app.http.get(format!("{}/readyz", app.url))).await;
    assert_eq!(ready.status, 200, "{}", ready.text);
}
