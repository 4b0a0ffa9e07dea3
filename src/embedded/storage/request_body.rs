//! The body of an upload that is refused before it is read.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, EXPECT, HeaderValue};
use hyper::{HeaderMap, Request};
use s3s::HttpResponse;

/// A request body that reads its rest when dropped. Unread bytes would be taken for the next request
/// on the connection.
pub(super) struct DrainedBody(Option<Incoming>);

impl DrainedBody {
    pub(super) fn new(body: Incoming) -> Self {
        Self(Some(body))
    }
}

impl Body for DrainedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.0 {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for DrainedBody {
    fn drop(&mut self) {
        let Some(mut body) = self.0.take().filter(|body| !body.is_end_stream()) else {
            return;
        };
        tokio::spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
    }
}

/// Whether the client waits for an interim response before it sends the body (RFC 9110 section
/// 10.1.1).
pub(super) fn expects_continue<B>(request: &Request<B>) -> bool {
    request.headers().contains_key(EXPECT)
}

/// Closes the connection after a final response instead of an interim one. The client may then send
/// the body or not, so the server cannot tell where the next request starts.
pub(super) fn close_connection(response: &mut HttpResponse) {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}
