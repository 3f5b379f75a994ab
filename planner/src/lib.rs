//! The engine of RailForge: SQL in PostgreSQL's dialect, to a plan, to a stream of Arrow batches, computed
//! on one pinned snapshot and within limits. Knows nothing of gRPC, tokens or HTTP.

mod bind;
mod constants_barrier;
mod empty_groups;
mod engine;
mod error;
mod explain_error;
mod functions;
mod interruptible;
mod key_barrier;
mod limits;
mod live_first_rows;
mod live_grouping;
mod live_scan_below;
mod names;
mod operators;
mod pg_type;
mod postgres;
mod query;
mod run_once;
mod session;
mod statement;
mod stream;
mod subqueries;
mod tokens;
mod type_conversion;

pub use engine::Engine;
pub use error::{Error, Result, ValueError};
pub use limits::Limits;
pub use query::{Prepared, Query, SessionOptions, TableTruth, Truth};
pub use stream::ResultStream;
