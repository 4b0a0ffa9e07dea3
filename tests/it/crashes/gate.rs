//! A proxy to the engine that closes after a number of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::{App as Proxy, HttpRequest, HttpResponse, HttpServer, web};

use crate::support::App;

/// Forwards a number of requests. The next one is held, before or after the store gets it.
pub(super) struct Gate {
    store: String,
    http: reqwest::Client,
    passes: AtomicUsize,
    does_the_last: bool,
    held: AtomicUsize,
}

async fn forward(gate: web::Data<Gate>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let take = |left: usize| left.checked_sub(1);
    let passes = gate
        .passes
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take);
    if passes.is_ok() || gate.does_the_last {
        let url = format!("{}{}", gate.store, request.uri());
        let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes()).unwrap();
        let mut forwarded = gate.http.request(method, url).body(body.to_vec());
        for (name, value) in request.headers() {
            forwarded = forwarded.header(name.as_str(), value.as_bytes());
        }
        let answer = forwarded.send().await.unwrap();
        if passes.is_ok() {
            let status = actix_web::http::StatusCode::from_u16(answer.status().as_u16()).unwrap();
            return HttpResponse::build(status)
                .content_type("text/xml")
                .body(answer.bytes().await.unwrap());
        }
    }
    gate.held.fetch_add(1, Ordering::SeqCst);
    std::future::pending().await
}

/// A gate on a free port.
pub(super) fn gate(app: &App, passes: usize, does_the_last: bool) -> (Arc<Gate>, String) {
    let gate = web::Data::new(Gate {
        store: app.storage.url(),
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        passes: AtomicUsize::new(passes),
        does_the_last,
        held: AtomicUsize::new(0),
    });
    let shared = gate.clone();
    let server = HttpServer::new(move || {
        Proxy::new()
            .app_data(shared.clone())
            .default_service(web::to(forward))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    tokio::spawn(server.run());
    (gate.into_inner(), url)
}

impl Gate {
    /// Waits for the held request.
    pub(super) async fn wait(&self, what: &str) {
        let held = async {
            while self.held.load(Ordering::SeqCst) == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), held)
            .await
            .expect(what);
    }
}
