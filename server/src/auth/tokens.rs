//! The tokens that the running server knows: read again whenever the file has changed, so that what is revoked is
//! refused from the next call on. A token is hashed slowly once; after that it is known by a keyed hash, for as long as
//! the file stays the same.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use chrono::Utc;
use tokio::sync::Semaphore;

use super::claims::Claims;
use super::error::AuthError;
use super::hash;
use super::signing_key::{Purpose, SIGNATURE_BYTES, SigningKey};
use super::token::{Secret, TokenId};
use super::token_file::{TokenFile, TokenRecord};
use crate::file_stamp::FileStamp;

/// Slow hashes at a time, at most. Each takes a core and 19 MiB, and anybody who knows an id can ask for one.
const MOST_VERIFICATIONS: usize = 4;

/// The tokens cannot be told at the moment; the log says why. Nobody is let in then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

/// The tokens of a file.
#[derive(Debug)]
pub struct Tokens {
    file: TokenFile,
    current: Mutex<Current>,
    verifications: Arc<Semaphore>,
    memory: SigningKey,
}

/// What was last read.
#[derive(Debug)]
struct Current {
    stamp: Stamp,
    tokens: Result<Arc<Known>, Unreadable>,
}

type Known = HashMap<TokenId, Arc<KnownToken>>;

/// How the file was, or why it could not be read.
type Stamp = Result<FileStamp, io::ErrorKind>;

/// A token, and the keyed hash of its secret once that was verified.
pub(super) struct KnownToken {
    pub(super) record: TokenRecord,
    pub(super) claims: Arc<Claims>,
    verified: OnceLock<[u8; SIGNATURE_BYTES]>,
    /// Whoever has it hashes. One at a time, so that a flood for one token leaves room for the others.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl std::fmt::Debug for KnownToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("KnownToken").field("name", &self.record.name).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read or is damaged: a server does not start with tokens that it does not know.
    pub fn open(file: TokenFile) -> Result<Self, AuthError> {
        let (records, metadata) = file.read_with_metadata()?;
        let current = Mutex::new(Current { stamp: stamp_of(metadata.as_ref()), tokens: Ok(Arc::new(known(records))) });
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let verifications = Arc::new(Semaphore::new((cores / 2).clamp(1, MOST_VERIFICATIONS)));
        Ok(Self { file, current, verifications, memory: SigningKey::random()? })
    }

    /// How many tokens there are that have not expired.
    pub(super) fn usable(&self) -> usize {
        let now = Utc::now();
        self.current().map_or(0, |known| known.values().filter(|token| !token.record.is_expired(now)).count())
    }

    /// The token of an id, unless it has expired.
    pub(super) fn find(&self, id: &TokenId) -> Result<Option<Arc<KnownToken>>, Unreadable> {
        let found = self.current()?.get(id).cloned();
        Ok(found.filter(|token| !token.record.is_expired(Utc::now())))
    }

    /// The token of an id, if this is its secret.
    pub(super) async fn verify(&self, id: &TokenId, secret: &Secret) -> Result<Option<Arc<KnownToken>>, Unreadable> {
        self.verify_found(self.find(id)?, secret).await
    }

    /// The token of a name, if this is its secret.
    pub(super) async fn verify_named(
        &self,
        name: &str,
        secret: &Secret,
    ) -> Result<Option<Arc<KnownToken>>, Unreadable> {
        let known = self.current()?;
        let found =
            known.values().find(|token| token.record.name.as_str() == name).map(|token| token.record.id.clone());
        match found {
            Some(id) => self.verify(&id, secret).await,
            None => Ok(None),
        }
    }

    async fn verify_found(
        &self,
        found: Option<Arc<KnownToken>>,
        secret: &Secret,
    ) -> Result<Option<Arc<KnownToken>>, Unreadable> {
        let Some(token) = found else { return Ok(None) };
        if let Some(is_right) = self.is_known(&token, secret) {
            return Ok(is_right.then_some(token));
        }
        let of_token = Arc::clone(&token.turn).lock_owned().await;
        // Never closed.
        let of_all = Arc::clone(&self.verifications).acquire_owned().await.map_err(|_| Unreadable)?;
        // Others may have waited for the same.
        if self.is_known(&token, secret).is_none() {
            let (hash, of_client) = (token.record.hash.clone(), secret.clone());
            // The turns go with the work and not with the call: a client that hangs up does not stop a thread, and
            // must not make room for one more.
            let turns = (of_token, of_all);
            let verified = tokio::task::spawn_blocking(move || (hash::matches(of_client.bytes(), &hash), turns)).await;
            match verified {
                Ok((true, _turns)) => {
                    token.verified.get_or_init(|| self.memory.sign(Purpose::Memory, &[secret.bytes()]));
                }
                Ok((false, _)) => return Ok(None),
                // The server is stopping.
                Err(_) => return Err(Unreadable),
            }
        }
        if self.is_known(&token, secret) != Some(true) {
            return Ok(None);
        }
        // It may have been revoked in the meantime.
        self.find(&token.record.id)
    }

    /// Whether a secret is the one that was verified; `None` when none was. A token has one secret, so that another
    /// one is wrong without a slow hash.
    fn is_known(&self, token: &KnownToken, secret: &Secret) -> Option<bool> {
        let verified = token.verified.get()?;
        Some(self.memory.verify(Purpose::Memory, &[secret.bytes()], verified))
    }

    fn current(&self) -> Result<Arc<Known>, Unreadable> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = FileStamp::now(self.file.path());
        if now != current.stamp {
            *current = self.read_again(now, &current.stamp);
        }
        current.tokens.clone()
    }

    fn read_again(&self, seen: Stamp, before: &Stamp) -> Current {
        let error = match self.file.read_with_metadata() {
            Ok((records, metadata)) => {
                tracing::info!(file = %self.file.path().display(), tokens = records.len(), "the tokens have changed");
                return Current { stamp: stamp_of(metadata.as_ref()), tokens: Ok(Arc::new(known(records))) };
            }
            Err(error) => error,
        };
        let stamp = match &error {
            // Nothing may be wrong with the file: the process may have too many open. With this stamp the next call
            // tries again. One that is too long to be read stays so until it changes.
            AuthError::File { cause, .. } if cause.kind() != io::ErrorKind::InvalidData => Err(cause.kind()),
            _ => seen,
        };
        // Once for each change of the file, and for each kind of error.
        if stamp != *before {
            tracing::error!("nobody is let in: {error}");
        }
        Current { stamp, tokens: Err(Unreadable) }
    }
}

fn stamp_of(read: Option<&Metadata>) -> Stamp {
    read.map(FileStamp::of).ok_or(io::ErrorKind::NotFound)
}

fn known(records: Vec<TokenRecord>) -> Known {
    let token = |record: TokenRecord| {
        let (id, claims) = (record.id.clone(), Arc::new(record.claims()));
        (id, Arc::new(KnownToken { record, claims, verified: OnceLock::new(), turn: Arc::default() }))
    };
    records.into_iter().map(token).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::secret_file::testing::Folder;
    use super::super::token::{Token, TokenName};
    use super::*;

    fn name(text: &str) -> TokenName {
        text.parse().unwrap()
    }

    async fn is_good(tokens: &Tokens, token: &Token) -> bool {
        tokens.verify(&token.id, &token.secret).await.unwrap().is_some()
    }

    #[tokio::test]
    async fn a_token_is_good_from_its_creation_to_its_end() {
        let folder = Folder::new();
        let file = TokenFile::new(folder.join("tokens.json"));
        let tokens = Tokens::open(file.clone()).unwrap();
        assert_eq!(tokens.usable(), 0);
        let (first, _) = file.create(name("a"), None).unwrap();
        let (second, _) = file.create(name("b"), None).unwrap();
        let (expired, _) = file.create(name("c"), Some(Duration::ZERO)).unwrap();
        assert_eq!(tokens.usable(), 2);
        for _ in 0..2 {
            assert!(is_good(&tokens, &first).await && is_good(&tokens, &second).await);
            assert!(!is_good(&tokens, &expired).await);
            let crossed = Token { id: first.id.clone(), secret: second.secret.clone() };
            assert!(!is_good(&tokens, &crossed).await);
        }
        file.revoke(&name("a")).unwrap();
        assert!(!is_good(&tokens, &first).await && is_good(&tokens, &second).await);
        std::fs::remove_file(file.path()).unwrap();
        assert!(!is_good(&tokens, &second).await);
    }

    #[tokio::test]
    async fn a_wrong_secret_before_the_right_one_changes_nothing() {
        let folder = Folder::new();
        let file = TokenFile::new(folder.join("tokens.json"));
        let (token, _) = file.create(name("a"), None).unwrap();
        let tokens = Tokens::open(file).unwrap();
        let wrong = Token { id: token.id.clone(), secret: Token::random().unwrap().secret };
        assert!(!is_good(&tokens, &wrong).await);
        assert!(is_good(&tokens, &token).await);
        assert!(tokens.verify_named("a", &token.secret).await.unwrap().is_some());
        assert!(tokens.verify_named("b", &token.secret).await.unwrap().is_none());
    }

    #[test]
    fn who_hangs_up_makes_no_room_for_another_hash() {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let folder = Folder::new();
            let file = TokenFile::new(folder.join("tokens.json"));
            let (token, _) = file.create(name("a"), None).unwrap();
            let tokens = Tokens::open(file).unwrap();
            let free = tokens.verifications.available_permits();
            // The one thread that hashes has something else to do until this is dropped.
            let (go_on, wait) = std::sync::mpsc::channel::<()>();
            let busy = tokio::task::spawn_blocking(move || wait.recv());
            let wrong = Token::random().unwrap().secret;
            let given_up = tokio::time::timeout(Duration::ZERO, tokens.verify(&token.id, &wrong)).await;
            assert!(given_up.is_err());
            assert_eq!(tokens.verifications.available_permits(), free - 1);
            drop(go_on);
            busy.await.unwrap().unwrap_err();
            assert!(is_good(&tokens, &token).await);
            assert_eq!(tokens.verifications.available_permits(), free);
        });
    }

    #[tokio::test]
    async fn nobody_is_let_in_by_a_damaged_file() {
        let folder = Folder::new();
        let file = TokenFile::new(folder.join("tokens.json"));
        let (token, _) = file.create(name("a"), None).unwrap();
        let good = std::fs::read(file.path()).unwrap();
        let tokens = Tokens::open(file.clone()).unwrap();
        assert!(is_good(&tokens, &token).await);
        std::fs::write(file.path(), "{").unwrap();
        assert_eq!(tokens.verify(&token.id, &token.secret).await.map(|_| ()), Err(Unreadable));
        assert!(Tokens::open(file.clone()).is_err());
        std::fs::write(file.path(), good).unwrap();
        assert!(is_good(&tokens, &token).await);
    }

    #[tokio::test]
    async fn a_file_that_could_not_be_read_is_tried_again_as_it_is() {
        let folder = Folder::new();
        let file = TokenFile::new(folder.join("tokens.json"));
        let (token, _) = file.create(name("a"), None).unwrap();
        let tokens = Tokens::open(file.clone()).unwrap();
        // A folder can be opened, and not be read.
        std::fs::remove_file(file.path()).unwrap();
        std::fs::create_dir(file.path()).unwrap();
        assert_eq!(tokens.verify(&token.id, &token.secret).await.map(|_| ()), Err(Unreadable));
        assert_ne!(tokens.current.lock().unwrap().stamp, FileStamp::now(file.path()));
    }
}
