//! `/metrics` (docs/monitoring.md).

mod endpoint;
mod moves;
mod process;
mod text;
mod traffic;

use std::time::{Duration, Instant};

use crate::support::{Answer, App, Setup};

use text::Samples;

/// A gateway that serves metrics.
fn measured() -> Setup {
    Setup::default().key("metrics.address", "127.0.0.1:0")
}

/// The metrics of a gateway, as text.
async fn scrape(app: &App) -> String {
    let address = app.metrics.as_ref().expect("metrics.address is set");
    let answer = app.send(app.http.get(address)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text
}

async fn samples(app: &App) -> Samples {
    Samples::parse(&scrape(app).await)
}

/// Scrapes until this holds.
async fn until(url: &str, what: &str, holds: impl Fn(&Samples) -> bool) -> Samples {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let began = Instant::now();
    loop {
        let answer = Answer::read(http.get(url).send().await.unwrap()).await;
        let samples = Samples::parse(&answer.text);
        if holds(&samples) {
            return samples;
        }
        let is_late = began.elapsed() > Duration::from_mins(1);
        assert!(!is_late, "{what}: {}", answer.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
