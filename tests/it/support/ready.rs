use std::time::Duration;

/// Waits until the gateway at this address is ready.
pub(crate) async fn until_ready(url: &str) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let readyz = format!("{url}/readyz");
    let is_ready = async || {
        let asked = http.get(&readyz).send().await;
        asked.is_ok_and(|answer| answer.status() == 200)
    };
    let ready = async {
        while !is_ready().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), ready).await;
    waited.unwrap_or_else(|_| panic!("{url} is not ready"));
}
