//! The layer over every service of the Flight listener. It stands around the router, so that a service that is added
//! later is behind it as well, and what is refused is refused before anything of its body is read.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body_util::Limited;
use tonic::body::Body;
use tonic::transport::server::TcpConnectInfo;
use tower::{Layer, Service};

use super::gate::Gate;
use crate::listener::Peer;

/// How a client gets to know what to show with other calls, so that everybody may make it.
const HANDSHAKE: &str = "/arrow.flight.protocol.FlightService/Handshake";
/// How load balancers ask whether the server answers queries, and nothing else; they have no tokens.
const HEALTH: [&str; 2] = ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"];
/// What a client may send before it is known.
const MAX_UNKNOWN_BYTES: usize = 16 << 10;

/// Puts a gate before a service.
#[derive(Debug, Clone)]
pub struct AuthenticationLayer {
    gate: Arc<Gate>,
}

impl AuthenticationLayer {
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }
}

impl<S> Layer<S> for AuthenticationLayer {
    type Service = Authenticated<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticated { gate: Arc::clone(&self.gate), inner }
    }
}

/// A service behind a gate. Its requests have a [`super::Principal`] among their extensions.
#[derive(Debug, Clone)]
pub struct Authenticated<S> {
    gate: Arc<Gate>,
    inner: S,
}

impl<S> Service<Request<Body>> for Authenticated<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // The one that has said that it is ready is used, and its copy takes its place.
        let copy = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, copy);
        let gate = Arc::clone(&self.gate);
        Box::pin(async move {
            let Peer { address, certificate } = request.extensions().get::<Peer>().cloned().unwrap_or_default();
            // Where tonic's own `Request::remote_addr` finds it.
            request.extensions_mut().insert(TcpConnectInfo { local_addr: None, remote_addr: address });
            if is_for_everybody(request.uri().path()) {
                return inner.call(request.map(|body| Body::new(Limited::new(body, MAX_UNKNOWN_BYTES)))).await;
            }
            let admitted = match gate.certified(request.headers(), certificate.as_deref()) {
                Some(certified) => certified,
                None => gate.admit(request.headers(), address.map(|address| address.ip())).await,
            };
            match admitted {
                Ok(principal) => {
                    tracing::debug!(%principal, call = request.uri().path(), "called");
                    request.extensions_mut().insert(principal);
                    inner.call(request).await
                }
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}

fn is_for_everybody(path: &str) -> bool {
    path == HANDSHAKE || HEALTH.contains(&path)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, ready};

    use http::header::AUTHORIZATION;
    use tonic::{Code, Status};

    use super::super::secret_file::testing::Folder;
    use super::super::{Principal, SigningKey, TokenFile};
    use super::*;

    /// Every call of Flight.proto and of reflection, such as are almost for everybody, and one of a service that is not
    /// there yet.
    const CALLS: [&str; 16] = [
        "/arrow.flight.protocol.FlightService/ListFlights",
        "/arrow.flight.protocol.FlightService/GetFlightInfo",
        "/arrow.flight.protocol.FlightService/PollFlightInfo",
        "/arrow.flight.protocol.FlightService/GetSchema",
        "/arrow.flight.protocol.FlightService/DoGet",
        "/arrow.flight.protocol.FlightService/DoPut",
        "/arrow.flight.protocol.FlightService/DoExchange",
        "/arrow.flight.protocol.FlightService/DoAction",
        "/arrow.flight.protocol.FlightService/ListActions",
        "/arrow.flight.protocol.FlightService/Handshake/",
        "/grpc.health.v1.Health/Check/",
        "/grpc.health.v1.Health/List",
        "/grpc.health.v1.Health/",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/some.later.Service/Call",
    ];

    /// Answers with the name of the principal as the message of a status.
    #[derive(Clone)]
    struct Named;

    impl Service<Request<Body>> for Named {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Body>) -> Self::Future {
            let principal = request.extensions().get::<Principal>();
            let name = principal.map_or("nobody", Principal::name);
            ready(Ok(Status::already_exists(name).into_http()))
        }
    }

    async fn answer(gate: &Arc<Gate>, call: &str, authorization: Option<&str>) -> (Code, String) {
        let mut request = Request::builder().uri(format!("http://server{call}"));
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let mut service = AuthenticationLayer::new(Arc::clone(gate)).layer(Named);
        let response = service.call(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        (status.code(), status.message().to_owned())
    }

    #[tokio::test]
    async fn every_call_but_handshake_and_health_needs_a_principal() {
        let folder = Folder::new();
        let file = TokenFile::new(folder.join("tokens.json"));
        let (token, _) = file.create("a".parse().unwrap(), None).unwrap();
        let gate = Arc::new(Gate::guarded(file, SigningKey::random().unwrap()).unwrap());
        let bearer = format!("Bearer {}", token.reveal());
        for call in CALLS {
            assert_eq!(answer(&gate, call, None).await.0, Code::Unauthenticated, "{call}");
            assert_eq!(answer(&gate, call, Some(&bearer)).await, (Code::AlreadyExists, "a".to_owned()), "{call}");
        }
        assert_eq!(answer(&gate, CALLS[0], Some("Bearer x")).await.0, Code::Unauthenticated);
        let nobody = (Code::AlreadyExists, "nobody".to_owned());
        for call in [HANDSHAKE, HEALTH[0], HEALTH[1]] {
            assert_eq!(answer(&gate, call, None).await, nobody, "{call}");
            assert_eq!(answer(&gate, call, Some(&bearer)).await, nobody, "{call}");
        }
    }

    #[tokio::test]
    async fn an_open_gate_names_nobody_and_refuses_nobody() {
        let gate = Arc::new(Gate::open(SigningKey::random().unwrap()));
        for call in CALLS {
            assert_eq!(answer(&gate, call, None).await, (Code::AlreadyExists, String::new()), "{call}");
        }
    }
}
