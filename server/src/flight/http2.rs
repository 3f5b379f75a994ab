//! The connections of Flight, each with a task of its own: HTTP/2 as clients of gRPC need it, around the services. It is
//! hyper's, as tonic's own server is; that one sends every piece of an answer by itself (`joined.rs`).

use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};
use http::{Request, Response};
use http_body::Body as HttpBody;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use prost::bytes::Bytes;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tonic::body::Body;
use tower::{BoxError, Service};

use super::client_deadline;
use super::joined::JoinedBody;
use crate::listener::{Connection, Peer};

/// Clients send their session in headers; hyper's default of 16 KiB breaks those with long cookies or tokens.
const MAX_HEADER_BYTES: u32 = 64 << 10;
/// Streams that one connection may have open.
const MAX_STREAMS: u32 = 256;
/// What a client may send of one request before it is read: as much as fills the way to a client 100 ms away at
/// 5 MB/s, and far more than one on the same host needs. Results go by the windows that clients open.
const STREAM_WINDOW_BYTES: u32 = 512 << 10;
/// The same of all requests of a connection, which bounds what one can make the server hold.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// How often a client is asked whether it is still there, idle or not, and how long it may take to answer. The asking
/// and the answers are the transport's: a client that computes, or reads its result slowly, answers all the same.
const PING_EVERY: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Serves the connections until `shutdown` completes. Nobody can connect then; those who are connected can end their
/// calls, and are waited for.
pub(super) async fn serve<S>(
    service: S,
    connections: impl Stream<Item = io::Result<Connection>>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) where
    S: Service<Request<Body>, Response = Response<Body>, Error: Into<BoxError>> + Clone + Send + 'static,
    S::Future: Send,
{
    let shutdown = shutdown.boxed().shared();
    let mut connected = JoinSet::new();
    {
        let mut connections = pin!(connections.take_until(shutdown.clone()));
        loop {
            tokio::select! {
                next = connections.next() => match next {
                    Some(Ok(connection)) => {
                        let service = OfPeer { peer: connection.peer().clone(), service: service.clone() };
                        connected.spawn(answer(connection, service, shutdown.clone()));
                    }
                    Some(Err(error)) => tracing::debug!(%error, "a client did not get through"),
                    None => break,
                },
                Some(ended) = connected.join_next() => told(ended),
            }
        }
    }
    while let Some(ended) = connected.join_next().await {
        told(ended);
    }
}

/// Answers a client until it has gone, or until the server is to stop and its last call has ended.
async fn answer<S, F>(connection: Connection, service: OfPeer<S>, shutdown: F)
where
    S: Service<Request<Body>, Response = Response<Body>, Error: Into<BoxError>> + Clone + Send + 'static,
    S::Future: Send,
    F: Future<Output = ()>,
{
    let mut http = Builder::new(TokioExecutor::new()).http2_only();
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEADER_BYTES)
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT);
    let mut served = pin!(http.serve_connection(TokioIo::new(connection), TowerToHyperService::new(service)));
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = shutdown => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended with an error");
    }
}

fn told(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection was not served");
    }
}

/// A service that is asked by the client of a connection.
#[derive(Clone)]
struct OfPeer<S> {
    peer: Peer,
    service: S,
}

impl<S, B> Service<Request<B>> for OfPeer<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<JoinedBody<Body>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.peer.clone());
        let time = client_deadline::time_of(request.headers());
        let answer = self.service.call(request);
        Box::pin(async move {
            let answer = match time {
                Some(time) => {
                    timeout(time, answer).await.unwrap_or_else(|_| Ok(client_deadline::is_over().into_http()))
                }
                None => answer.await,
            };
            answer.map(|answer| answer.map(JoinedBody::new))
        })
    }
}
