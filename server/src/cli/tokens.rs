//! `rail-forge token`: the API tokens of a server, by the file that it reads. Nothing is asked of a running server; it
//! sees that the file has changed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::auth::{Claims, TokenFile, TokenName, TokenRecord};
use crate::failure::Failure;
use crate::settings::{Period, TokenArgs};

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Create a token and print it, this once: only its hash is kept.
    Create {
        /// Who the token is for. It is the user name of logins, too.
        name: TokenName,
        /// How long it is valid, for example 90d. Default: until it is revoked.
        #[arg(long, value_name = "TIME")]
        expires: Option<Period>,
        #[command(flatten)]
        claims: ClaimArgs,
        #[command(flatten)]
        place: Place,
    },
    /// Show the tokens, without their secrets.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Make a token invalid, from the next call on, and the logins that it was good for.
    Revoke {
        name: TokenName,
        #[command(flatten)]
        place: Place,
    },
}

/// What a token says of its holder.
#[derive(Debug, Args)]
pub(super) struct ClaimArgs {
    /// A role of the configuration file that the token has; may be repeated.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// A value that row filters ask for, for example tenant=3; several as JSON, tenant=["3","4"]. May be repeated.
    #[arg(long = "claim", value_name = "NAME=VALUE")]
    claims: Vec<ClaimArg>,
}

/// `NAME=VALUE`. The value is a text, whatever it looks like, or a list of texts.
#[derive(Debug, Clone)]
struct ClaimArg {
    name: String,
    value: Value,
}

impl FromStr for ClaimArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or("a claim is written NAME=VALUE, as in tenant=3")?;
        let value = if value.starts_with('[') {
            let texts: Vec<String> = serde_json::from_str(value)
                .map_err(|error| format!("what begins with [ is a list of texts, as in [\"3\",\"4\"]: {error}"))?;
            Value::from(texts)
        } else {
            Value::from(value)
        };
        Ok(Self { name: name.to_owned(), value })
    }
}

impl ClaimArgs {
    fn claims(self) -> Result<Claims, Failure> {
        let mut values = BTreeMap::new();
        for ClaimArg { name, value } in self.claims {
            if values.insert(name.clone(), value).is_some() {
                return Err(Failure::usage(format!(
                    "--claim {name} is given twice; give several values as a list, {name}=[\"3\",\"4\"]"
                )));
            }
        }
        if self.roles.iter().any(String::is_empty) {
            return Err(Failure::usage("--role needs the name of a role"));
        }
        Ok(Claims { roles: self.roles.into_iter().collect(), values })
    }
}

/// Where the tokens are, and how to print what is told of them.
#[derive(Debug, Args)]
pub(super) struct Place {
    #[command(flatten)]
    settings: TokenArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs a command.
///
/// # Errors
/// When it does not succeed.
pub(super) fn run(command: TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::Create { name, expires, claims, place } => create(name, expires, claims, place),
        TokenCommand::List { place } => list(place),
        TokenCommand::Revoke { name, place } => revoke(&name, place),
    }
}

fn create(
    name: TokenName,
    expires: Option<Period>,
    claims: ClaimArgs,
    Place { settings, json }: Place,
) -> Result<(), Failure> {
    let claims = claims.claims()?;
    let file = open(settings)?;
    let (token, record) = file.create_with(name, expires.map(|Period(time)| time), claims)?;
    if json {
        let mut described = describe(&record);
        described["token"] = token.reveal().into();
        println!("{described}");
        return Ok(());
    }
    // Alone on standard output, so that a script can take it.
    println!("{}", token.reveal());
    eprintln!("token \"{}\" is valid {}; it is not shown again", record.name, until(record.expires));
    Ok(())
}

fn list(Place { settings, json }: Place) -> Result<(), Failure> {
    let records = open(settings)?.read()?;
    if json {
        println!("{}", Value::from_iter(records.iter().map(describe)));
        return Ok(());
    }
    let now = Utc::now();
    let width = records.iter().map(|record| record.name.as_str().len()).max().unwrap_or(0);
    for record in &records {
        let validity =
            if record.is_expired(now) { "expired".to_owned() } else { format!("valid {}", until(record.expires)) };
        let (name, claims) = (record.name.as_str(), shown_claims(record));
        println!("{name:width$}  {}  created {}  {validity}{claims}", record.id, moment(record.created));
    }
    if records.is_empty() {
        eprintln!("there are no tokens; rail-forge token create NAME makes one");
    }
    Ok(())
}

fn revoke(name: &TokenName, Place { settings, json }: Place) -> Result<(), Failure> {
    open(settings)?.revoke(name)?;
    if json {
        println!("{}", json!({"revoked": name}));
    } else {
        println!("token \"{name}\" is revoked");
    }
    Ok(())
}

fn open(settings: TokenArgs) -> Result<TokenFile, Failure> {
    let path: PathBuf = settings.resolve()?;
    Ok(TokenFile::new(path))
}

fn describe(record: &TokenRecord) -> Value {
    json!({
        "id": record.id,
        "name": record.name,
        "created": record.created,
        "expires": record.expires,
        "roles": record.roles,
        "claims": record.claims,
    })
}

/// Roles and claims behind the rest of a line.
fn shown_claims(record: &TokenRecord) -> String {
    let mut shown = String::new();
    if !record.roles.is_empty() {
        let roles: Vec<&str> = record.roles.iter().map(String::as_str).collect();
        shown.push_str(&format!("  roles {}", roles.join(", ")));
    }
    if !record.claims.is_empty() {
        let claims: Vec<String> = record.claims.iter().map(|(name, value)| format!("{name}={value}")).collect();
        shown.push_str(&format!("  claims {}", claims.join(", ")));
    }
    shown
}

fn until(expires: Option<DateTime<Utc>>) -> String {
    expires.map_or_else(|| "until it is revoked".to_owned(), |expires| format!("until {}", moment(expires)))
}

fn moment(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
