//! Limits on connections: clients that send or read nothing, too much, or invalid HTTP.

use std::time::Duration;

use cloakroom::embedded::authorization_server::AuthorizationServer;
use tokio::io::AsyncWriteExt;

use crate::support::{App, Raw, Serve, Setup, limited, request, spawn_app};

const SHORT: Duration = Duration::from_millis(300);
const BUNDLE: &str = "/swagger-ui/swagger-ui-bundle.js";

async fn impatient() -> App {
    let setup = Setup::default().change(|config| {
        config.http.patience.head = SHORT;
        config.http.patience.answer = SHORT;
    });
    setup.spawn().await
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_head_times_out_on_new_and_reused_connections() {
    let app = impatient().await;
    for requests in 0..3 {
        let mut client = Raw::open(&app.url).await;
        for _ in 0..requests {
            assert_eq!(client.get("/livez").await.status, 200);
        }
        client.send("GET /livez HTTP/1.1\r\nhost:").await;
        let answer = client.answer().await;
        answer.assert_last_problem(408, "request-timeout");
        assert!(client.is_closed().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dripping_head_times_out() {
    let app = impatient().await;
    let mut client = Raw::open(&app.url).await;
    assert_eq!(client.get("/livez").await.status, 200);
    client.send("GET /livez HTTP/1.1\r\nx: ").await;
    client.drip_until_let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connection_is_kept_after_any_request() {
    let app = impatient().await;
    let mut client = Raw::open(&app.url).await;
    let head = "POST /v1/credentials HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n";
    client.send(head).await;
    client.send("{}").await;
    assert_eq!(client.answer().await.status, 401);
    client.send(&format!("{head}{{}}")).await;
    assert_eq!(client.answer().await.status, 401);
    assert_eq!(client.get("/livez").await.status, 200);
    tokio::time::sleep(3 * SHORT).await;
    assert_eq!(client.get("/livez").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connection_is_closed_in_the_end() {
    let setup = Setup::default().change(|config| {
        config.http.patience.head = SHORT;
        config.http.patience.idle = 4 * SHORT;
    });
    let app = setup.spawn().await;
    let mut client = Raw::open(&app.url).await;
    for _ in 0..2 {
        assert_eq!(client.get("/livez").await.status, 200);
        tokio::time::sleep(2 * SHORT).await;
    }
    let closed = tokio::time::timeout(10 * SHORT, client.is_closed()).await;
    assert!(closed.expect("the connection is not kept for good"));
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_does_not_read_its_answer_is_disconnected() {
    let app = impatient().await;
    let mut client = Raw::open(&app.url).await;
    client.send(&request("GET", BUNDLE).repeat(20)).await;
    client.drip_until_let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_slowly_gets_the_whole_answer() {
    let patience = Duration::from_millis(1_500);
    let setup = Setup::default().change(move |config| config.http.patience.answer = patience);
    let app = setup.spawn().await;
    let whole = app.http.get(format!("{}{BUNDLE}", app.url)).send().await;
    let whole = whole.unwrap().bytes().await.unwrap();
    let mut client = Raw::open(&app.url).await;
    client.send(&request("GET", BUNDLE).repeat(3)).await;
    for _ in 0..3 {
        tokio::time::sleep(patience / 3).await;
        assert!(client.answer().await.body == whole);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_order() {
    let app = spawn_app().await;
    let mut client = Raw::open(&app.url).await;
    let body = "POST /v1/credentials HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}";
    let chunked = "POST /v1/credentials HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
                   2\r\n{}\r\n0\r\n\r\n";
    let all = [
        request("GET", "/livez"),
        body.to_owned(),
        chunked.to_owned(),
        request("GET", "/livez"),
        "\r\n".to_owned() + &request("HEAD", "/nothing"),
        request("GET", "/nothing").replace('\r', ""),
        body.to_owned(),
        request("GET", "/livez"),
    ];
    client.send(&all.concat().repeat(40)).await;
    for _ in 0..40 {
        for status in [200, 401, 401, 200] {
            assert_eq!(client.answer().await.status, status);
        }
        // The answer to HEAD has the length of a body that does not follow.
        assert!(client.head_only().await.contains(" 404 "));
        for status in [404, 401, 200] {
            assert_eq!(client.answer().await.status, status);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_asks_for_an_upgrade_is_answered_without_one() {
    let app = spawn_app().await;
    for protocol in ["websocket", "h2c"] {
        for body in [
            "content-length: 2\r\n\r\n{}",
            "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            "\r\n",
        ] {
            let mut client = Raw::open(&app.url).await;
            let head = format!("host: a\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n");
            let call = format!("POST /v1/credentials HTTP/1.1\r\n{head}{body}");
            client.send(&(call + &request("GET", "/livez"))).await;
            let answer = tokio::time::timeout(Duration::from_secs(2), client.answer()).await;
            let answer = answer.expect("the body's end is found");
            assert_eq!(answer.status, 401, "{protocol}, {body}");
            assert_eq!(answer.header("connection"), Some("close"));
            assert!(client.is_closed().await);
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn unread_answer_takes_little_kernel_memory() {
    const MOST_BYTES: usize = 96 * 1024;
    let app = spawn_app().await;
    let mut client = Raw::open(&app.url).await;
    client.send(&request("GET", BUNDLE).repeat(20)).await;
    // Wait until it stops growing.
    let (mut queued, mut unchanged) = (0, 0);
    while queued == 0 || unchanged < 5 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = sent_and_not_taken(&client);
        unchanged = if now == queued { unchanged + 1 } else { 0 };
        queued = now;
    }
    assert!(queued <= MOST_BYTES, "{queued} bytes wait in the kernel");
}

/// How many bytes the kernel holds for the client at the gateway's end of this connection.
#[cfg(target_os = "linux")]
fn sent_and_not_taken(client: &Raw) -> usize {
    let gateway = format!(":{:04X}", client.stream.peer_addr().unwrap().port());
    let client = format!(":{:04X}", client.stream.local_addr().unwrap().port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let mut rows = table.lines().map(|row| row.split_whitespace());
    // Number, local address, remote address, state, queues in hexadecimal.
    let waiting = rows.find_map(|mut row| {
        let is_it = row.nth(1)?.ends_with(&gateway) && row.next()?.ends_with(&client);
        is_it.then(|| row.nth(1))?
    });
    let sent = waiting.expect("the connection is open").split(':').next();
    usize::from_str_radix(sent.unwrap(), 16).unwrap()
}

/// Whether a request gets an answer soon.
async fn is_kept_waiting(client: &mut Raw) -> bool {
    tokio::time::timeout(SHORT, client.try_answer())
        .await
        .is_err()
}

/// A gateway that allows three connections, which idle clients may keep.
fn three_places() -> Setup {
    let setup = Setup::default().key("http.max_in_flight", "2");
    let setup = setup.key("http.max_connections", "3");
    setup.change(|config| config.http.patience.head = Duration::from_mins(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_over_the_limit_wait() {
    let app = three_places().spawn().await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(Raw::open(&app.url).await);
    }
    let mut waiting = Raw::open(&app.url).await;
    waiting.send(&request("GET", "/livez")).await;
    assert!(is_kept_waiting(&mut waiting).await);
    drop(held.pop());
    assert_eq!(waiting.answer().await.status, 200);
    for client in &mut held {
        assert_eq!(client.get("/livez").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn busy_connections_make_room_for_waiting_ones() {
    let app = three_places().spawn().await;
    let mut busy = Raw::open(&app.url).await;
    let answer = busy.get("/livez").await;
    assert_eq!(answer.header("connection"), None, "places are left");
    let silent = [Raw::open(&app.url).await, Raw::open(&app.url).await];
    let mut waiting = Raw::open(&app.url).await;
    waiting.send(&request("GET", "/livez")).await;
    let until_closed =
        async { while busy.get("/livez").await.header("connection") != Some("close") {} };
    let closed = tokio::time::timeout(Duration::from_secs(5), until_closed).await;
    closed.expect("one in use is closed while others wait");
    assert!(busy.is_closed().await);
    assert_eq!(waiting.answer().await.status, 200);
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_make_room_for_waiting_ones() {
    let setup = three_places().change(|config| config.http.patience.answer = SHORT);
    let app = setup.spawn().await;
    let mut idle = [Raw::open(&app.url).await, Raw::open(&app.url).await];
    for client in &mut idle {
        assert_eq!(client.get("/livez").await.header("connection"), None);
    }
    let _silent = Raw::open(&app.url).await;
    let mut waiting = Raw::open(&app.url).await;
    assert_eq!(waiting.get("/livez").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_leave_descriptors_to_the_upstreams() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let command = limited("-n 200", &["serve"]);
    let mut gateway = Serve::run(command, &oauth, "http://127.0.0.1:1", &[]);
    gateway.listening().await;
    // 200 less 64 of its own, half of that for work that outlives its call, and for each connection
    // three to upstreams.
    let mut held = Vec::new();
    for _ in 0..16 {
        let mut client = Raw::open(&gateway.url).await;
        let answer = client.get("/livez").await;
        assert_eq!(answer.header("connection"), None, "{}", held.len());
        held.push(client);
    }
    held.push(Raw::open(&gateway.url).await);
    let mut waiting = Raw::open(&gateway.url).await;
    waiting.send(&request("GET", "/livez")).await;
    assert!(is_kept_waiting(&mut waiting).await);
    held.clear();
    assert_eq!(waiting.answer().await.status, 200);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn open_file_limit_is_raised_and_a_low_one_causes_a_warning() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    for (hard, warns) in [("4096", false), ("1024", true)] {
        let limit = format!("-Sn 256 && ulimit -Hn {hard}");
        let command = limited(&limit, &["serve"]);
        let mut gateway = Serve::run(command, &oauth, "http://127.0.0.1:1", &[]);
        let mut warned = false;
        loop {
            let line = gateway.next_line().await.unwrap();
            warned |= line["level"] == "WARN"
                && line["message"].to_string().contains("http.max_connections");
            if line["message"] == "listening" {
                break;
            }
        }
        assert_eq!(warned, warns, "{hard}");
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.id())).unwrap();
        let files = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let files: Vec<&str> = files.unwrap().split_whitespace().skip(3).take(2).collect();
        assert_eq!(files, [hard, hard]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_headers_get_a_problem() {
    let app = spawn_app().await;
    for length in [70_000, 200_000, 2_000_000] {
        let mut client = Raw::open(&app.url).await;
        assert_eq!(client.get("/livez").await.status, 200);
        let long = "x".repeat(length);
        let head = format!("GET /livez HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n");
        // The gateway may close the connection while the head is still being sent.
        let _ = client.stream.write_all(head.as_bytes()).await;
        let answer = client.answer().await;
        answer.assert_last_problem(431, "headers-too-large");
    }
    let mut client = Raw::open(&app.url).await;
    let many = "x: y\r\n".repeat(96);
    client
        .send(&format!("GET /livez HTTP/1.1\r\nhost: a\r\n{many}\r\n"))
        .await;
    let answer = client.answer().await;
    answer.assert_last_problem(431, "headers-too-large");
    let mut client = Raw::open(&app.url).await;
    let long = "x".repeat(60_000);
    client
        .send(&format!(
            "GET /livez HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n"
        ))
        .await;
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_http_gets_a_problem() {
    let app = spawn_app().await;
    for nonsense in [
        "\u{16}\u{3}\u{1}\u{2}\0\r\n\r\n",
        "GET /livez HTTP/9.9\r\nhost: a\r\n\r\n",
        "GET /livez HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "GET /livez HTTP/1.1\r\n\r\n",
    ] {
        for ahead in ["", &request("GET", "/livez").repeat(3)] {
            let mut client = Raw::open(&app.url).await;
            client.send(&format!("{ahead}{nonsense}")).await;
            for _ in ahead.matches("GET") {
                assert_eq!(client.answer().await.status, 200);
            }
            let answer = client.answer().await;
            answer.assert_last_problem(400, "invalid-request");
            assert!(client.is_closed().await);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_that_keeps_sending_after_its_last_answer_is_cut_off() {
    const FAR_TOO_MUCH: usize = 32 * 1024 * 1024;
    let app = spawn_app().await;
    let mut client = Raw::open(&app.url).await;
    client.send("GET /livez HTTP/9.9\r\nhost: a\r\n\r\n").await;
    let more = vec![b'x'; 64 * 1024];
    let mut sent = 0;
    while let Ok(taken) = client.stream.write(&more).await {
        sent += taken;
        assert!(sent < FAR_TOO_MUCH, "the gateway reads on");
    }
    let answer = client.answer().await;
    answer.assert_last_problem(400, "invalid-request");
}
