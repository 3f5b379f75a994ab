//! Live tables: they have no files, and every query reads them from PostgreSQL. What PostgreSQL can do exactly as
//! the engine would (columns, conditions, limits, groups) is sent along; everything else stays with the engine.
//! A query that the engine cannot plan may be sent as a whole.
//! All that one query reads of a source is of one PostgreSQL snapshot. Refuses to guess: a condition whose meaning
//! could differ by a hair is not sent.

mod cancellation;
mod condition;
mod connections;
mod entry;
mod grouping;
mod kind;
mod literal;
mod operand;
mod postgres_query;
mod query;
mod reading;
mod scan;
mod source_snapshot;
mod statement;
mod table;
mod unchanged;

pub(crate) use self::connections::LiveConnections;
pub use self::entry::LiveEntry;
pub(crate) use self::entry::{FREE_DIGITS, LiveColumn};
pub use self::grouping::Grouping;
pub use self::literal::literal;
pub(crate) use self::literal::quoted as quoted_text;
pub use self::postgres_query::{Described, PostgresQuery, QuerySession};
pub use self::query::LiveQuery;
pub use self::table::LiveTable;
