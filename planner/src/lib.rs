//! The engine of RailForge: SQL in PostgreSQL's dialect, to a plan, to a stream of Arrow batches, computed
//! on one pinned snapshot and within limits. Knows nothing of gRPC, tokens or HTTP.

mod admission;
mod bind;
mod constants_barrier;
mod dialect;
mod empty_groups;
mod engine;
mod error;
mod every_partition;
mod explain;
mod explain_error;
mod functions;
mod interrupt;
mod interruptible;
mod key_barrier;
mod limits;
mod live_first_rows;
mod live_grouping;
mod live_scan_below;
mod names;
mod null_safe;
mod operators;
mod pass_through;
mod pg_type;
mod planning_deadline;
mod postgres;
mod query;
mod result_cache;
mod run_once;
mod session;
mod statement;
mod stream;
mod subqueries;
mod tokens;
mod type_conversion;
mod unshared;
mod window_memory;

pub use admission::Class;
pub use engine::Engine;
pub use error::{Error, Result, ValueError};
pub use limits::Limits;
pub use query::{Prepared, Query, SessionOptions, TableTruth, Truth};
pub use result_cache::CacheStatistics;
pub use stream::ResultStream;
pub use unshared::unshared_bytes;
