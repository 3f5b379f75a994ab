//! What is wrong with a value, as PostgreSQL says it.

use std::fmt;

/// An error of a function or an operator on values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    /// PostgreSQL's SQLSTATE for it, such as `22012` for a division by zero.
    pub sqlstate: &'static str,
    /// PostgreSQL's sentence for it, such as `division by zero`.
    pub message: String,
}

/// What a function of values returns.
pub(crate) type ValueResult<T> = Result<T, ValueError>;

impl ValueError {
    pub(crate) fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self { sqlstate, message: message.into() }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for ValueError {}
