//! Why a query was not answered, by what its sender does next. Texts name the thing and are safe to show:
//! what an operating system or a driver said is kept as the cause, for the log.

use datafusion::error::DataFusionError;
use rail_forge_connectors as connectors;

pub use crate::postgres::error::ValueError;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a query was not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The SQL text cannot be parsed; the message ends with line and column.
    #[error("syntax error: {0}")]
    Syntax(String),

    /// The query names a table that is not there.
    #[error("{0}")]
    UnknownTable(String),

    /// The query calls a stored query that is not there, or that whoever asks may not run.
    #[error("{0}")]
    UnknownQuery(String),

    /// The query names a column, function or type that is not there, or combines types that do not go
    /// together, or its data make an expression fail.
    #[error("{0}")]
    Query(String),

    /// The query's data make an expression fail, as PostgreSQL says it.
    #[error(transparent)]
    Value(ValueError),

    /// Whoever asks may not; the message says what, and names nothing that must not be known.
    #[error("{0}")]
    Forbidden(String),

    /// Parameters of the wrong number or type.
    #[error("{0}")]
    Parameter(String),

    /// The value of a parameter is none of the type that the statement wants there; numbers count from 1.
    #[error("parameter ${number}: {message}")]
    ParameterValue { number: usize, message: String },

    /// PostgreSQL may know it, RailForge does not.
    #[error("{0}")]
    Unsupported(String),

    /// A statement that would change something.
    #[error("{0} is refused: RailForge answers queries and changes nothing; send it to PostgreSQL")]
    ReadOnly(String),

    /// The query was too large, or needed more memory or disk than it may have.
    #[error("{0}")]
    TooLarge(String),

    /// As many queries ran as may, for as long as this one could wait.
    #[error(
        "the server is busy: {running} queries run, {waiting} more wait, and no place became free for this one within \
         {seconds} s (settings max_queries, queue_timeout); try again"
    )]
    Busy { running: usize, waiting: usize, seconds: f64 },

    /// The query ran longer than it may.
    #[error("the query was stopped after {seconds} s (setting query_timeout)")]
    Deadline { seconds: u64 },

    /// The snapshot store, for example because a ticket has grown too old, or the source of a live table.
    #[error(transparent)]
    Snapshot(#[from] connectors::Error),

    /// A defect of RailForge or DataFusion; the cause is in the log.
    #[error("the query failed inside the server; its log has the cause")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Where in a statement something stands. Both count from 1, columns by characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: u64,
    pub column: u64,
}

impl Error {
    /// More or fewer parameters are given than the statement has.
    pub fn parameter_count(wanted: usize, given: usize) -> Self {
        let plural = if wanted == 1 { "" } else { "s" };
        let given = match given {
            0 => "none was".to_owned(),
            1 => "1 was".to_owned(),
            given => format!("{given} were"),
        };
        Self::Parameter(format!("the statement has {wanted} parameter{plural}, but {given} given"))
    }

    /// Where the SQL text cannot be parsed. The parser says it at the end of its message and nowhere else.
    pub fn place(&self) -> Option<Place> {
        let Self::Syntax(message) = self else { return None };
        let (_, place) = message.rsplit_once(" at Line: ")?;
        let (line, column) = place.split_once(", Column: ")?;
        Some(Place { line: line.parse().ok()?, column: column.parse().ok()? })
    }
}

/// What fails inside of DataFusion's functions comes back as it was.
impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_errors_tell_their_place() {
        let error = Error::Syntax("Expected: x, found: ' at Line: 7' at Line: 2, Column: 13".into());
        assert_eq!(error.place(), Some(Place { line: 2, column: 13 }));
        for error in [Error::Syntax("the statement is empty".into()), Error::Query("x at Line: 1, Column: 1".into())] {
            assert_eq!(error.place(), None);
        }
    }
}
