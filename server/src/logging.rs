//! Log lines on standard error: for people by default, as JSON on request.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::settings::{LogFormat, SettingsError};

/// Starts logging, once per process.
///
/// # Errors
/// When `level` is no level and no list of directives.
pub fn start(format: LogFormat, level: &str) -> Result<(), SettingsError> {
    let filter = EnvFilter::try_new(level)
        .map_err(|_| SettingsError(format!("log_level {level} is none of error, warn, info, debug, trace")))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::NONE)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Human => subscriber.with_target(false).init(),
        LogFormat::Json => subscriber.json().init(),
    }
    Ok(())
}
