use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use actix_http::error::PayloadError;
use actix_http::header;
use actix_http::{BoxedPayloadStream, ConnectionType, Payload, Request, Response};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::future::LocalBoxFuture;

use super::Face;
use super::exchange::{Exchange, RequestBody, UnderWay};
use super::framing::BodyEnd;

/// How much of an answer is put into a connection's buffer at once, in bytes: a peer that reads
/// nothing costs no more, however long the answer is.
const PIECE_BYTES: usize = 16 * 1024;

/// The routes, and a note for the connection when a request begins and when its answer is given.
pub(super) struct Noting<S> {
    pub(super) routes: S,
    pub(super) face: Arc<Face>,
}

impl<S, B> Service<Request> for Noting<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = Response<Given>;
    type Error = Response<BoxBody>;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.routes.poll_ready(cx).map_err(|error| refuse(&error))
    }

    fn call(&self, mut request: Request) -> Self::Future {
        let exchange = request.conn_data::<Rc<Exchange>>().cloned();
        let body = body_end(&mut request);
        let has_body = body.is_some();
        let under_way = exchange.as_ref().map(|exchange| exchange.begin(body));
        if let Some(exchange) = exchange.clone().filter(|_| has_body) {
            let payload = request.take_payload();
            let noted: BoxedPayloadStream = Box::pin(NotedBody { payload, exchange });
            *request.payload() = Payload::Stream { payload: noted };
        }
        let answered = self.routes.call(request);
        let face = Arc::clone(&self.face);
        Box::pin(async move {
            let response = answered.await.map_err(|error| refuse(&error))?;
            let mut response: Response<B> = response.into();
            // The next request would begin at a place that only the rest of this one tells.
            let unread = exchange.is_some_and(|exchange| exchange.body() != RequestBody::Done);
            // Others may wait: a connection in steady use would keep its place for good.
            if unread || face.crowded.load(Ordering::Relaxed) {
                response
                    .head_mut()
                    .set_connection_type(ConnectionType::Close);
            }
            Ok(response.map_body(|_, body| Given {
                body: BoxBody::new(body),
                piece: Bytes::new(),
                _under_way: under_way,
            }))
        })
    }
}

/// Where the request's body ends, if it has one.
fn body_end(request: &mut Request) -> Option<BodyEnd> {
    if matches!(request.payload(), Payload::None) {
        return None;
    }
    let length = request.head().headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.trim().parse().ok());
    Some(length.map_or(BodyEnd::chunked(), BodyEnd::After))
}

fn refuse(error: &actix_web::Error) -> Response<BoxBody> {
    error.error_response().into()
}

/// An answer's body, in pieces. The request is under way until it is given.
pub(super) struct Given {
    body: BoxBody,
    piece: Bytes,
    _under_way: Option<UnderWay>,
}

impl MessageBody for Given {
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

/// A request's body: whether more of it is wanted decides whether the connection is read.
struct NotedBody {
    payload: Payload,
    exchange: Rc<Exchange>,
}

impl Stream for NotedBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.payload).poll_next(cx);
        if let Poll::Ready(None) = next {
            self.exchange.body_is(RequestBody::Done);
        }
        next
    }
}

impl Drop for NotedBody {
    fn drop(&mut self) {
        if self.exchange.body() == RequestBody::Wanted {
            self.exchange.body_is(RequestBody::Left);
        }
    }
}
