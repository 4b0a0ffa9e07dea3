//! What becomes of an upload that is refused before it is read.

use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, EXPECT, HeaderValue};
use hyper::{HeaderMap, Request};
use s3s::HttpResponse;

/// A request's body that is read to its end, whoever gives it up before: what is left of it would
/// be taken for the next request on the connection.
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
        tokio::spawn(async move {
            let mut rest = std::future::poll_fn(move |cx| Pin::new(&mut body).poll_frame(cx));
            while let Some(Ok(_)) = (&mut rest).await {}
        });
    }
}

/// Whether the client waits for a word before it sends the body (RFC 9110 section 10.1.1).
pub(super) fn expects_continue<B>(request: &Request<B>) -> bool {
    request.headers().contains_key(EXPECT)
}

/// It has got another word: the body will not come, and nobody can tell where the next request
/// would begin.
pub(super) fn close_connection(response: &mut HttpResponse) {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}
