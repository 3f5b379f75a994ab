//! The one place that decides who is let in, and how those are answered who are not: in the same words, whether what
//! they show is unknown, wrong, expired, revoked or nonsense.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use chrono::Utc;
use http::HeaderMap;
use tonic::Status;

use super::attempts::Attempts;
use super::client_certificate::ClientCertificate;
use super::credentials::Credentials;
use super::error::AuthError;
use super::logins::Logins;
use super::oidc::{IdentityProviders, KeysUnknown};
use super::principal::{Principal, Recognised};
use super::signing_key::SigningKey;
use super::token::{Secret, Token, TokenId};
use super::token_file::TokenFile;
use super::tokens::{KnownToken, Tokens, Unreadable};

const REFUSED: &str = "the server does not know who is calling: send a valid API token as the header \"authorization: \
                       Bearer TOKEN\", or log in with the token's name as user and the token as password; \
                       \"rail-forge token create NAME\" makes a token where the server runs";
const TOKENS_UNREADABLE: &str = "the server cannot read its tokens, so that nobody is let in; its log says why";
const KEYS_UNKNOWN: &str = "the server does not have the keys of the identity provider whose token this is, so that it \
                            cannot tell whether the token holds; its log says why";

/// Why it cannot be told who calls, whatever is shown.
#[derive(Debug, Clone, Copy)]
enum CannotTell {
    TokensUnreadable,
    KeysUnknown,
}

impl From<Unreadable> for CannotTell {
    fn from(Unreadable: Unreadable) -> Self {
        Self::TokensUnreadable
    }
}

impl From<KeysUnknown> for CannotTell {
    fn from(KeysUnknown: KeysUnknown) -> Self {
        Self::KeysUnknown
    }
}

/// Lets callers in.
#[derive(Debug)]
pub struct Gate {
    /// `None` lets everybody in.
    tokens: Option<Tokens>,
    /// Whose tokens are accepted besides.
    providers: IdentityProviders,
    logins: Logins,
    attempts: Attempts,
}

impl Gate {
    /// A gate that asks nobody for a name.
    pub fn open(key: SigningKey) -> Self {
        Self::new(None, key)
    }

    /// A gate for those who have a token of the file, or a login for one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn guarded(file: TokenFile, key: SigningKey) -> Result<Self, AuthError> {
        Ok(Self::new(Some(Tokens::open(file)?), key))
    }

    fn new(tokens: Option<Tokens>, key: SigningKey) -> Self {
        let (logins, attempts) = (Logins::new(key), Attempts::new());
        Self { tokens, providers: IdentityProviders::default(), logins, attempts }
    }

    /// The same gate, for those as well who have a token of an identity provider.
    pub fn with_identity_providers(self, providers: IdentityProviders) -> Self {
        Self { providers, ..self }
    }

    /// Whether nobody can get in, because there is no token.
    pub fn is_shut(&self) -> bool {
        self.providers.is_empty() && self.tokens.as_ref().is_some_and(|tokens| tokens.usable() == 0)
    }

    /// Who makes a call, by its headers.
    ///
    /// # Errors
    /// Unauthenticated, after a while where something wrong was shown.
    pub async fn admit(&self, headers: &HeaderMap, from: Option<IpAddr>) -> Result<Principal, Status> {
        let Some(tokens) = &self.tokens else { return Ok(Principal::anybody()) };
        // Whoever shows nothing has not tried anything.
        let shown = Credentials::of_headers(headers).ok_or_else(refused)?;
        let recognised = match shown {
            Credentials::Bearer(text) => self.recognise(tokens, &text).await,
            Credentials::Basic { .. } | Credentials::Malformed => Ok(None),
        };
        self.judge(recognised, from).await
    }

    /// Whom the certificate of a connection names, where a call shows nothing by itself; `None` when that is no question.
    /// What a call shows comes first: a proxy with a certificate of its own then speaks for its users.
    pub fn certified(
        &self,
        headers: &HeaderMap,
        certificate: Option<&ClientCertificate>,
    ) -> Option<Result<Principal, Status>> {
        if self.tokens.is_none() || Credentials::of_headers(headers).is_some() {
            return None;
        }
        certificate.map(|certificate| certificate.principal(SystemTime::now()))
    }

    /// A login for a user name and a password; nothing for a token or a login, which its holder goes on with. Where the
    /// password is a token of an identity provider, that is the login: it says itself whose it is and when it ends.
    ///
    /// # Errors
    /// As those of `admit`.
    pub async fn log_in(&self, shown: Option<Credentials>, from: Option<IpAddr>) -> Result<Option<String>, Status> {
        let Some(tokens) = &self.tokens else { return Ok(Some(self.logins.give("", None, Utc::now()))) };
        match shown.ok_or_else(refused)? {
            Credentials::Basic { password, .. } if IdentityProviders::is_token(&password) => {
                let recognised = self.recognise(tokens, &password).await;
                let principal = self.judge(recognised, from).await?;
                tracing::info!(principal = principal.name(), "logged in");
                Ok(Some(password))
            }
            Credentials::Basic { user, password } => {
                let found = recognise_user(tokens, &user, &password).await;
                let (name, id) = self.judge(found, from).await?;
                tracing::info!(principal = name, "logged in");
                Ok(Some(self.logins.give(&name, Some(&id), Utc::now())))
            }
            Credentials::Bearer(text) => {
                let recognised = self.recognise(tokens, &text).await;
                self.judge(recognised, from).await.map(|_| None)
            }
            Credentials::Malformed => self.judge(Ok(None), from).await,
        }
    }

    async fn recognise(&self, tokens: &Tokens, text: &str) -> Result<Option<Principal>, CannotTell> {
        if IdentityProviders::is_token(text) {
            return Ok(self.providers.recognise(text).await?);
        }
        if Logins::is_login(text) {
            let Some(login) = self.logins.read(text, Utc::now()) else { return Ok(None) };
            // The name is that of the token, and not what the login says: they are the same.
            let token = tokens.find(&login.token)?.filter(|token| token.record.name.as_str() == login.name);
            return Ok(token.map(|token| principal(&token, Recognised::ByLogin)));
        }
        let Some(token) = Token::parse(text) else { return Ok(None) };
        let found = tokens.verify(&token.id, &token.secret).await?;
        Ok(found.map(|token| principal(&token, Recognised::ByToken)))
    }

    async fn judge<T>(&self, found: Result<Option<T>, CannotTell>, from: Option<IpAddr>) -> Result<T, Status> {
        match found {
            Ok(Some(found)) => Ok(found),
            Ok(None) => {
                self.attempts.failed(from).await;
                Err(refused())
            }
            Err(CannotTell::TokensUnreadable) => Err(Status::unavailable(TOKENS_UNREADABLE)),
            Err(CannotTell::KeysUnknown) => Err(Status::unavailable(KEYS_UNKNOWN)),
        }
    }
}

/// Whom a token is for, with the claims that it has now.
fn principal(token: &KnownToken, recognised: Recognised) -> Principal {
    Principal::new(token.record.name.as_str(), recognised).with_claims(Arc::clone(&token.claims))
}

/// The token of a user, whose password is the token or its secret part.
async fn recognise_user(tokens: &Tokens, user: &str, password: &str) -> Result<Option<(String, TokenId)>, CannotTell> {
    let found = match (Token::parse(password), Secret::parse(password)) {
        (Some(token), _) => tokens.verify(&token.id, &token.secret).await?,
        (None, Some(secret)) => tokens.verify_named(user, &secret).await?,
        (None, None) => None,
    };
    let found = found.filter(|token| token.record.name.as_str() == user);
    Ok(found.map(|token| (token.record.name.to_string(), token.record.id.clone())))
}

fn refused() -> Status {
    Status::unauthenticated(REFUSED)
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;
    use serde_json::json;
    use tonic::Code;

    use super::super::hash;
    use super::super::oidc::testing::TestIssuer;
    use super::super::secret_file::testing::Folder;
    use super::*;

    fn bearer(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {text}").parse().unwrap())])
    }

    fn basic(user: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::Basic { user: user.to_owned(), password: password.to_owned() })
    }

    #[tokio::test]
    async fn tokens_and_logins_name_their_principal_until_they_are_revoked() {
        let folder = Folder::new();
        let file = TokenFile::new(folder.join("tokens.json"));
        let key = SigningKey::random().unwrap();
        let gate = Gate::guarded(file.clone(), key.clone()).unwrap();
        assert!(gate.is_shut());
        let (token, _) = file.create("a".parse().unwrap(), None).unwrap();
        file.create("b".parse().unwrap(), None).unwrap();
        assert!(!gate.is_shut());
        let principal = gate.admit(&bearer(&token.reveal()), None).await.unwrap();
        assert_eq!((principal.name(), principal.to_string().as_str()), ("a", "a (token)"));
        let secret = hash::hexadecimal(token.secret.bytes());
        for password in [token.reveal(), secret.clone()] {
            let login = gate.log_in(basic("a", &password), None).await.unwrap().unwrap();
            assert_eq!(gate.admit(&bearer(&login), None).await.unwrap().to_string(), "a (login)");
            assert_eq!(gate.log_in(Some(Credentials::Bearer(login)), None).await.unwrap(), None);
        }
        let login = gate.log_in(basic("a", &secret), None).await.unwrap().unwrap();
        let restarted = Gate::guarded(file.clone(), key).unwrap();
        assert_eq!(restarted.admit(&bearer(&login), None).await.unwrap().name(), "a");
        file.revoke(&"a".parse().unwrap()).unwrap();
        for gate in [&gate, &restarted] {
            assert!(gate.admit(&bearer(&login), None).await.is_err());
            assert!(gate.admit(&bearer(&token.reveal()), None).await.is_err());
        }
        // A token of the same name is another token.
        file.create("a".parse().unwrap(), None).unwrap();
        assert!(gate.admit(&bearer(&login), None).await.is_err());
    }

    /// Another address for each, so that none waits for long.
    fn addresses() -> impl Iterator<Item = Option<IpAddr>> {
        (1..=u8::MAX).map(|last| Some(IpAddr::from([192, 0, 2, last])))
    }

    #[tokio::test]
    async fn all_who_are_refused_are_refused_in_the_same_words() {
        let folder = Folder::new();
        let file = TokenFile::new(folder.join("tokens.json"));
        let (token, _) = file.create("a".parse().unwrap(), None).unwrap();
        let (other, _) = file.create("b".parse().unwrap(), None).unwrap();
        let (expired, _) = file.create("c".parse().unwrap(), Some(std::time::Duration::ZERO)).unwrap();
        let gate = Gate::guarded(file, SigningKey::random().unwrap()).unwrap();
        let unknown = Token::random().unwrap();
        let crossed = Token { id: token.id.clone(), secret: other.secret.clone() };
        let mut addresses = addresses();
        let mut answers = vec![gate.admit(&HeaderMap::new(), None).await.unwrap_err()];
        for text in [unknown.reveal(), expired.reveal(), crossed.reveal(), "x".repeat(50_000), "rfl_".to_owned()] {
            answers.push(gate.admit(&bearer(&text), addresses.next().unwrap()).await.unwrap_err());
        }
        let of_other = other.reveal();
        for shown in [basic("a", &of_other), basic("a", ""), basic("", ""), Some(Credentials::Malformed), None] {
            answers.push(gate.log_in(shown, addresses.next().unwrap()).await.unwrap_err());
        }
        for answer in answers {
            assert_eq!((answer.code(), answer.message()), (Code::Unauthenticated, REFUSED));
        }
    }

    #[tokio::test]
    async fn tokens_of_identity_providers_are_let_in_and_are_their_own_logins() {
        let (folder, issuer) = (Folder::new(), TestIssuer::new());
        let file = TokenFile::new(folder.join("tokens.json"));
        let providers = IdentityProviders::start(vec![issuer.settings()]).unwrap();
        let gate = Gate::guarded(file, SigningKey::random().unwrap()).unwrap().with_identity_providers(providers);
        assert!(!gate.is_shut());
        let token = issuer.token(json!({"tenant": 7}));
        let principal = gate.admit(&bearer(&token), None).await.unwrap();
        assert_eq!((principal.name(), principal.claims().values.get("tenant")), ("corp/jan", Some(&json!(7))));
        assert_eq!(gate.log_in(basic("anybody", &token), None).await.unwrap(), Some(token.clone()));
        assert_eq!(gate.log_in(Some(Credentials::Bearer(token)), None).await.unwrap(), None);
        let expired = issuer.token(json!({"exp": 0}));
        for answer in [
            gate.admit(&bearer(&expired), None).await.map(|_| ()),
            gate.log_in(basic("jan", &expired), None).await.map(|_| ()),
        ] {
            let answer = answer.unwrap_err();
            assert_eq!((answer.code(), answer.message()), (Code::Unauthenticated, REFUSED));
        }
    }

    #[tokio::test]
    async fn an_open_gate_lets_everybody_in_and_its_logins_are_good_for_nothing() {
        let key = SigningKey::random().unwrap();
        let open = Gate::open(key.clone());
        assert!(!open.is_shut());
        assert_eq!(open.admit(&bearer("nonsense"), None).await.unwrap(), Principal::anybody());
        let login = open.log_in(basic("a", "b"), None).await.unwrap().unwrap();
        let folder = Folder::new();
        let guarded = Gate::guarded(TokenFile::new(folder.join("tokens.json")), key).unwrap();
        assert!(guarded.admit(&bearer(&login), None).await.is_err());
    }
}
