//! The `rail-forge` binary: a Flight SQL server over columnar snapshots of PostgreSQL, and the commands to
//! look after it.

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

/// Pulls and queries allocate on many threads; glibc's allocator keeps what each of them has freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
