use std::sync::atomic::Ordering;

use crate::adapters::{counting_server, fixed};

use super::*;

#[tokio::test]
async fn a_connection_is_not_reused_after_a_minute_of_idling() {
    let (url, accepted) = counting_server().await;
    let http = OauthHttp::new(fixed(None)).unwrap();
    let url = Url::parse(&url).unwrap();
    http.date(&url).await.unwrap();
    http.date(&url).await.unwrap();
    assert_eq!(accepted.load(Ordering::SeqCst), 1);
    tokio::time::pause();
    // Firewalls and NATs forget idle connections after a minute at the earliest.
    tokio::time::advance(Duration::from_secs(59)).await;
    tokio::time::resume();
    http.date(&url).await.unwrap();
    assert_eq!(accepted.load(Ordering::SeqCst), 2);
}
