//! HTTP for probes and for those who watch: `/healthz` says that the process answers, `/readyz` that it answers queries,
//! and `/metrics` what it has done. Nobody is asked for a token, so that the address is not for everybody, and what each
//! client may take is little: one request for each connection, a short one, and not for long.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use futures::{FutureExt, StreamExt};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::listener::{Accepted, Places, accepted};
use crate::metrics::{CONTENT_TYPE as METRICS, Exposition};
use crate::readiness::{Readiness, Ready};

/// Clients that are connected at a time. Few probe and watch, and each is gone when it has its answer.
const MOST_CLIENTS: usize = 64;
/// A request. Probes send some hundred bytes, and proxies before them add a few headers.
const MAX_REQUEST_BYTES: usize = 16 << 10;
/// How long a client may take to send it.
const LONGEST_REQUEST: Duration = Duration::from_secs(10);
/// How long it may be connected, reading the answer included.
const LONGEST_CONNECTION: Duration = Duration::from_secs(30);

/// Serves the endpoints until `shutdown` completes; without an exposition there is no `/metrics`.
pub async fn serve(
    readiness: Readiness,
    exposition: Option<Exposition>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let endpoints = endpoints(readiness, exposition);
    let shutdown = shutdown.boxed().shared();
    accepted(listener, Arc::new(Places::new(MOST_CLIENTS)))
        .take_until(shutdown.clone())
        .for_each_concurrent(None, |client| {
            // On a task of its own: a defect ends this connection, and none of the others.
            let answered = tokio::spawn(answer(client, endpoints.clone(), shutdown.clone()));
            answered.map(|ended| {
                if let Err(error) = ended {
                    tracing::error!(%error, "a request was not answered");
                }
            })
        })
        .await;
}

fn endpoints(readiness: Readiness, exposition: Option<Exposition>) -> Router {
    let probes = Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready));
    let probes: Router = probes.with_state(readiness);
    match exposition {
        Some(exposition) => {
            let told: Router = Router::new().route("/metrics", get(metrics)).with_state(Arc::new(exposition));
            probes.merge(told)
        }
        None => probes,
    }
}

/// Answers the request of a client, which gives up its place then.
async fn answer(client: Accepted<TcpStream>, endpoints: Router, shutdown: impl Future<Output = ()>) {
    let Accepted { stream, address, place: _place } = client;
    let mut http = Builder::new(TokioExecutor::new()).http1_only();
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST_REQUEST)
        .max_buf_size(MAX_REQUEST_BYTES)
        .keep_alive(false);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(endpoints)));
    let ended = timeout(LONGEST_CONNECTION, async {
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = shutdown => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    });
    match ended.await {
        Ok(Ok(())) => {}
        // Scanners and clients that go away are no news.
        Ok(Err(error)) => tracing::debug!(?address, %error, "an HTTP connection failed"),
        Err(_) => tracing::debug!(?address, "an HTTP connection took too long"),
    }
}

async fn ready(Shared(readiness): Shared<Readiness>) -> (StatusCode, &'static str) {
    match readiness.now() {
        Ready::Yes => (StatusCode::OK, "ready\n"),
        Ready::NoTables => (StatusCode::SERVICE_UNAVAILABLE, "no table has been refreshed yet\n"),
        Ready::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down\n"),
    }
}

async fn metrics(Shared(exposition): Shared<Arc<Exposition>>) -> impl IntoResponse {
    exposition.text().map(|text| ([(CONTENT_TYPE, METRICS)], text)).map_err(|error| {
        tracing::error!(%error, "the metrics cannot be written");
        StatusCode::INTERNAL_SERVER_ERROR
    })
}
