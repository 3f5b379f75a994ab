//! Settings of who may call: where tokens and the signing key are, and whether a server may do without.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use rail_forge_connectors::Location;

use super::{DEFAULT_DATA_DIR, SettingsError, file};
use crate::auth::IssuerSettings;

const TOKEN_FILE: &str = "tokens.json";
const SIGNING_KEY_FILE: &str = "signing.key";

/// Who may call.
#[derive(Debug)]
pub struct Authentication {
    /// `None` when everybody may.
    pub token_file: Option<PathBuf>,
    /// `None` for a key that ends with the server.
    pub signing_key_file: Option<PathBuf>,
    /// Whose tokens are accepted besides, unless everybody may call.
    pub issuers: Vec<IssuerSettings>,
}

impl Authentication {
    pub(super) fn resolve(
        is_off: bool,
        token_file: Option<PathBuf>,
        signing_key_file: Option<PathBuf>,
        data_dir: &Location,
        listen: SocketAddr,
    ) -> Result<Self, SettingsError> {
        let in_data_dir = |name| data_dir.folder().map(|folder| folder.join(name));
        let signing_key_file = signing_key_file.or_else(|| in_data_dir(SIGNING_KEY_FILE));
        if !is_off {
            let token_file = Some(token_file_of(token_file, data_dir)?);
            return Ok(Self { token_file, signing_key_file, issuers: vec![] });
        }
        if !listen.ip().to_canonical().is_loopback() {
            return Err(SettingsError(format!(
                "no_authentication goes with a loopback address, and listen is {listen}: whoever reaches that reads \
                 all tables; listen on 127.0.0.1, or leave no_authentication out and use tokens"
            )));
        }
        Ok(Self { token_file: None, signing_key_file, issuers: vec![] })
    }
}

/// Where `rail-forge token` finds the tokens: the settings of the server that say so.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The server's configuration file.
    #[arg(long, env = "RAIL_FORGE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// The server's data folder, where the file of the tokens is unless it is elsewhere. Default: data.
    #[arg(long, env = "RAIL_FORGE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<Location>,

    /// The file of the API tokens. Default: tokens.json in the data folder.
    #[arg(long, env = "RAIL_FORGE_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl TokenArgs {
    /// The file of the tokens.
    ///
    /// # Errors
    /// When the configuration file cannot be read, or nothing says where the tokens are.
    pub fn resolve(self) -> Result<PathBuf, SettingsError> {
        let filed = self.config.map(|path| file::read_server(&path)).transpose()?.unwrap_or_default();
        let data_dir = self.data_dir.or(filed.data_dir).unwrap_or_else(|| Location::Folder(DEFAULT_DATA_DIR.into()));
        token_file_of(self.token_file.or(filed.token_file), &data_dir)
    }
}

fn token_file_of(given: Option<PathBuf>, data_dir: &Location) -> Result<PathBuf, SettingsError> {
    given.or_else(|| data_dir.folder().map(|folder| folder.join(TOKEN_FILE))).ok_or_else(|| {
        SettingsError(format!(
            "the data folder is {data_dir}, so token_file has to say where the API tokens are, for example \
             --token-file /etc/rail-forge/tokens.json"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(
        is_off: bool,
        token_file: Option<&str>,
        data_dir: &str,
        listen: &str,
    ) -> Result<Authentication, SettingsError> {
        let (data_dir, listen) = (data_dir.parse().unwrap(), listen.parse().unwrap());
        Authentication::resolve(is_off, token_file.map(PathBuf::from), None, &data_dir, listen)
    }

    #[test]
    fn only_the_loopback_does_without_tokens() {
        for address in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(resolve(true, None, "data", address).unwrap().token_file.is_none(), "{address}");
        }
        for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[::ffff:192.0.2.1]:1"] {
            assert!(resolve(true, None, "data", address).is_err(), "{address}");
            assert!(resolve(false, None, "data", address).is_ok(), "{address}");
        }
    }

    #[test]
    fn files_are_in_the_data_folder_unless_it_is_none() {
        let folder = resolve(false, None, "data", "127.0.0.1:1").unwrap();
        assert_eq!(folder.token_file, Some("data/tokens.json".into()));
        assert_eq!(folder.signing_key_file, Some("data/signing.key".into()));
        assert!(resolve(false, None, "s3://lake/x", "127.0.0.1:1").is_err());
        let bucket = resolve(false, Some("/etc/tokens"), "s3://lake/x", "127.0.0.1:1").unwrap();
        assert_eq!((bucket.token_file, bucket.signing_key_file), (Some("/etc/tokens".into()), None));
        assert!(resolve(true, None, "s3://lake/x", "127.0.0.1:1").is_ok());
    }
}
