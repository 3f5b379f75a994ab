//! The outermost layer of the listener: it sees every call, whatever service answers or refuses it. While the server
//! shuts down it refuses new calls, and in the end it ends those that are left; the transport would let a client guess
//! why. Every refusal leaves with its reason, those of the layer that asks for credentials and of tonic itself included.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{HeaderMap, Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::awaited::Counted;
use super::call::Call;
use super::call_body::CallBody;
use super::reason::{self, Reason, Told};
use crate::drain::Drain;
use crate::metrics::Metrics;

/// Refuses a call of a server that shuts down.
pub(super) fn shutting_down() -> Status {
    Told::new(Code::Unavailable, Reason::ShuttingDown).status(
        "the server is shutting down and takes no new calls; try again with another, or when it has started again",
    )
}

/// Ends a call that has run for too long after the signal.
pub(super) fn shut_down() -> Status {
    Told::new(Code::Unavailable, Reason::ShuttingDown).status(
        "the server is shutting down, and the call had not ended in time (setting drain_timeout); try again with \
         another, or when it has started again",
    )
}

/// Sees the calls of a service.
#[derive(Debug, Clone)]
pub(super) struct CallsLayer {
    drain: Drain,
    metrics: Arc<Metrics>,
}

impl CallsLayer {
    pub(super) fn new(drain: Drain, metrics: Arc<Metrics>) -> Self {
        Self { drain, metrics }
    }
}

impl<S> Layer<S> for CallsLayer {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Calls { seen_by: self.clone(), inner }
    }
}

/// A service whose calls are seen.
#[derive(Debug, Clone)]
pub(super) struct Calls<S> {
    seen_by: CallsLayer,
    inner: S,
}

impl<S> Service<Request<Body>> for Calls<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Send,
    S::Future: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that has said that it is ready is used, and its copy takes its place.
        let copy = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, copy);
        let CallsLayer { drain, metrics } = self.seen_by.clone();
        let call = Call::of(request.uri().path());
        let mut record = CallRecord::begin(call, metrics);
        Box::pin(async move {
            if drain.has_begun() && !call.goes_on() {
                return Ok(record.refuse(shutting_down()));
            }
            let path = request.uri().path().to_owned();
            let answer = tokio::select! {
                biased;
                answer = inner.call(request) => answer?,
                () = drain.over() => return Ok(record.refuse(shut_down())),
            };
            let (mut parts, body) = answer.into_parts();
            let ending = give_reason(&mut parts.headers, call, &path);
            if let Some(ending) = &ending {
                record.end(ending);
            }
            // Whoever is refused has none.
            let tickets = (call.gives_tickets() && ending.is_none()).then(|| drain.clone());
            let counted = parts.extensions.remove::<Counted>();
            let body = CallBody::new(body, record, Box::pin(drain.over()), counted, tickets);
            Ok(Response::from_parts(parts, Body::new(body)))
        })
    }
}

/// The status among headers, to which its reason is added if it has none. None where there is no status.
fn give_reason(headers: &mut HeaderMap, call: Call, path: &str) -> Option<Status> {
    let status = Status::from_header_map(headers)?;
    if status.code() == Code::Ok || !status.details().is_empty() {
        return Some(status);
    }
    let status = match (call, status.code()) {
        // tonic says nothing of what there is not.
        (Call::Unknown, Code::Unimplemented) => Told::new(Code::Unimplemented, Reason::Unsupported)
            .status(format!("there is no call {path}; server reflection lists the services and calls that there are")),
        // A service, a file or a symbol, and no statement.
        (Call::Health | Call::Reflection, Code::NotFound) => {
            Told::new(Code::NotFound, Reason::InvalidRequest).status(status.message())
        }
        _ => reason::with_reason(status),
    };
    if let Err(error) = status.add_header(headers) {
        tracing::error!(%error, "a status cannot be written as headers");
    }
    Some(status)
}

/// What is known of a call, and told when it is dropped: one that has not ended by then was cancelled.
#[derive(Debug)]
pub(super) struct CallRecord {
    call: Call,
    metrics: Arc<Metrics>,
    started: Instant,
    sent_bytes: u64,
    ended: Option<Code>,
}

impl CallRecord {
    pub(super) fn begin(call: Call, metrics: Arc<Metrics>) -> Self {
        Self { call, metrics, started: Instant::now(), sent_bytes: 0, ended: None }
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent_bytes += bytes as u64;
    }

    /// Ends with the status among trailers, to which its reason is added.
    pub(super) fn end_with(&mut self, trailers: &mut HeaderMap) -> Option<Code> {
        let status = give_reason(trailers, self.call, "")?;
        self.end(&status);
        Some(status.code())
    }

    /// The first ending counts.
    pub(super) fn end(&mut self, status: &Status) {
        self.ended.get_or_insert(status.code());
    }

    fn refuse(&mut self, status: Status) -> Response<Body> {
        self.end(&status);
        status.into_http()
    }
}

impl Drop for CallRecord {
    fn drop(&mut self) {
        let code = self.ended.unwrap_or(Code::Cancelled);
        self.metrics.call_ended(self.call.name(), code, self.started.elapsed(), self.sent_bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, ready};

    use futures::FutureExt;
    use http_body_util::BodyExt;

    use super::super::awaited::Awaited;
    use super::*;
    use crate::auth::Principal;

    const DO_GET: &str = "/arrow.flight.protocol.FlightService/DoGet";
    const GET_FLIGHT_INFO: &str = "/arrow.flight.protocol.FlightService/GetFlightInfo";
    const SOMEBODY: Option<&str> = Some("somebody");
    const NOBODY: Option<&str> = None;

    /// Refuses each call as tonic does what it does not know, or answers with a body without end.
    #[derive(Clone)]
    struct Inner {
        answers: bool,
    }

    impl Service<Request<Body>> for Inner {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            ready(Ok(if self.answers {
                Response::new(Body::new(http_body_util::StreamBody::new(futures::stream::pending::<
                    Result<http_body::Frame<prost::bytes::Bytes>, Status>,
                >())))
            } else {
                Status::unimplemented("").into_http()
            }))
        }
    }

    async fn call(
        drain: &Drain,
        metrics: &Arc<Metrics>,
        answers: bool,
        path: &str,
        caller: Option<&str>,
    ) -> Response<Body> {
        let mut request = Request::builder().uri(format!("http://server{path}")).body(Body::empty()).unwrap();
        if let Some(name) = caller {
            request.extensions_mut().insert(Principal::named(name));
        }
        let service = Awaited::new(drain.clone(), Inner { answers });
        let mut service = CallsLayer::new(drain.clone(), Arc::clone(metrics)).layer(service);
        service.call(request).await.unwrap()
    }

    fn status(response: &Response<Body>) -> Status {
        Status::from_header_map(response.headers()).unwrap()
    }

    #[tokio::test]
    async fn a_refusal_of_anybody_says_why() {
        let (drain, metrics) = (Drain::new(), Arc::default());
        let refused = status(&call(&drain, &metrics, false, "/no.such.Service/Call", SOMEBODY).await);
        assert_eq!(refused.code(), Code::Unimplemented);
        assert!(refused.message().starts_with("there is no call /no.such.Service/Call;"), "{refused}");
        assert_eq!(reason::name_of(&refused).as_deref(), Some("UNSUPPORTED"));
        assert_eq!(drain.running(), 0);
    }

    #[tokio::test]
    async fn new_calls_are_refused_and_tickets_are_not() {
        let (drain, metrics) = (Drain::new(), Arc::default());
        drain.begin();
        let refused = status(&call(&drain, &metrics, true, GET_FLIGHT_INFO, SOMEBODY).await);
        assert_eq!(refused.code(), Code::Unavailable);
        assert_eq!(reason::name_of(&refused).as_deref(), Some("SHUTTING_DOWN"));
        let answered = call(&drain, &metrics, true, DO_GET, SOMEBODY).await;
        assert!(Status::from_header_map(answered.headers()).is_none());
        assert_eq!(drain.running(), 1);
        drop(answered);
        assert_eq!(drain.running(), 0);
    }

    #[tokio::test]
    async fn who_is_not_known_is_not_waited_for_and_takes_no_ticket() {
        let (drain, metrics) = (Drain::new(), Arc::default());
        drain.give_ticket();
        let _stranger = call(&drain, &metrics, true, DO_GET, NOBODY).await;
        assert_eq!(drain.running(), 0);
        assert!(drain.idle().now_or_never().is_none());
        drop(call(&drain, &metrics, true, DO_GET, SOMEBODY).await);
        assert!(drain.idle().now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_runs_when_the_time_is_over_ends_with_its_reason() {
        let (drain, metrics) = (Drain::new(), Arc::default());
        let answered = call(&drain, &metrics, true, DO_GET, SOMEBODY).await;
        let watched = call(&drain, &metrics, true, "/grpc.health.v1.Health/Watch", NOBODY).await;
        assert_eq!(drain.running(), 1);
        drain.finish();
        for response in [answered, watched] {
            let trailers = response.into_body().collect().await.unwrap().trailers().cloned().unwrap();
            let ended = Status::from_header_map(&trailers).unwrap();
            assert_eq!(ended.code(), Code::Unavailable);
            assert_eq!(reason::name_of(&ended).as_deref(), Some("SHUTTING_DOWN"));
        }
        assert_eq!(drain.running(), 0);
    }
}
