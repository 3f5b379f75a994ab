//! The `rail-forge` binary: a Flight SQL server over columnar snapshots of PostgreSQL, and the commands to
//! look after it.

mod allocator;
mod auth;
mod authorisation;
mod cli;
mod drain;
mod duplex;
mod failure;
mod file_stamp;
mod flight;
mod http;
mod listener;
mod logging;
mod loopback;
mod memory;
mod metrics;
mod pem;
mod readiness;
mod refresher;
mod serve;
mod settings;
mod spill;
mod stored_queries;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: allocator::Counted = allocator::Counted;

fn main() -> ExitCode {
    cli::run()
}
