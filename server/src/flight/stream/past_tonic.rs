//! What stands between tonic's router and a service of tonic's: where an answer has rows, its body is made of them here.
//! All else of the call (its request, its headers, its errors) is tonic's.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures::future::{BoxFuture, FutureExt, TryFutureExt};
use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

use super::Handed;
use super::body::RowsBody;

/// A service whose rows are not encoded by tonic.
#[derive(Debug, Clone)]
pub(in crate::flight) struct PastTonic<S>(pub(in crate::flight) S);

impl<S> Service<Request<Body>> for PastTonic<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.call(request).map_ok(with_rows).boxed()
    }
}

impl<S: NamedService> NamedService for PastTonic<S> {
    const NAME: &'static str = S::NAME;
}

fn with_rows(mut answer: Response<Body>) -> Response<Body> {
    let rows = answer.extensions_mut().remove::<Handed>().and_then(|handed| handed.take());
    match rows {
        Some(rows) => answer.map(|_| Body::new(RowsBody::new(rows))),
        None => answer,
    }
}
