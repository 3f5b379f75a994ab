//! Tokens of identity providers: JSON Web Tokens that are signed by an issuer whom the operator has named. Who signed
//! a token, for whom and until when is all that decides: a token is refused that is not signed by one of the issuer's
//! own keys, with an algorithm that the operator allows and that is made for such a key.

mod address;
mod algorithm;
mod claim;
mod fetch;
mod issuer;
mod jwk;
mod jwt;
mod keys;
mod refusal;
#[cfg(test)]
mod signatures;
#[cfg(test)]
pub(super) mod testing;

use std::collections::HashMap;

use chrono::Utc;
use tokio::task::JoinSet;

pub use address::Address;
pub use algorithm::Algorithm;
pub use issuer::{IssuerSettings, KeyPlace};

use self::issuer::Issuer;
use self::jwt::Jwt;
use self::refusal::{Refusal, RefusalLog};
use super::error::AuthError;
use super::principal::Principal;

/// The keys of a token's issuer are not known at the moment, so that nothing can be said of the token; the log says
/// why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeysUnknown;

/// All issuers whose tokens are accepted.
#[derive(Debug, Default)]
pub struct IdentityProviders {
    /// By the `iss` of their tokens.
    issuers: HashMap<String, Issuer>,
    refusals: RefusalLog,
    /// Fetch the keys for as long as this lives.
    watches: JoinSet<()>,
}

impl IdentityProviders {
    /// Begins to fetch the keys of the issuers. One that cannot be reached is asked again until it can.
    ///
    /// # Errors
    /// When the certificates of one cannot be used.
    pub fn start(settings: Vec<IssuerSettings>) -> Result<Self, AuthError> {
        let mut providers = Self::default();
        for settings in settings {
            let issuer = Issuer::new(settings)?;
            providers.watches.spawn(issuer.watch());
            providers.issuers.insert(issuer.identifier().to_owned(), issuer);
        }
        Ok(providers)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.issuers.is_empty()
    }

    /// Whether a text has the form of such a token: three parts with dots between them, which no other credentials
    /// have.
    pub(super) fn is_token(text: &str) -> bool {
        text.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Whose token this is, if it holds.
    ///
    /// # Errors
    /// When the keys of its issuer are not known.
    pub(super) async fn recognise(&self, text: &str) -> Result<Option<Principal>, KeysUnknown> {
        let (issuer, refusal) = match self.verify(text).await {
            Ok(principal) => {
                let (name, roles) = (principal.name(), &principal.claims().roles);
                tracing::debug!(principal = name, ?roles, "a token of an identity provider holds");
                return Ok(Some(principal));
            }
            Err(refused) => refused,
        };
        self.refusals.tell(issuer, &refusal);
        if refusal == Refusal::KeysUnknown { Err(KeysUnknown) } else { Ok(None) }
    }

    /// A refusal comes with the name of the issuer, where the token has a known one.
    async fn verify(&self, text: &str) -> Result<Principal, (Option<&str>, Refusal)> {
        let jwt = Jwt::parse(text).map_err(|refusal| (None, refusal))?;
        let found = jwt
            .issuer()
            .and_then(|named| self.issuers.get(named).ok_or_else(|| Refusal::UnknownIssuer(refusal::quoted(named))));
        let issuer = found.map_err(|refusal| (None, refusal))?;
        issuer.recognise(&jwt, Utc::now()).await.map_err(|refusal| (Some(issuer.name()), refusal))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::super::claims::Claims;
    use super::testing::TestIssuer;
    use super::*;

    async fn refusal(providers: &IdentityProviders, token: &str) -> Refusal {
        providers.verify(token).await.unwrap_err().1
    }

    #[tokio::test]
    async fn a_token_names_a_principal_with_roles_and_values() {
        let issuer = TestIssuer::new();
        let providers = IdentityProviders::start(vec![issuer.settings()]).unwrap();
        let token = issuer.token(json!({
            "aud": ["x", "other"],
            "realm_access": {"roles": ["b", "a"]},
            "tenant": 7,
            "address": {"country": "NL"},
            "secret": "x",
        }));
        let principal = providers.recognise(&token).await.unwrap().unwrap();
        assert_eq!((principal.name(), principal.to_string().as_str()), ("corp/jan", "corp/jan (identity provider)"));
        let expected = Claims {
            roles: BTreeSet::from(["a", "b"].map(str::to_owned)),
            values: BTreeMap::from(
                [("tenant", json!(7)), ("address.country", json!("NL"))].map(|(name, value)| (name.to_owned(), value)),
            ),
        };
        assert_eq!(**principal.claims(), expected);
        let plain = providers.recognise(&issuer.token(json!({}))).await.unwrap().unwrap();
        assert_eq!(**plain.claims(), Claims::default());
        // Clocks may differ by half a minute.
        let now = Utc::now().timestamp();
        for changes in [json!({"exp": now - 10}), json!({"exp": now as f64 + 0.5}), json!({"nbf": now + 10})] {
            assert!(providers.recognise(&issuer.token(changes)).await.unwrap().is_some());
        }
        // A token without the name of its key is of the only key there is.
        let nameless = issuer.sign(&json!({"alg": "ES256"}), &issuer.claims(json!({})));
        assert!(providers.recognise(&nameless).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn an_issuer_gives_no_other_roles_than_it_may() {
        let issuer = TestIssuer::new();
        let of_partner =
            IssuerSettings { roles: vec!["partner_*".to_owned(), "guest".to_owned()], ..issuer.settings() };
        let providers = IdentityProviders::start(vec![of_partner]).unwrap();
        let roles = json!(["admin", "partner_sales", "guest", "guests"]);
        let token = issuer.token(json!({"realm_access": {"roles": roles}}));
        let principal = providers.recognise(&token).await.unwrap().unwrap();
        assert_eq!(principal.claims().roles, BTreeSet::from(["guest", "partner_sales"].map(str::to_owned)));
    }

    #[tokio::test]
    async fn what_a_token_says_has_to_be_right() {
        let issuer = TestIssuer::new();
        let providers = IdentityProviders::start(vec![issuer.settings()]).unwrap();
        let now = Utc::now().timestamp();
        let unreadable = Refusal::Unreadable;
        for (changes, expected) in [
            (
                json!({"iss": "https://login.example.org/"}),
                Refusal::UnknownIssuer("\"https://login.example.org/\"".to_owned()),
            ),
            (json!({"iss": null}), unreadable("issuer (iss)")),
            (json!({"iss": ["https://login.example.org"]}), unreadable("issuer (iss)")),
            (json!({"aud": null}), Refusal::NoAudience),
            (json!({"aud": "rail"}), Refusal::Audience("\"rail\"".to_owned())),
            (json!({"aud": []}), Refusal::Audience("\"[]\"".to_owned())),
            (json!({"aud": {"rail-forge": 1}}), Refusal::Audience("\"{\\\"rail-forge\\\":1}\"".to_owned())),
            (json!({"exp": null}), Refusal::NoEnd),
            (json!({"exp": now - 60}), Refusal::Expired),
            (json!({"exp": (now + 60).to_string()}), unreadable("time")),
            (json!({"nbf": now + 60}), Refusal::NotYetValid),
            (json!({"nbf": "0"}), unreadable("time")),
            (json!({"sub": null}), Refusal::Principal("sub".to_owned())),
            (json!({"sub": ""}), Refusal::Principal("sub".to_owned())),
            (json!({"sub": 5}), Refusal::Principal("sub".to_owned())),
            (json!({"sub": "a\nb"}), Refusal::Principal("sub".to_owned())),
            (json!({"sub": "a".repeat(256)}), Refusal::Principal("sub".to_owned())),
            (json!({"realm_access": {"roles": 5}}), Refusal::Roles("realm_access.roles".to_owned())),
        ] {
            assert_eq!(refusal(&providers, &issuer.token(changes)).await, expected);
        }
        let mut other = issuer.settings();
        other.principal_claim = "email".to_owned();
        let providers = IdentityProviders::start(vec![other]).unwrap();
        let principal = providers.recognise(&issuer.token(json!({"email": "jan@example.org"}))).await.unwrap().unwrap();
        assert_eq!(principal.name(), "corp/jan@example.org");
        assert_eq!(refusal(&providers, &issuer.token(json!({}))).await, Refusal::Principal("email".to_owned()));
    }

    #[tokio::test]
    async fn only_the_issuers_own_key_signs_and_only_as_it_is_made_for() {
        let (issuer, stranger) = (TestIssuer::new(), TestIssuer::new());
        let providers = IdentityProviders::start(vec![issuer.settings()]).unwrap();
        assert_eq!(refusal(&providers, &stranger.token(json!({}))).await, Refusal::Signature);
        let claims = issuer.claims(json!({}));
        let with = |header: Value| issuer.sign(&header, &claims);
        for (header, expected) in [
            (json!({"alg": "none"}), Refusal::Algorithm("\"none\"".to_owned())),
            (json!({"alg": "HS256", "kid": "one"}), Refusal::Algorithm("\"HS256\"".to_owned())),
            (json!({"alg": "ES384", "kid": "one"}), Refusal::Algorithm("\"ES384\"".to_owned())),
            (json!({"alg": "RS256", "kid": "one"}), Refusal::KeyOfOtherKind("\"one\"".to_owned())),
            (json!({"alg": "EdDSA", "kid": "one"}), Refusal::KeyOfOtherKind("\"one\"".to_owned())),
            (json!({"kid": "one"}), Refusal::Unreadable("algorithm (alg)")),
            (json!({"alg": "ES256", "kid": 1}), Refusal::Unreadable("key's name (kid)")),
            (json!({"alg": "ES256", "kid": "two"}), Refusal::UnknownKey("\"two\"".to_owned())),
        ] {
            assert_eq!(refusal(&providers, &with(header)).await, expected);
        }
        // A key that the token brings along is not looked at.
        let own_key = json!({"alg": "ES256", "kid": "one", "jwk": stranger.jwk("one"), "jku": "https://stranger"});
        assert_eq!(refusal(&providers, &stranger.sign(&own_key, &claims)).await, Refusal::Signature);
        let token = issuer.token(json!({}));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(refusal(&providers, &format!("{signed}.")).await, Refusal::Signature);
        let other = issuer.token(json!({"sub": "somebody"}));
        let (of_other, _) = other.rsplit_once('.').unwrap();
        assert_eq!(refusal(&providers, &format!("{of_other}.{signature}")).await, Refusal::Signature);
        for length in 0..token.len() {
            assert!(providers.verify(&token[..length]).await.is_err(), "{length}");
        }
    }

    #[tokio::test]
    async fn issuers_are_told_apart_by_what_the_token_says() {
        let (one, two) = (TestIssuer::new(), TestIssuer::new());
        let mut of_two = two.settings();
        of_two.name = "partner".to_owned();
        of_two.issuer = "https://partner.example".to_owned();
        let providers = IdentityProviders::start(vec![one.settings(), of_two]).unwrap();
        let name =
            async |token: String| providers.recognise(&token).await.unwrap().map(|found| found.name().to_owned());
        let as_partner = json!({"iss": "https://partner.example"});
        assert_eq!(name(one.token(json!({}))).await.as_deref(), Some("corp/jan"));
        assert_eq!(name(two.token(as_partner.clone())).await.as_deref(), Some("partner/jan"));
        assert_eq!(name(one.token(as_partner)).await, None);
        assert_eq!(name(two.token(json!({}))).await, None);
    }

    #[tokio::test]
    async fn without_keys_nothing_can_be_said() {
        let issuer = TestIssuer::new();
        let token = issuer.token(json!({}));
        std::fs::write(issuer.file(), "damaged").unwrap();
        let providers = IdentityProviders::start(vec![issuer.settings()]).unwrap();
        assert_eq!(providers.recognise(&token).await, Err(KeysUnknown));
        // What cannot hold with any key is refused all the same.
        assert_eq!(providers.recognise(&issuer.token(json!({"aud": "x"}))).await, Ok(None));
        let mut brief = issuer.settings();
        brief.keep_keys = Duration::ZERO;
        issuer.publish(&[issuer.jwk("one")]);
        let providers = IdentityProviders::start(vec![brief]).unwrap();
        assert_eq!(providers.recognise(&token).await, Err(KeysUnknown));
    }

    #[test]
    fn other_credentials_have_another_form() {
        for other in ["", "rf_0123456789abcdef_00", "rfl_abc-_", "a.b", "a.b.c.d", "a.b.c.d.e"] {
            assert!(!IdentityProviders::is_token(other), "{other}");
        }
        assert!(IdentityProviders::is_token(&TestIssuer::new().token(json!({}))));
    }
}
