use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use actix_http::error::PayloadError;
use actix_http::header;
use actix_http::{BoxedPayloadStream, ConnectionType, Payload, Request, RequestHead, Response};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::future::LocalBoxFuture;

use super::EdgeState;
use super::connection::{ConnectionState, InFlight, RequestBody};
use super::framing::BodyEnd;

/// How much of an answer is buffered per connection at once, in bytes: the most a peer that does not
/// read can cost, however long the answer is.
const PIECE_BYTES: usize = 16 * 1024;

/// The routes; tells the connection when a request begins and when its answer is complete.
pub(super) struct Tracked<S> {
    pub(super) routes: S,
    pub(super) state: Arc<EdgeState>,
}

impl<S, B> Service<Request> for Tracked<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = Response<PiecewiseBody>;
    type Error = Response<BoxBody>;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.routes.poll_ready(cx).map_err(|error| refuse(&error))
    }

    fn call(&self, mut request: Request) -> Self::Future {
        let connection = request.conn_data::<Rc<ConnectionState>>().cloned();
        let upgrade = Upgrade::of(request.head());
        let body = body_end(&mut request);
        let has_body = body.is_some();
        let left = match body {
            Some(BodyEnd::After(length)) if upgrade == Upgrade::WebSocket => Some(length),
            _ => None,
        };
        let in_flight = connection.as_ref().map(|connection| connection.begin(body));
        if let Some(connection) = connection.clone().filter(|_| has_body) {
            let payload = request.take_payload();
            let noted: BoxedPayloadStream = Box::pin(TrackedBody {
                payload,
                connection,
                left,
            });
            *request.payload() = Payload::Stream { payload: noted };
        }
        let answered = self.routes.call(request);
        let state = Arc::clone(&self.state);
        Box::pin(async move {
            let response = answered.await.map_err(|error| refuse(&error))?;
            let mut response: Response<B> = response.into();
            // Where the next request begins is unknown until this one's body is read.
            let unread =
                connection.is_some_and(|connection| connection.body() != RequestBody::Done);
            // While others wait, a connection in steady use must not keep its place for good.
            if unread || upgrade != Upgrade::None || state.crowded.load(Ordering::Relaxed) {
                response
                    .head_mut()
                    .set_connection_type(ConnectionType::Close);
            }
            Ok(response.map_body(|_, body| PiecewiseBody {
                body: BoxBody::new(body),
                piece: Bytes::new(),
                _in_flight: in_flight,
            }))
        })
    }
}

/// The protocol that a request asks to change to. The gateway changes to none (RFC 9110 section 7.8),
/// but actix-http reads no further request from such a connection, so its answer has to close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upgrade {
    None,
    /// actix-http takes all that follows for the body, no matter what `Content-Length` says.
    WebSocket,
    Other,
}

impl Upgrade {
    fn of(request: &RequestHead) -> Self {
        let named = request.headers().get(header::UPGRADE);
        match named.and_then(|named| named.to_str().ok()) {
            Some(named) if named.trim().eq_ignore_ascii_case("websocket") => Self::WebSocket,
            _ if request.connection_type() == ConnectionType::Upgrade => Self::Other,
            _ => Self::None,
        }
    }
}

/// How to find the end of the request's body, if it has one (RFC 9112 section 6.3).
fn body_end(request: &mut Request) -> Option<BodyEnd> {
    if matches!(request.payload(), Payload::None) {
        return None;
    }
    let headers = request.head().headers();
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Some(BodyEnd::chunked());
    }
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.trim().parse().ok());
    Some(BodyEnd::After(length.unwrap_or(0)))
}

fn refuse(error: &actix_web::Error) -> Response<BoxBody> {
    error.error_response().into()
}

/// An answer's body, sent in pieces. The request is in flight until the last one.
pub(super) struct PiecewiseBody {
    body: BoxBody,
    piece: Bytes,
    _in_flight: Option<InFlight>,
}

impl MessageBody for PiecewiseBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.piece.is_empty() {
            match self.body.as_pin_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(bytes))) => self.piece = bytes,
                other => return other,
            }
        }
        let length = self.piece.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(self.piece.split_to(length))))
    }
}

/// A request's body; tells the connection whether more of it is wanted.
struct TrackedBody {
    payload: Payload,
    connection: Rc<ConnectionState>,
    /// How much is left, in bytes, where actix-http does not look for the end.
    left: Option<u64>,
}

impl Stream for TrackedBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = match self.left {
            Some(0) => Poll::Ready(None),
            _ => Pin::new(&mut self.payload).poll_next(cx),
        };
        match (&next, &mut self.left) {
            (Poll::Ready(None), _) => self.connection.body_is(RequestBody::Done),
            (Poll::Ready(Some(Ok(bytes))), Some(left)) => {
                *left = left.saturating_sub(bytes.len() as u64);
            }
            _ => {}
        }
        next
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        if self.connection.body() == RequestBody::Wanted {
            self.connection.body_is(RequestBody::Left);
        }
    }
}
