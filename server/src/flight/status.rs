//! Errors as gRPC codes and reasons: one exhaustive match for each crate's errors. What a client can mend says how;
//! the cause of the rest goes to the log and not to the client.

use std::error::Error as _;

use rail_forge_connectors as connectors;
use rail_forge_planner as planner;
use tonic::{Code, Status};

use super::reason::{Reason, Told};

/// A query's error, as the client sees it.
pub(super) fn of_query(error: planner::Error) -> Status {
    use planner::Error;
    let message = error.to_string();
    let told = match error {
        Error::Syntax(_) => {
            let told = Told::new(Code::InvalidArgument, Reason::SyntaxError);
            match error.place() {
                Some(place) => told.with("line", place.line).with("column", place.column),
                None => told,
            }
        }
        Error::Query(_) => Told::new(Code::InvalidArgument, Reason::InvalidQuery),
        Error::Value(error) => Told::new(Code::InvalidArgument, Reason::InvalidValue).with("sqlstate", error.sqlstate),
        Error::Parameter(_) | Error::ParameterValue { .. } => {
            Told::new(Code::InvalidArgument, Reason::InvalidParameter)
        }
        Error::ReadOnly(_) => Told::new(Code::InvalidArgument, Reason::ReadOnly),
        Error::UnknownTable(_) => Told::new(Code::NotFound, Reason::UnknownTable),
        Error::UnknownQuery(_) => Told::new(Code::NotFound, Reason::UnknownQuery),
        Error::Forbidden(_) => Told::new(Code::PermissionDenied, Reason::NotPermitted),
        Error::Unsupported(_) => Told::new(Code::Unimplemented, Reason::Unsupported),
        Error::TooLarge(_) => Told::new(Code::ResourceExhausted, Reason::TooLarge),
        Error::Deadline { seconds } => {
            Told::new(Code::DeadlineExceeded, Reason::QueryTimeout).with("timeout_s", seconds)
        }
        Error::Busy { running, waiting, seconds } => Told::new(Code::Unavailable, Reason::Busy)
            .with("running", running)
            .with("waiting", waiting)
            .with("waited_s", seconds),
        Error::Snapshot(error) => {
            // What PostgreSQL says of a client's query quotes the query, its parameters and rows.
            let is_of_client = matches!(error, connectors::Error::WholeQuery { .. });
            if let Some(cause) = error.source().filter(|_| !is_of_client) {
                tracing::warn!(error = cause, "{error}");
            }
            return of_connectors(error);
        }
        Error::Internal(cause) => {
            tracing::error!(error = cause.as_ref() as &dyn std::error::Error, "a query failed inside the server");
            Told::new(Code::Internal, Reason::Internal)
        }
    };
    told.status(message)
}

/// An error of the source or of the data folder, as the client sees it. Of a refresh, the log has it already.
pub(super) fn of_connectors(error: connectors::Error) -> Status {
    use connectors::Error;
    let message = error.to_string();
    let told = match error {
        Error::Configuration { source_name, .. } => {
            Told::new(Code::FailedPrecondition, Reason::SourceConfiguration).with("source", source_name)
        }
        Error::Table { table, column, .. } => {
            let told = Told::new(Code::FailedPrecondition, Reason::TableRefused).with("table", table);
            match column {
                Some(column) => told.with("column", column),
                None => told,
            }
        }
        Error::Source { source_name, .. } => {
            Told::new(Code::Unavailable, Reason::SourceUnavailable).with("source", source_name)
        }
        Error::WholeQuery { is_of_values: true, source_name, .. } => {
            Told::new(Code::InvalidArgument, Reason::InvalidValue).with("source", source_name)
        }
        Error::WholeQuery { is_of_values: false, source_name, .. } => {
            Told::new(Code::FailedPrecondition, Reason::RefusedByPostgres).with("source", source_name)
        }
        Error::UnknownTable { requested, .. } => {
            Told::new(Code::NotFound, Reason::UnknownTable).with("table", requested)
        }
        Error::SnapshotGone { version } => {
            Told::new(Code::FailedPrecondition, Reason::SnapshotGone).with("version", version)
        }
        Error::Cancelled => Told::new(Code::Cancelled, Reason::Cancelled),
        Error::DiskFull { .. } => Told::new(Code::ResourceExhausted, Reason::DiskFull),
        Error::AnotherServer { .. } => Told::new(Code::Aborted, Reason::StorageInUse),
        Error::Locked { .. } => Told::new(Code::Internal, Reason::StorageInUse),
        Error::Storage { .. } | Error::Damaged { .. } => Told::new(Code::Internal, Reason::StorageFailed),
    };
    told.status(message)
}

/// A value of a result that has no place in the type that its column has on the wire.
pub(super) fn of_value(error: impl std::fmt::Display) -> Status {
    Told::new(Code::InvalidArgument, Reason::InvalidValue).status(error.to_string())
}

/// What the caller may not do.
pub(super) fn forbidden(message: impl Into<String>) -> Status {
    Told::new(Code::PermissionDenied, Reason::NotPermitted).status(message)
}

/// Arrow data that a client sent and that cannot be read.
pub(super) fn of_client_data(error: impl std::fmt::Display) -> Status {
    Status::invalid_argument(format!("the Arrow data cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn codes_tell_clients_what_to_do() {
        for (error, code) in [
            (planner::Error::Syntax("x".into()), Code::InvalidArgument),
            (planner::Error::UnknownTable("x".into()), Code::NotFound),
            (planner::Error::UnknownQuery("x".into()), Code::NotFound),
            (planner::Error::Unsupported("x".into()), Code::Unimplemented),
            (planner::Error::Forbidden("x".into()), Code::PermissionDenied),
            (planner::Error::TooLarge("x".into()), Code::ResourceExhausted),
            (planner::Error::Deadline { seconds: 1 }, Code::DeadlineExceeded),
            (planner::Error::Busy { running: 1, waiting: 1, seconds: 1.0 }, Code::Unavailable),
            (connectors::Error::SnapshotGone { version: 1 }.into(), Code::FailedPrecondition),
            (connectors::Error::AnotherServer { location: "s3://lake".into() }.into(), Code::Aborted),
        ] {
            assert_eq!(of_query(error).code(), code);
        }
    }

    #[test]
    fn the_cause_of_an_internal_error_is_not_told() {
        let status = of_query(planner::Error::Internal("canary".into()));
        assert!(!status.message().contains("canary"), "{}", status.message());
    }
}
