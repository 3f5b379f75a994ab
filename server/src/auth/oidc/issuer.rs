//! One issuer: what it must say in a token, and what becomes of that.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rail_forge_connectors::matches_pattern;
use reqwest::Certificate;
use serde_json::Value;

use super::super::claims::Claims;
use super::super::error::AuthError;
use super::super::principal::{Principal, Recognised};
use super::address::Address;
use super::algorithm::Algorithm;
use super::claim;
use super::fetch::Fetcher;
use super::jwt::Jwt;
use super::keys::Keys;
use super::refusal::{Refusal, quoted};

/// The longest name of a principal at its issuer; a `sub` has no more (OpenID Connect Core 1.0, 2).
const LONGEST_NAME_BYTES: usize = 255;
/// What stands between the issuer's name and that of the principal. No name of an API token or of an issuer has it, so
/// that a principal of one issuer is never taken for somebody else.
const SEPARATOR: char = '/';

/// An issuer whose tokens are accepted.
#[derive(Debug, Clone)]
pub struct IssuerSettings {
    /// What its principals' names begin with.
    pub name: String,
    /// As its tokens write it.
    pub issuer: String,
    /// A token must be for one of these.
    pub audiences: Vec<String>,
    pub key_place: KeyPlace,
    /// Which claim is the principal's name.
    pub principal_claim: String,
    /// Which claim has the principal's roles.
    pub roles_claim: Option<String>,
    /// Patterns of the roles that it may give; it gives no others.
    pub roles: Vec<String>,
    /// Which claims are kept for filters of rows.
    pub claims: Vec<String>,
    /// How far clocks may differ.
    pub leeway: Duration,
    pub algorithms: Vec<Algorithm>,
    /// Trusted in place of the system's, where there are any.
    pub tls_ca: Vec<Certificate>,
    /// How often the keys are fetched.
    pub refresh_keys: Duration,
    /// How long the keys are believed when they cannot be fetched.
    pub keep_keys: Duration,
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// Where the document says that is found below the issuer's address.
    Discovery(Address),
    Address(Address),
    File(PathBuf),
}

/// Verifies the tokens of one issuer.
#[derive(Debug)]
pub(super) struct Issuer {
    settings: IssuerSettings,
    keys: Arc<Keys>,
}

impl Issuer {
    /// # Errors
    /// When its certificates cannot be used.
    pub(super) fn new(settings: IssuerSettings) -> Result<Self, AuthError> {
        let fetcher = Fetcher::new(&settings.issuer, settings.key_place.clone(), &settings.tls_ca)
            .map_err(|error| AuthError::Issuer { name: settings.name.clone(), what: error.describe() })?;
        let keys = Keys::new(&settings.name, fetcher, settings.refresh_keys, settings.keep_keys);
        Ok(Self { settings, keys: Arc::new(keys) })
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// What its tokens have as `iss`.
    pub(super) fn identifier(&self) -> &str {
        &self.settings.issuer
    }

    /// Fetches its keys, and does not end.
    pub(super) fn watch(&self) -> impl Future<Output = ()> + Send + use<> {
        Arc::clone(&self.keys).watch()
    }

    /// Whose token this is. What it says is looked at first: for one that cannot hold no key is fetched.
    ///
    /// # Errors
    /// When it does not hold.
    pub(super) async fn recognise(&self, jwt: &Jwt<'_>, now: DateTime<Utc>) -> Result<Principal, Refusal> {
        let algorithm = self.algorithm(jwt)?;
        self.check_audience(jwt)?;
        self.check_time(jwt, now)?;
        let principal = self.principal(jwt)?;
        let keys = self.keys.find(jwt.kid()?, algorithm).await?;
        let is_signed = keys.iter().any(|key| key.verifies(algorithm, jwt.signed, &jwt.signature));
        if is_signed { Ok(principal) } else { Err(Refusal::Signature) }
    }

    fn algorithm(&self, jwt: &Jwt<'_>) -> Result<Algorithm, Refusal> {
        let named = jwt.algorithm()?;
        let allowed = Algorithm::of_name(named).filter(|algorithm| self.settings.algorithms.contains(algorithm));
        allowed.ok_or_else(|| Refusal::Algorithm(quoted(named)))
    }

    fn check_audience(&self, jwt: &Jwt<'_>) -> Result<(), Refusal> {
        let shown = jwt.claims.get("aud").ok_or(Refusal::NoAudience)?;
        let is_own =
            |value: &Value| value.as_str().is_some_and(|named| self.settings.audiences.iter().any(|own| own == named));
        let is_meant = match shown {
            Value::Array(values) => values.iter().any(is_own),
            single => is_own(single),
        };
        let named = || shown.as_str().map_or_else(|| quoted(&shown.to_string()), quoted);
        if is_meant { Ok(()) } else { Err(Refusal::Audience(named())) }
    }

    fn check_time(&self, jwt: &Jwt<'_>, now: DateTime<Utc>) -> Result<(), Refusal> {
        // Both are seconds since 1970, which may have a fraction.
        let time = |name: &str| {
            jwt.claims.get(name).map(|value| value.as_f64().ok_or(Refusal::Unreadable("time"))).transpose()
        };
        let leeway = self.settings.leeway.as_secs_f64();
        let now = now.timestamp_millis() as f64 / 1_000.0;
        let expires = time("exp")?.ok_or(Refusal::NoEnd)?;
        if expires + leeway <= now {
            return Err(Refusal::Expired);
        }
        match time("nbf")? {
            Some(begins) if begins - leeway > now => Err(Refusal::NotYetValid),
            _ => Ok(()),
        }
    }

    fn principal(&self, jwt: &Jwt<'_>) -> Result<Principal, Refusal> {
        let settings = &self.settings;
        let named = claim::find(&jwt.claims, &settings.principal_claim).and_then(Value::as_str);
        let own = named
            .filter(|name| {
                !name.trim().is_empty() && name.len() <= LONGEST_NAME_BYTES && !name.contains(char::is_control)
            })
            .ok_or_else(|| Refusal::Principal(settings.principal_claim.clone()))?;
        let mut roles = match settings.roles_claim.as_ref().map(|name| (name, claim::find(&jwt.claims, name))) {
            Some((name, Some(value))) => claim::texts(name, value).ok_or_else(|| Refusal::Roles(name.clone()))?,
            Some((_, None)) | None => Default::default(),
        };
        roles.retain(|role| settings.roles.iter().any(|pattern| matches_pattern(pattern, role)));
        let kept =
            settings.claims.iter().filter_map(|name| Some((name.clone(), claim::find(&jwt.claims, name)?.clone())));
        let claims = Claims { roles, values: kept.collect() };
        let name = format!("{}{SEPARATOR}{own}", settings.name);
        Ok(Principal::new(&name, Recognised::ByIdentityProvider).with_claims(Arc::new(claims)))
    }
}
