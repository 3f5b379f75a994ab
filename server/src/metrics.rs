//! What there is to count of calls, queries and refreshes, for operators. Labels have few values, and none holds SQL, a
//! parameter, a name of a caller or a secret: a metric is kept for years and read by many.

mod exposition;
mod levels;

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tonic::Code;

pub use exposition::{CONTENT_TYPE, Exposition};
use levels::Levels;

/// What all names begin with.
const PREFIX: &str = "rail_forge";
/// Bounds of the durations of queries and calls, in seconds: from what the result cache takes to the default timeout.
const QUERY_SECONDS: [f64; 12] = [0.001, 0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 100.0, 300.0];
/// Those of refreshes.
const REFRESH_SECONDS: [f64; 10] = [0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_600.0];

/// The labels of a sample.
type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];

/// How a query or a refresh has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Failed,
    /// Its client went away.
    Cancelled,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Makes one that has counted nothing.
type NewHistogram = fn() -> Histogram;

/// The counters. What has a level, such as memory, is read when it is asked for.
#[derive(Debug)]
pub struct Metrics {
    started: SystemTime,
    calls: Family<Labels<2>, Counter>,
    call_seconds: Family<Labels<1>, Histogram, NewHistogram>,
    sent_bytes: Counter,
    failed_authentications: Counter,
    queries: Family<Labels<3>, Counter>,
    query_seconds: Family<Labels<2>, Histogram, NewHistogram>,
    sent_rows: Family<Labels<1>, Counter>,
    refreshes: Family<Labels<2>, Counter>,
    refresh_seconds: Family<Labels<2>, Histogram, NewHistogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        let (of_queries, of_refreshes): (NewHistogram, NewHistogram) =
            (|| Histogram::new(QUERY_SECONDS), || Histogram::new(REFRESH_SECONDS));
        Self {
            started: SystemTime::now(),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(of_queries),
            sent_bytes: Counter::default(),
            failed_authentications: Counter::default(),
            queries: Family::default(),
            query_seconds: Family::new_with_constructor(of_queries),
            sent_rows: Family::default(),
            refreshes: Family::default(),
            refresh_seconds: Family::new_with_constructor(of_refreshes),
        }
    }
}

impl Metrics {
    /// A call of the Flight listener has ended, whoever has answered it.
    pub fn call_ended(&self, call: &'static str, code: Code, took: Duration, sent_bytes: u64) {
        self.calls.get_or_create(&[("call", call.into()), ("code", code_name(code).into())]).inc();
        self.call_seconds.get_or_create(&[("call", call.into())]).observe(took.as_secs_f64());
        self.sent_bytes.inc_by(sent_bytes);
        if code == Code::Unauthenticated {
            self.failed_authentications.inc();
        }
    }

    /// A query has ended. `engine` is who has answered it, or was about to; `reason` that of docs/flight-sql.md.
    pub fn query_ended(&self, engine: &'static str, outcome: Outcome, reason: String, took: Duration, rows: u64) {
        let by = ("engine", Cow::from(engine));
        let outcome = ("outcome", Cow::from(outcome.name()));
        self.queries.get_or_create(&[by.clone(), outcome.clone(), ("reason", reason.into())]).inc();
        self.query_seconds.get_or_create(&[by.clone(), outcome]).observe(took.as_secs_f64());
        self.sent_rows.get_or_create(&[by]).inc_by(rows);
    }

    /// How many have ended so.
    #[cfg(test)]
    pub fn queries_ended(&self, engine: &'static str, outcome: Outcome, reason: &'static str) -> u64 {
        let labels: Labels<3> =
            [("engine", engine.into()), ("outcome", outcome.name().into()), ("reason", reason.into())];
        self.queries.get_or_create(&labels).get()
    }

    /// A refresh of a source has ended. One in which tables failed has failed.
    pub fn refresh_ended(&self, source: &str, outcome: Outcome, took: Duration) {
        let labels: Labels<2> = [("source", source.to_owned().into()), ("outcome", outcome.name().into())];
        self.refreshes.get_or_create(&labels).inc();
        self.refresh_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// When counting began: seconds since 1970.
    fn started_seconds(&self) -> f64 {
        self.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }

    /// Names and describes them. The library adds `_total` to counters, and a full stop to what is said of them.
    fn register(&self, registry: &mut Registry) {
        registry.register("calls", "Calls of the Flight listener that have ended, by gRPC code", self.calls.clone());
        registry.register(
            "call_duration_seconds",
            "How long they took, the client's reading included",
            self.call_seconds.clone(),
        );
        registry.register("sent_bytes", "Bytes of their answers, without headers", self.sent_bytes.clone());
        registry.register(
            "failed_authentications",
            "Calls that were refused because they showed no valid credentials",
            self.failed_authentications.clone(),
        );
        registry.register(
            "queries",
            "Queries that have ended; reason is that of the error, see flight-sql.md",
            self.queries.clone(),
        );
        registry.register(
            "query_duration_seconds",
            "How long they took, the client's reading included",
            self.query_seconds.clone(),
        );
        registry.register("sent_rows", "Rows of results", self.sent_rows.clone());
        registry.register("refreshes", "Refreshes of sources that have ended", self.refreshes.clone());
        registry.register("refresh_duration_seconds", "How long they took", self.refresh_seconds.clone());
    }
}

/// The code as the specification of gRPC writes it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    fn text(metrics: &Metrics) -> String {
        let (mut registry, mut text) = (Registry::with_prefix(PREFIX), String::new());
        metrics.register(&mut registry);
        encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn what_ends_is_counted() {
        let (metrics, took) = (Metrics::default(), Duration::from_millis(20));
        metrics.call_ended("DoGet", Code::Ok, took, 7);
        metrics.call_ended("DoGet", Code::Unauthenticated, took, 0);
        metrics.query_ended("datafusion", Outcome::Failed, "BUSY".to_owned(), took, 3);
        metrics.refresh_ended("shop", Outcome::Done, took);
        let text = text(&metrics);
        for line in [
            "rail_forge_calls_total{call=\"DoGet\",code=\"OK\"} 1",
            "rail_forge_calls_total{call=\"DoGet\",code=\"UNAUTHENTICATED\"} 1",
            "rail_forge_call_duration_seconds_bucket{le=\"0.025\",call=\"DoGet\"} 2",
            "rail_forge_call_duration_seconds_bucket{le=\"0.01\",call=\"DoGet\"} 0",
            "rail_forge_sent_bytes_total 7",
            "rail_forge_failed_authentications_total 1",
            "rail_forge_queries_total{engine=\"datafusion\",outcome=\"failed\",reason=\"BUSY\"} 1",
            "rail_forge_sent_rows_total{engine=\"datafusion\"} 3",
            "rail_forge_refreshes_total{source=\"shop\",outcome=\"done\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
