//! Answers to bytes that are not a request. They reach no route and no middleware.

use std::fmt::Write as _;
use std::net::IpAddr;

use actix_web::body::MessageBody;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, BytesMut};

use crate::http::middleware::request_log::add_headers;
use crate::http::observer::NO_DIALECT;
use crate::http::problems::problem;
use crate::http::problems::types::ProblemType;
use crate::http::state::Gateway;

/// A whole HTTP/1.1 answer (RFC 9112 section 4) that ends its connection, and its line in the log.
/// It speaks no dialect, because the route is not known.
#[must_use]
pub fn unreadable(gateway: &Gateway, client: IpAddr, status: u16) -> Bytes {
    let problem = match status {
        400 => ProblemType::InvalidRequest,
        408 => ProblemType::RequestTimeout,
        431 => ProblemType::HeadersTooLarge,
        _ => ProblemType::InternalError,
    };
    // It has no route, no method and no time of arrival to be counted by.
    gateway.observer.refused(NO_DIALECT, "unreadable");
    let detail = match problem {
        ProblemType::InvalidRequest => {
            "The request is not valid HTTP/1.1, or its headers contradict each other."
        }
        _ => problem.detail(),
    };
    let request_id = gateway.new_request_id();
    let mut response = problem::body(problem, detail, request_id, gateway);
    add_headers(&mut response, request_id);
    tracing::info!(
        %request_id,
        %client,
        route = "none",
        status = problem.status().as_u16(),
        outcome = problem.slug(),
        "request"
    );
    let mut head = status_line(problem.status());
    for (name, value) in response.headers() {
        let _ = write!(head, "{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    let body = response.into_body().try_into_bytes().unwrap_or_default();
    let _ = write!(
        head,
        "content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut answer = BytesMut::from(head.as_bytes());
    answer.extend_from_slice(&body);
    answer.freeze()
}

fn status_line(status: StatusCode) -> String {
    let reason = status.canonical_reason().unwrap_or_default();
    format!("HTTP/1.1 {} {reason}\r\n", status.as_u16())
}
