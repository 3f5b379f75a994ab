//! `grpc.health.v1`: whether the server answers queries, for load balancers. It says what /readyz says, of the server as
//! a whole and of its Flight service, and needs no token.

use std::time::Duration;

use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::{HealthReporter, HealthService};

use crate::readiness::{Readiness, Ready};

/// What is asked for: everything, or Flight.
const SERVICES: [&str; 2] = ["", "arrow.flight.protocol.FlightService"];
/// How often it is looked whether the first tables have come. A signal to stop is told at once.
const PERIOD: Duration = Duration::from_millis(250);
/// A request has the name of a service.
const MAX_REQUEST_BYTES: usize = 4 << 10;

/// The service; what it says follows the server until that ends.
pub(super) async fn service(readiness: Readiness) -> HealthServer<impl Health> {
    let reporter = HealthReporter::new();
    let first = status(&readiness);
    report(&reporter, first).await;
    let server = HealthServer::new(HealthService::from_health_reporter(reporter.clone()));
    tokio::spawn(follow(reporter, readiness, first));
    server.max_decoding_message_size(MAX_REQUEST_BYTES)
}

/// Whoever watches hears of changes, and of nothing else.
async fn follow(reporter: HealthReporter, readiness: Readiness, mut told: ServingStatus) {
    let begun = readiness.drain().begun();
    tokio::pin!(begun);
    loop {
        let is_ending = tokio::select! {
            () = &mut begun => true,
            () = tokio::time::sleep(PERIOD) => false,
        };
        let now = status(&readiness);
        if now != told {
            report(&reporter, now).await;
            told = now;
        }
        if is_ending {
            return;
        }
    }
}

async fn report(reporter: &HealthReporter, status: ServingStatus) {
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}

fn status(readiness: &Readiness) -> ServingStatus {
    match readiness.now() {
        Ready::Yes => ServingStatus::Serving,
        Ready::NoTables | Ready::ShuttingDown => ServingStatus::NotServing,
    }
}
