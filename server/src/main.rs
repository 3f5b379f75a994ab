//! The `rail-forge` binary: a Flight SQL server over columnar snapshots of PostgreSQL, and the commands to
//! look after it.

mod allocator;
mod cli;
mod failure;
mod flight;
mod http;
mod logging;
mod memory;
mod refresher;
mod serve;
mod settings;
mod spill;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: allocator::Counted = allocator::Counted;

fn main() -> ExitCode {
    cli::run()
}
