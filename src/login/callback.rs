//! The address to which the browser comes back (RFC 8252 section 7.3).

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use maud::{DOCTYPE, html};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use url::{Url, form_urlencoded};

use super::LoginError;
use super::start::Start;

const PATH: &str = "/callback";

/// Listens on a free port of the loopback interface.
pub(super) struct Callback {
    listener: TcpListener,
    address: Url,
}

/// What the browser must bring.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) start: Start,
    pub(super) state: String,
    pub(super) issuer: String,
    /// Whether the answer must name the issuer (RFC 9207 section 2.4).
    pub(super) needs_issuer: bool,
}

type Outcome = Result<String, LoginError>;

impl Callback {
    pub(super) async fn listen() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let address = format!("http://127.0.0.1:{port}{PATH}");
        let address = Url::parse(&address).map_err(io::Error::other)?;
        Ok(Self { listener, address })
    }

    pub(super) fn address(&self) -> &Url {
        &self.address
    }

    /// Waits for the browser that brings the state, and returns the authorization code. Other requests
    /// are turned away: a page in the browser could send them.
    pub(super) async fn answer(self, expected: Expected) -> Outcome {
        let expected = Arc::new(expected);
        let (tell, mut told) = mpsc::channel(1);
        loop {
            tokio::select! {
                biased;
                Some(outcome) = told.recv() => return outcome,
                accepted = self.listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        tokio::spawn(serve(stream, Arc::clone(&expected), tell.clone()));
                    }
                }
            }
        }
    }
}

/// Answers one request. The outcome is told once the browser has its page: the process may end then.
async fn serve(stream: TcpStream, expected: Arc<Expected>, tell: mpsc::Sender<Outcome>) {
    let outcome = Mutex::new(None);
    let service = service_fn(|request: Request<Incoming>| {
        let (response, found) = answer(&request, &expected);
        if let Some(found) = found {
            let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
            *outcome = Some(found);
        }
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A browser that hangs up early has brought its answer all the same.
    let _ = connection.await;
    let outcome = outcome.into_inner();
    if let Some(outcome) = outcome.unwrap_or_else(PoisonError::into_inner) {
        let _ = tell.send(outcome).await;
    }
}

fn answer(request: &Request<Incoming>, expected: &Expected) -> (Response<String>, Option<Outcome>) {
    let path = request.uri().path();
    let is_start = path == expected.start.path();
    if path != PATH && !is_start {
        return (page(StatusCode::NOT_FOUND, "There is nothing here."), None);
    }
    if request.method() != Method::GET {
        let text = "This address takes GET only.";
        return (page(StatusCode::METHOD_NOT_ALLOWED, text), None);
    }
    if is_start {
        return begin(&expected.start);
    }
    match expected.read(request.uri().query().unwrap_or_default()) {
        None => {
            let text = "This is not the sign-in that the terminal waits for.";
            (page(StatusCode::BAD_REQUEST, text), None)
        }
        Some(Ok(code)) => {
            let text = "You can close this page and go back to the terminal.";
            (page(StatusCode::OK, text), Some(Ok(code)))
        }
        Some(Err(error)) => {
            let text = "You are not signed in. The terminal says why.";
            (page(StatusCode::OK, text), Some(Err(error)))
        }
    }
}

fn begin(start: &Start) -> (Response<String>, Option<Outcome>) {
    let target = start
        .follow()
        .map(|url| HeaderValue::from_str(url.as_str()));
    let Some(Ok(target)) = target else {
        let text = "This link works once. You are not signed in. The terminal says why.";
        let refused = page(StatusCode::GONE, text);
        return (refused, Some(Err(LoginError::OpenedTwice)));
    };
    let mut response = page(StatusCode::SEE_OTHER, "Sign in there.");
    response.headers_mut().insert(LOCATION, target);
    (response, None)
}

impl Expected {
    /// The outcome of a query (RFC 6749 sections 4.1.2 and 4.1.2.1); `None` without the state.
    fn read(&self, query: &str) -> Option<Outcome> {
        let parameter = |name: &str| {
            let mut parameters = form_urlencoded::parse(query.as_bytes());
            let found = parameters.find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned())
        };
        if parameter("state").as_ref() != Some(&self.state) {
            return None;
        }
        let issuer = parameter("iss");
        let is_others = issuer.as_ref().is_some_and(|issuer| *issuer != self.issuer);
        if is_others || (self.needs_issuer && issuer.is_none()) {
            let what = "the answer is another authorization server's";
            return Some(Err(LoginError::server(&self.issuer, what)));
        }
        if let Some(code) = parameter("error") {
            return Some(Err(LoginError::refused(&self.issuer, &code)));
        }
        let missing = || LoginError::server(&self.issuer, "the answer holds no code");
        Some(parameter("code").ok_or_else(missing))
    }
}

fn page(status: StatusCode, text: &str) -> Response<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "cloakroom" } }
            body { p { (text) } }
        }
    };
    let mut response = Response::new(page.into_string());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(CONTENT_TYPE, html);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.insert(CONTENT_SECURITY_POLICY, nothing);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(needs_issuer: bool) -> Expected {
        Expected {
            start: Start::new("https://as.example/authorize".parse().unwrap()),
            state: "s".to_owned(),
            issuer: "https://as.example".to_owned(),
            needs_issuer,
        }
    }

    fn code(query: &str, needs_issuer: bool) -> Option<Result<String, String>> {
        let outcome = expected(needs_issuer).read(query)?;
        Some(outcome.map_err(|error| error.to_string()))
    }

    #[test]
    fn an_answer_without_the_state_is_not_for_us() {
        for query in ["", "code=c", "code=c&state=", "code=c&state=x", "error=e"] {
            assert_eq!(code(query, false), None, "{query}");
        }
        assert_eq!(code("code=c&state=s", false), Some(Ok("c".to_owned())));
    }

    #[test]
    fn an_answer_of_another_issuer_is_refused() {
        let ours = "code=c&state=s&iss=https%3A%2F%2Fas.example";
        for needs_issuer in [false, true] {
            assert_eq!(code(ours, needs_issuer), Some(Ok("c".to_owned())));
            let theirs = "code=c&state=s&iss=https%3A%2F%2Fevil.example";
            assert!(code(theirs, needs_issuer).unwrap().is_err());
        }
        assert!(code("code=c&state=s", true).unwrap().is_err());
    }

    #[test]
    fn the_servers_error_is_told() {
        let refused = code("error=access_denied&state=s", false).unwrap();
        assert_eq!(
            refused.unwrap_err(),
            "https://as.example: refused: access_denied"
        );
        assert!(code("state=s", false).unwrap().is_err(), "neither");
    }
}
