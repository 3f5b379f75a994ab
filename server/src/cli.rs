//! The command line.

mod channel;
mod progress;
mod remote;
mod tokens;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use rail_forge_planner::before_pause;
use serde_json::json;

use crate::failure::Failure;
use crate::settings::{self, SettingsArgs};
use crate::{logging, serve};

/// For how many processors there is one thread that serves connections. These copy, encrypt and compress rows and wait;
/// queries have threads of their own, and clients on the same machine want processors, too. With a thread for each, the
/// task of a connection went from one to another and waited for its processor: on two, a gigabyte took 1.2 times as long.
const PROCESSORS_OF_THREAD: usize = 2;

/// A columnar analytics server in front of PostgreSQL.
#[derive(Debug, Parser)]
#[command(name = "rail-forge", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the tables of the sources over Arrow Flight SQL.
    Serve(SettingsArgs),
    /// Check the settings without serving.
    Check {
        #[command(flatten)]
        settings: SettingsArgs,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Pull tables from PostgreSQL now; without names, all of them.
    Refresh {
        #[command(flatten)]
        server: ServerArgs,
        /// Names as table, schema.table or catalogue.schema.table.
        tables: Vec<String>,
    },
    /// Show sources and tables: rows, bytes, freshness.
    Status {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Run a query and print its result.
    Sql {
        #[command(flatten)]
        server: ServerArgs,
        query: String,
    },
    /// Create, list and revoke the API tokens of a server, where it runs.
    #[command(subcommand)]
    Token(tokens::TokenCommand),
    /// Print the reference of all settings.
    #[command(hide = true)]
    Settings,
}

/// Which server to talk to, and how to print what it says.
#[derive(Debug, Args)]
struct ServerArgs {
    /// The server's address: grpc://HOST:PORT, grpc+tls://HOST:PORT or grpc+unix:///PATH.
    #[arg(long, env = "RAIL_FORGE_URL", default_value_t = format!("grpc://{}", settings::DEFAULT_LISTEN))]
    url: String,
    /// The API token. Default: that of the environment variable RAIL_FORGE_TOKEN; give it there, because others see a
    /// command's arguments.
    #[arg(long, value_name = "TOKEN")]
    token: Option<SentToken>,
    #[command(flatten)]
    tls: channel::TlsArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A token to send, which is not printed.
#[derive(Clone)]
struct SentToken(String);

impl std::fmt::Debug for SentToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SentToken(..)")
    }
}

impl From<&str> for SentToken {
    fn from(text: &str) -> Self {
        Self(text.trim().to_owned())
    }
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => start_server(args),
        Command::Check { settings, json } => check(settings, json),
        Command::Refresh { server, tables } => on_runtime(remote::refresh(server, tables)),
        Command::Status { server } => on_runtime(remote::status(server)),
        Command::Sql { server, query } => on_runtime(remote::sql(server, query)),
        Command::Token(command) => tokens::run(command),
        Command::Settings => {
            print!("{}", settings::print_reference());
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn start_server(args: SettingsArgs) -> Result<(), Failure> {
    let settings = args.resolve()?;
    logging::start(settings.log_format, &settings.log_level)?;
    on_runtime(serve::serve(settings))
}

fn check(args: SettingsArgs, json: bool) -> Result<(), Failure> {
    let settings = args.resolve()?;
    let sources = settings.sources.iter();
    if json {
        let sources: Vec<_> =
            sources.map(|source| json!({"name": source.name(), "location": source.location()})).collect();
        println!("{}", json!({"sources": sources, "data_dir": settings.data_dir.to_string()}));
        return Ok(());
    }
    for source in sources {
        println!("source {}: {}", source.name(), source.location());
    }
    println!("data folder: {}", settings.data_dir);
    println!("the settings are valid");
    Ok(())
}

fn on_runtime(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors.div_ceil(PROCESSORS_OF_THREAD))
        .enable_all()
        .on_thread_park(before_pause)
        .build()
        .map_err(|error| Failure::work(format!("cannot start threads: {error}")))?;
    let result = runtime.block_on(work);
    // What still blocks, a pull that waits for PostgreSQL for example, ends with the process.
    runtime.shutdown_background();
    result
}
