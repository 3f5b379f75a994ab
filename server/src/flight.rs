//! The Flight service: what arrives over gRPC, as calls of the engine and of the refresher, and what they
//! answer, as Flight.

mod actions;
mod catalogue;
mod demands;
mod freshness;
mod gateway;
mod handle;
mod keys;
mod lingering;
mod parameters;
mod service;
mod sql_info;
mod status;
mod wire;

pub use actions::{REFRESH_ACTION, RefreshMessage, RefreshRequest, STATUS_ACTION};
pub use gateway::serve;
pub use service::Service;
