//! How a command ends when it does not succeed: a text for people and an exit code for scripts.

use std::fmt;
use std::process::ExitCode;

use crate::auth::AuthError;
use crate::settings::SettingsError;

/// The work failed.
const WORK_FAILED: u8 = 1;
/// The command or the configuration is wrong; clap uses the same for wrong flags.
const WRONG_USAGE: u8 = 2;

/// Why a command did not succeed.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// What was asked for could not be done.
    pub fn work(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: WORK_FAILED }
    }

    /// The command is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: WRONG_USAGE }
    }

    /// Prints the failure and gives the exit code.
    pub fn report(&self) -> ExitCode {
        eprintln!("rail-forge: {}", self.message);
        ExitCode::from(self.code)
    }
}

/// What was wrong in the first place, and not "transport error".
pub fn first_cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self { message: error.to_string(), code: WRONG_USAGE }
    }
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        Self::work(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}
