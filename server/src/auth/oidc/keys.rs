//! The keys of one issuer as they were fetched last: again and again in the background, and when a token names a key
//! that is not known. That is how an issuer changes its keys without a word to anybody: a new key is fetched with the
//! first token that is signed with it, and one that the issuer has dropped is good for nothing after the next fetch.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::algorithm::Algorithm;
use super::fetch::Fetcher;
use super::jwk::Key;
use super::refusal::{Refusal, quoted};

/// How long no other call makes the server fetch keys after a fetch for one. Anybody can invent names of keys.
const REST: Duration = Duration::from_secs(10);
/// How soon an issuer is asked again that has not answered; it doubles up to the usual time.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Fetches and knows the keys of an issuer.
#[derive(Debug)]
pub(super) struct Keys {
    /// The issuer's name in the configuration.
    issuer: String,
    fetcher: Fetcher,
    /// How often they are fetched.
    every: Duration,
    /// How long they are believed when they cannot be fetched.
    keep: Duration,
    state: Mutex<State>,
    /// Whoever has it fetches; it holds when the last fetch ended that a call has made somebody do.
    turn: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct State {
    keys: Option<(Vec<Arc<Key>>, Instant)>,
    /// How many times they were fetched.
    fetches: u64,
    /// How many times in a row they could not be.
    failures: u32,
}

impl Keys {
    pub(super) fn new(issuer: &str, fetcher: Fetcher, every: Duration, keep: Duration) -> Self {
        Self {
            issuer: issuer.to_owned(),
            fetcher,
            every,
            keep,
            state: Mutex::default(),
            turn: tokio::sync::Mutex::new(None),
        }
    }

    /// Fetches the keys again and again.
    pub(super) async fn watch(self: Arc<Self>) {
        loop {
            let turn = self.turn.lock().await;
            self.fetch().await;
            drop(turn);
            tokio::time::sleep(self.pause()).await;
        }
    }

    /// The keys that a token may be signed with: those of the name that it gives, or the only one of the kind.
    ///
    /// # Errors
    /// When there is none, also after the issuer was asked if it could be asked.
    pub(super) async fn find(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<Arc<Key>>, Refusal> {
        let (known, seen) = self.known();
        match choose(known, kid, algorithm) {
            Err(refusal) if refusal.may_be_of_a_new_key() => {
                self.fetch_for_a_call(seen).await;
                choose(self.known().0, kid, algorithm)
            }
            found => found,
        }
    }

    /// The keys that are known and believed, and how many times they were fetched.
    fn known(&self) -> (Option<Vec<Arc<Key>>>, u64) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = state.keys.as_ref().filter(|(_, fetched)| fetched.elapsed() < self.keep);
        (known.map(|(keys, _)| keys.clone()), state.fetches)
    }

    /// Fetches the keys unless somebody has since they were looked at, or a call has made somebody try just now.
    async fn fetch_for_a_call(self: &Arc<Self>, seen: u64) {
        let keys = Arc::clone(self);
        // A task of its own: others wait for it as well, and must not lose it with the client of this call.
        let fetch = tokio::spawn(async move {
            let mut turn = keys.turn.lock().await;
            if keys.known().1 != seen || turn.is_some_and(|last| last.elapsed() < REST) {
                return;
            }
            keys.fetch().await;
            // After it: one that fails slowly takes as long as the rest, and those who wait would fetch one by one.
            *turn = Some(Instant::now());
        });
        // It fails when the server is stopping; then there are no new keys.
        let _ = fetch.await;
    }

    async fn fetch(&self) {
        let fetched = self.fetcher.fetch().await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match fetched {
            Ok(keys) => {
                let keys: Vec<_> = keys.into_iter().map(Arc::new).collect();
                let is_new = state.keys.as_ref().is_none_or(|(before, _)| *before != keys);
                if keys.is_empty() {
                    tracing::warn!(issuer = self.issuer, "the issuer has no key that can be used");
                } else if is_new || state.failures > 0 {
                    tracing::info!(issuer = self.issuer, keys = keys.len(), "fetched the keys of the issuer");
                }
                *state = State { keys: Some((keys, Instant::now())), fetches: state.fetches + 1, failures: 0 };
            }
            Err(error) => {
                state.failures = state.failures.saturating_add(1);
                // One line for 1, 2, 4, 8, ... failures.
                if state.failures.is_power_of_two() {
                    let (failures, error) = (state.failures, error.describe());
                    tracing::warn!(issuer = self.issuer, failures, error, "cannot fetch the keys of the issuer");
                }
            }
        }
    }

    /// How long it is until the next fetch.
    fn pause(&self) -> Duration {
        let failures = self.state.lock().unwrap_or_else(PoisonError::into_inner).failures;
        pause(failures, self.every)
    }
}

fn pause(failures: u32, every: Duration) -> Duration {
    match failures.checked_sub(1) {
        None => every,
        Some(doublings) => FIRST_RETRY.saturating_mul(1 << doublings.min(u32::BITS - 1)).min(every),
    }
}

fn choose(known: Option<Vec<Arc<Key>>>, kid: Option<&str>, algorithm: Algorithm) -> Result<Vec<Arc<Key>>, Refusal> {
    let known = known.ok_or(Refusal::KeysUnknown)?;
    let is_named = known.iter().any(|key| kid.is_some() && key.kid() == kid);
    let is_wanted = |key: &Arc<Key>| (kid.is_none() || key.kid() == kid) && key.is_for(algorithm);
    let found: Vec<_> = known.into_iter().filter(is_wanted).collect();
    match (kid, found.len()) {
        (None, 0) => Err(Refusal::UnknownKey(format!("for {}", algorithm.name()))),
        (None, 1) => Ok(found),
        (None, _) => Err(Refusal::NoKeyNamed),
        (Some(kid), 0) if is_named => Err(Refusal::KeyOfOtherKind(quoted(kid))),
        (Some(kid), 0) => Err(Refusal::UnknownKey(quoted(kid))),
        (Some(_), _) => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::super::issuer::KeyPlace;
    use super::super::testing::TestIssuer;
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    async fn finds(keys: &Arc<Keys>, kid: &str) -> bool {
        keys.find(Some(kid), Algorithm::Es256).await.is_ok()
    }

    #[tokio::test]
    async fn a_new_key_is_fetched_when_it_is_needed_but_not_at_will() {
        let issuer = TestIssuer::new();
        let fetcher = Fetcher::new("x", KeyPlace::File(issuer.file()), &[]).unwrap();
        let keys = Arc::new(Keys::new("x", fetcher, HOUR, HOUR));
        keys.fetch().await;
        assert!(finds(&keys, "one").await);
        issuer.publish(&[issuer.jwk("two")]);
        assert!(finds(&keys, "two").await);
        assert!(!finds(&keys, "one").await);
        // Another name so soon does not make it fetch.
        issuer.publish(&[issuer.jwk("three")]);
        assert!(!finds(&keys, "three").await);
        keys.fetch().await;
        assert!(finds(&keys, "three").await);
        // What cannot be read leaves what is known.
        std::fs::remove_file(issuer.file()).unwrap();
        keys.fetch().await;
        assert!(finds(&keys, "three").await && keys.pause() == FIRST_RETRY);
        issuer.publish(&[]);
        keys.fetch().await;
        assert!(!finds(&keys, "three").await && keys.pause() == HOUR);
    }

    #[tokio::test]
    async fn many_calls_are_one_fetch() {
        let issuer = TestIssuer::new();
        let fetcher = Fetcher::new("x", KeyPlace::File(issuer.file()), &[]).unwrap();
        let keys = Arc::new(Keys::new("x", fetcher, HOUR, HOUR));
        let found = futures::future::join_all((0..20).map(|_| finds(&keys, "one"))).await;
        assert_eq!((found, keys.known().1), (vec![true; 20], 1));
    }

    #[test]
    fn an_issuer_that_is_away_is_asked_soon_and_then_as_usual() {
        let pauses: Vec<_> = (0..6).map(|failures| pause(failures, Duration::from_secs(10)).as_secs()).collect();
        assert_eq!(pauses, [10, 1, 2, 4, 8, 10]);
        assert_eq!(pause(u32::MAX, HOUR), HOUR);
    }

    #[test]
    fn a_token_without_the_name_of_its_key_is_of_the_only_one_of_its_kind() {
        let issuer = TestIssuer::new();
        let document = |kids: &[&str]| {
            let keys: Vec<_> = kids.iter().map(|kid| issuer.jwk(kid)).collect();
            let read = super::super::jwk::read(serde_json::json!({ "keys": keys }).to_string().as_bytes());
            Some(read.unwrap().into_iter().map(Arc::new).collect::<Vec<_>>())
        };
        assert_eq!(choose(document(&["a"]), None, Algorithm::Es256).unwrap().len(), 1);
        assert_eq!(choose(document(&["a", "b"]), None, Algorithm::Es256), Err(Refusal::NoKeyNamed));
        assert_eq!(choose(document(&["a", "a"]), Some("a"), Algorithm::Es256).unwrap().len(), 2);
        assert!(choose(document(&["a"]), None, Algorithm::Rs256).unwrap_err().may_be_of_a_new_key());
        assert!(choose(None, Some("a"), Algorithm::Es256).unwrap_err().may_be_of_a_new_key());
        assert!(!choose(document(&["a"]), Some("a"), Algorithm::Rs256).unwrap_err().may_be_of_a_new_key());
    }
}
