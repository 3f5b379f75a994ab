//! Translates DataFusion's errors into ours: the kind that decides what a client is told, and a text in
//! which names are written as in SQL. One exhaustive match, so that a new kind of error is a decision.

use std::io::ErrorKind;

use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use rail_forge_connectors as connectors;
use rail_forge_connectors::nearest;

use crate::error::{Error, ValueError};

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        match error {
            DataFusionError::SQL(error, _) => Self::Syntax(without_prefix(&error.to_string())),
            DataFusionError::SchemaError(error, _) => Self::Query(explain_schema_error(&error)),
            DataFusionError::NotImplemented(message) | DataFusionError::Substrait(message) => {
                Self::Unsupported(format!("not supported: {}", first_line(&message)))
            }
            DataFusionError::Plan(message) | DataFusionError::Execution(message) => Self::Query(plain(&message)),
            DataFusionError::ArrowError(error, _) => explain_arrow_error(*error),
            DataFusionError::ResourcesExhausted(message) => too_large(&message),
            DataFusionError::IoError(error) => explain_io_error(error),
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => Self::from(*inner),
            DataFusionError::Collection(errors) => match errors.into_iter().next() {
                Some(first) => Self::from(first),
                None => Self::Internal("an empty collection of errors".into()),
            },
            DataFusionError::Shared(error) => explain_shared(&error),
            DataFusionError::External(error) => explain_external(error),
            error @ (DataFusionError::ParquetError(_)
            | DataFusionError::ObjectStore(_)
            | DataFusionError::Internal(_)
            | DataFusionError::Configuration(_)
            | DataFusionError::ExecutionJoin(_)
            | DataFusionError::Ffi(_)) => Self::Internal(Box::new(error)),
        }
    }
}

fn explain_io_error(error: std::io::Error) -> Error {
    if error.kind() == ErrorKind::StorageFull {
        return too_large("the disk of the data folder is full");
    }
    // The disk manager's own error, in which only the name of DataFusion's setting is certain.
    if error.to_string().contains("max_temp_directory_size") {
        return too_large("what it spills is more than it may");
    }
    Error::Internal(Box::new(error))
}

/// The list of the largest consumers that DataFusion appends is for the log.
fn too_large(message: &str) -> Error {
    let reason = first_line(message).split(" with top memory consumers").next().unwrap_or_default();
    Error::TooLarge(format!(
        "the query needs more memory or disk than it may have (settings memory_limit, spill_limit): {reason}"
    ))
}

fn explain_arrow_error(error: arrow::error::ArrowError) -> Error {
    use arrow::error::ArrowError;
    match error {
        ArrowError::DivideByZero => Error::Value(ValueError::new("22012", "division by zero")),
        ArrowError::ArithmeticOverflow(message)
        | ArrowError::ComputeError(message)
        | ArrowError::CastError(message)
        | ArrowError::ParseError(message)
        | ArrowError::InvalidArgumentError(message) => Error::Query(message),
        ArrowError::NotYetImplemented(message) => Error::Unsupported(format!("not supported: {message}")),
        ArrowError::ExternalError(error) => explain_external(error),
        ArrowError::IoError(_, error) => explain_io_error(error),
        error => Error::Internal(Box::new(error)),
    }
}

/// Errors of ours come back from DataFusion wrapped as external ones.
fn explain_external(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => *ours,
        Err(error) => match error.downcast::<connectors::Error>() {
            Ok(of_source) => Error::Snapshot(*of_source),
            Err(error) => match error.downcast::<DataFusionError>() {
                Ok(inner) => Error::from(*inner),
                Err(other) => Error::Internal(other),
            },
        },
    }
}

/// An error that several readers share cannot be taken apart; its text and kind are enough.
fn explain_shared(error: &DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(message) => too_large(message),
        DataFusionError::Execution(message) => Error::from(DataFusionError::Execution(message.clone())),
        DataFusionError::ArrowError(error, _) => Error::Query(error.to_string()),
        DataFusionError::External(error) if error.is::<connectors::Error>() => {
            let retold = error.downcast_ref::<connectors::Error>().map(connectors::Error::retold);
            Error::Snapshot(retold.unwrap_or(connectors::Error::Cancelled))
        }
        DataFusionError::External(error) => match error.downcast_ref::<Error>() {
            Some(Error::Value(error)) => Error::Value(error.clone()),
            Some(Error::TooLarge(message)) => Error::TooLarge(message.clone()),
            Some(Error::Unsupported(message)) => Error::Unsupported(message.clone()),
            Some(Error::Forbidden(message)) => Error::Forbidden(message.clone()),
            None | Some(Error::Internal(_)) => Error::Internal(error.to_string().into()),
            Some(other) => Error::Query(other.to_string()),
        },
        other => Error::Internal(other.to_string().into()),
    }
}

fn explain_schema_error(error: &SchemaError) -> String {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let names: Vec<&str> = valid_fields.iter().map(Column::name).collect();
            let place = field.relation.as_ref().map(|table| format!(" in \"{}\"", table.table())).unwrap_or_default();
            let advice = nearest(field.name(), names.iter().copied())
                .map(|name| format!("; did you mean \"{name}\"?"))
                .unwrap_or_default();
            format!("column \"{}\" does not exist{place}{advice}", field.name())
        }
        SchemaError::AmbiguousReference { field } => {
            format!("column \"{}\" is ambiguous; write the table's name before it", field.name())
        }
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            format!("two columns are named \"{name}\"; give one of them another name with AS")
        }
    }
}

/// The parser's own prefix says no more than ours.
fn without_prefix(message: &str) -> String {
    message.trim_start_matches("sql parser error: ").trim_start_matches("ParserError(\"").to_owned()
}

/// The message without the kinds of errors that DataFusion writes in front of each other.
fn plain(message: &str) -> String {
    let mut message = first_line(message);
    while let Some(rest) = ["Error during planning: ", "Internal error: ", "Execution error: "]
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix))
    {
        message = rest;
    }
    // What follows lists why each form of a function does not fit.
    message.split(", errors: ").next().unwrap_or(message).to_owned()
}

/// Backtraces and lists of candidates follow in further lines.
fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}
