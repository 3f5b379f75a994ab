//! The calls that a server which is to stop waits for: those of the Flight service, by clients that are known. The others
//! neither keep the server from its end nor use up what is expected of those who hold tickets. Health checks and
//! reflection stand beside it: load balancers and tools keep them open for ever.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{BoxFuture, FutureExt, TryFutureExt};
use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

use super::call::Call;
use crate::auth::Principal;
use crate::drain::{Drain, Running};

/// A service whose calls are waited for.
#[derive(Debug, Clone)]
pub(super) struct Awaited<S> {
    drain: Drain,
    inner: S,
}

impl<S> Awaited<S> {
    pub(super) fn new(drain: Drain, inner: S) -> Self {
        Self { drain, inner }
    }
}

/// What keeps a call counted, among the extensions of its answer, for whoever sends that to its end.
pub(super) type Counted = Arc<Running>;

impl<S> Service<Request<Body>> for Awaited<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.extensions().get::<Principal>().is_none() {
            return self.inner.call(request).boxed();
        }
        let counted: Counted = Arc::new(self.drain.enter());
        if Call::of(request.uri().path()) == Call::DoGet {
            self.drain.take_ticket();
        }
        let answer = self.inner.call(request);
        answer
            .map_ok(move |mut answer| {
                answer.extensions_mut().insert(counted);
                answer
            })
            .boxed()
    }
}

impl<S: NamedService> NamedService for Awaited<S> {
    const NAME: &'static str = S::NAME;
}
