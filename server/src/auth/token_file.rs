//! The file of the API tokens: JSON, with a slow hash in place of each secret. A file that is not there holds no
//! tokens; one that cannot be understood is an error, because to take it for empty would hide what is wrong, and to
//! take what can be read of it might bring a revoked token back.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::claims::Claims;
use super::error::AuthError;
use super::token::{Token, TokenId, TokenName};
use super::{hash, secret_file};

/// The format that this version writes and reads.
const FORMAT: u32 = 1;
/// Some 50,000 tokens.
const LONGEST_FILE_BYTES: u64 = 16 << 20;
const REMEDY: &str = "restore it, or remove it and create the tokens anew";

/// Where the tokens are.
#[derive(Debug, Clone)]
pub struct TokenFile {
    path: PathBuf,
}

/// What is kept of a token.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRecord {
    pub id: TokenId,
    pub name: TokenName,
    pub(super) hash: String,
    pub created: DateTime<Utc>,
    /// Missing for a token that does not expire.
    pub expires: Option<DateTime<Utc>>,
    /// A version that does not know of roles does not read a file that has some, and so nobody gets more than these
    /// grant.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, Value>,
}

impl TokenRecord {
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// What it says of its holder.
    pub(super) fn claims(&self) -> Claims {
        Claims { roles: self.roles.clone(), values: self.claims.clone() }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    tokens: Vec<TokenRecord>,
}

impl TokenFile {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All tokens, in the order in which they were created.
    ///
    /// # Errors
    /// When the file cannot be read, or is damaged.
    pub fn read(&self) -> Result<Vec<TokenRecord>, AuthError> {
        self.read_with_metadata().map(|(records, _)| records)
    }

    /// The same, and how the file was that they were read from; `None` where there is none.
    ///
    /// # Errors
    /// As those of `read`.
    pub(super) fn read_with_metadata(&self) -> Result<(Vec<TokenRecord>, Option<Metadata>), AuthError> {
        match secret_file::read(&self.path, LONGEST_FILE_BYTES) {
            Ok((content, metadata)) => Ok((self.understand(&content)?, Some(metadata))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok((vec![], None)),
            Err(cause) => Err(AuthError::file("read the tokens in", &self.path)(cause)),
        }
    }

    /// As `create_with`, without claims.
    #[cfg(test)]
    pub fn create(&self, name: TokenName, lifetime: Option<Duration>) -> Result<(Token, TokenRecord), AuthError> {
        self.create_with(name, lifetime, Claims::default())
    }

    /// Adds a token of a name that no other has, but for one that has expired, and with these claims.
    ///
    /// # Errors
    /// When the name is taken, or the file cannot be read or written.
    pub fn create_with(
        &self,
        name: TokenName,
        lifetime: Option<Duration>,
        claims: Claims,
    ) -> Result<(Token, TokenRecord), AuthError> {
        let token = Token::random()?;
        let hash = hash::slow(token.secret.bytes())?;
        let created = Utc::now();
        let record = TokenRecord {
            id: token.id.clone(),
            name,
            hash,
            created,
            expires: lifetime.map(|lifetime| created + lifetime),
            roles: claims.roles,
            claims: claims.values,
        };
        self.change(|records| {
            if records.iter().any(|other| other.name == record.name && !other.is_expired(created)) {
                return Err(AuthError::NameTaken(record.name.to_string()));
            }
            records.retain(|other| other.name != record.name);
            records.push(record.clone());
            Ok(())
        })?;
        Ok((token, record))
    }

    /// Removes the token of a name.
    ///
    /// # Errors
    /// When there is none, or the file cannot be read or written.
    pub fn revoke(&self, name: &TokenName) -> Result<(), AuthError> {
        self.change(|records| {
            let before = records.len();
            records.retain(|record| record.name != *name);
            if records.len() == before { Err(AuthError::UnknownName(name.to_string())) } else { Ok(()) }
        })
    }

    /// Reads, changes and writes, while no other command does.
    fn change(&self, change: impl FnOnce(&mut Vec<TokenRecord>) -> Result<(), AuthError>) -> Result<(), AuthError> {
        let folder = secret_file::folder_of(&self.path);
        std::fs::create_dir_all(folder).map_err(AuthError::file("create the folder", folder))?;
        let lock = File::open(folder).map_err(AuthError::file("open the folder", folder))?;
        // Unlocked when it is closed. The folder is locked, and not the file, which is replaced.
        lock.lock().map_err(AuthError::file("lock the folder", folder))?;
        let mut tokens = self.read()?;
        change(&mut tokens)?;
        let mut content = serde_json::to_vec_pretty(&Document { format: FORMAT, tokens })
            .map_err(|error| AuthError::file("write", &self.path)(error.into()))?;
        content.push(b'\n');
        secret_file::replace(&self.path, &content).map_err(AuthError::file("write", &self.path))
    }

    fn understand(&self, content: &[u8]) -> Result<Vec<TokenRecord>, AuthError> {
        let damaged = |what: String| AuthError::Damaged { path: self.path.clone(), what, remedy: REMEDY };
        let Document { format, tokens } = serde_json::from_slice(content).map_err(|error| {
            // The text of serde's error may quote what is wrong, and that may be a secret in the wrong place.
            damaged(format!("line {}, column {}: it is not what rail-forge token writes", error.line(), error.column()))
        })?;
        if format != FORMAT {
            return Err(damaged(format!("its format is {format}, and this version knows format {FORMAT}")));
        }
        let (mut ids, mut names) = (HashSet::new(), HashSet::new());
        for token in &tokens {
            if !hash::is_slow(&token.hash) {
                return Err(damaged(format!("token \"{}\" has no argon2id hash", token.name)));
            }
            if !ids.insert(&token.id) || !names.insert(&token.name) {
                return Err(damaged(format!("two tokens are named \"{}\" or share an id", token.name)));
            }
        }
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::super::secret_file::testing::Folder;
    use super::*;

    fn name(text: &str) -> TokenName {
        text.parse().unwrap()
    }

    #[test]
    fn tokens_are_created_listed_and_revoked() {
        let folder = Folder::new();
        let file = TokenFile::new(folder.join("deep").join("tokens.json"));
        assert!(file.read().unwrap().is_empty());
        let (token, record) = file.create(name("a"), None).unwrap();
        file.create(name("b"), Some(Duration::from_secs(60))).unwrap();
        assert!(matches!(file.create(name("a"), None), Err(AuthError::NameTaken(_))));
        let records = file.read().unwrap();
        assert_eq!(records.iter().map(|record| record.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((records[0].id.clone(), records[0].expires), (record.id, None));
        assert!(hash::matches(token.secret.bytes(), &records[0].hash));
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(!text.contains(&hash::hexadecimal(token.secret.bytes())));
        file.revoke(&name("a")).unwrap();
        assert!(matches!(file.revoke(&name("a")), Err(AuthError::UnknownName(_))));
        assert_eq!(file.read().unwrap().len(), 1);
    }

    #[test]
    fn a_token_keeps_its_claims_and_a_file_without_any_looks_as_before() {
        let folder = Folder::new();
        let file = TokenFile::new(folder.join("tokens.json"));
        file.create(name("a"), None).unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(!text.contains("roles") && !text.contains("claims"), "{text}");
        let claims = Claims { roles: ["r".to_owned()].into(), values: [("t".to_owned(), Value::from("3"))].into() };
        file.create_with(name("b"), None, claims.clone()).unwrap();
        let records = file.read().unwrap();
        assert_eq!((records[0].claims(), records[1].claims()), (Claims::default(), claims));
    }

    #[test]
    fn an_expired_token_gives_its_name_up() {
        let folder = Folder::new();
        let file = TokenFile::new(folder.join("tokens.json"));
        let (first, _) = file.create(name("a"), Some(Duration::ZERO)).unwrap();
        let (second, _) = file.create(name("a"), None).unwrap();
        let ids: Vec<_> = file.read().unwrap().into_iter().map(|record| record.id).collect();
        assert_eq!(ids, [second.id]);
        assert_ne!(ids, [first.id]);
    }

    #[test]
    fn what_is_damaged_is_named_and_not_quoted() {
        let folder = Folder::new();
        let file = TokenFile::new(folder.join("tokens.json"));
        file.create(name("a"), None).unwrap();
        let good = std::fs::read_to_string(file.path()).unwrap();
        for damaged in [
            String::new(),
            "{}".to_owned(),
            good[..good.len() / 2].to_owned(),
            good.replace("\"format\": 1", "\"format\": 2"),
            good.replace("argon2id", "argon2i"),
            good.replace("\"a\"", "\"canary canary\""),
            good.replace("\"name\"", "\"canary\""),
        ] {
            std::fs::write(file.path(), &damaged).unwrap();
            let message = file.read().map(|_| ()).unwrap_err().to_string();
            assert!(message.contains("tokens.json") && message.contains("damaged"), "{message}");
            assert!(!message.contains("canary"), "{message}");
            assert!(file.revoke(&name("a")).is_err() && file.create(name("c"), None).is_err());
            assert_eq!(std::fs::read_to_string(file.path()).unwrap(), damaged);
        }
    }
}
