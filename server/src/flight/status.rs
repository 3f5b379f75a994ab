//! Errors as gRPC codes: one exhaustive match for each crate's errors. What a client can mend says how;
//! the cause of the rest goes to the log and not to the client.

use std::error::Error as _;

use rail_forge_connectors as connectors;
use rail_forge_planner as planner;
use tonic::Status;

/// Bytes of a message. In a header each may become three.
const LONGEST_MESSAGE: usize = 4_000;

/// A query's error, as the client sees it.
pub(super) fn of_query(error: planner::Error) -> Status {
    use planner::Error;
    let message = shortened(error.to_string());
    match error {
        Error::Syntax(_) | Error::Query(_) | Error::Value(_) | Error::Parameter(_) | Error::ReadOnly(_) => {
            Status::invalid_argument(message)
        }
        Error::UnknownTable(_) => Status::not_found(message),
        Error::Unsupported(_) => Status::unimplemented(message),
        Error::TooLarge(_) => Status::resource_exhausted(message),
        Error::Deadline { .. } => Status::deadline_exceeded(message),
        Error::Busy { .. } => Status::unavailable(message),
        Error::Snapshot(error) => {
            if let Some(cause) = error.source() {
                tracing::warn!(error = cause, "{error}");
            }
            of_connectors(error)
        }
        Error::Internal(cause) => {
            tracing::error!(error = cause.as_ref() as &dyn std::error::Error, "a query failed inside the server");
            Status::internal(message)
        }
    }
}

/// A message that fits into the headers that a client reads (16 KiB in gRPC's C++ library), beside others.
fn shortened(mut message: String) -> String {
    if message.len() > LONGEST_MESSAGE {
        message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
        message.push_str(" ...");
    }
    message
}

/// An error of the source or of the data folder, as the client sees it. Of a refresh, the log has it already.
pub(super) fn of_connectors(error: connectors::Error) -> Status {
    use connectors::Error;
    let message = error.to_string();
    match error {
        Error::Configuration { .. } | Error::Table { .. } => Status::failed_precondition(message),
        Error::Source { .. } => Status::unavailable(message),
        Error::WholeQuery { is_of_values: true, .. } => Status::invalid_argument(message),
        Error::WholeQuery { is_of_values: false, .. } => Status::failed_precondition(message),
        Error::UnknownTable { .. } => Status::not_found(message),
        Error::SnapshotGone { .. } => Status::failed_precondition(message),
        Error::Cancelled => Status::cancelled(message),
        Error::DiskFull { .. } => Status::resource_exhausted(message),
        Error::AnotherServer { .. } => Status::aborted(message),
        Error::Storage { .. } | Error::Damaged { .. } | Error::Locked { .. } => Status::internal(message),
    }
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
            (planner::Error::Unsupported("x".into()), Code::Unimplemented),
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
    fn messages_fit_into_headers() {
        let status = of_query(planner::Error::Query("ä".repeat(10_000)));
        assert_eq!(status.message().chars().count(), LONGEST_MESSAGE / 2 + 4);
    }

    #[test]
    fn the_cause_of_an_internal_error_is_not_told() {
        let status = of_query(planner::Error::Internal("canary".into()));
        assert!(!status.message().contains("canary"), "{}", status.message());
    }
}
