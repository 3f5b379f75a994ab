//! HTTP for probes: `/healthz` says that the process answers, `/readyz` that it has tables to serve.

use std::sync::Arc;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::refresher::Refresher;

/// Serves the endpoints until `shutdown` completes.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    refresher: Arc<Refresher>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router =
        Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready)).with_state(refresher);
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

async fn ready(Shared(refresher): Shared<Arc<Refresher>>) -> (StatusCode, &'static str) {
    if refresher.pin().manifest.tables.is_empty() {
        (StatusCode::SERVICE_UNAVAILABLE, "no table has been refreshed yet\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}
