//! An issuer for tests: it has a key, writes it into a file, and signs what it is asked to.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::Utc;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::super::secret_file::testing::Folder;
use super::algorithm::Algorithm;
use super::issuer::{IssuerSettings, KeyPlace};

pub(in crate::auth) struct TestIssuer {
    folder: Folder,
    pair: EcdsaKeyPair,
}

impl TestIssuer {
    /// An issuer whose key is named `one`.
    pub(in crate::auth) fn new() -> Self {
        let issuer = Self { folder: Folder::new(), pair: pair() };
        issuer.publish(&[issuer.jwk("one")]);
        issuer
    }

    pub(in crate::auth) fn settings(&self) -> IssuerSettings {
        IssuerSettings {
            name: "corp".to_owned(),
            issuer: "https://login.example.org".to_owned(),
            audiences: vec!["rail-forge".to_owned(), "other".to_owned()],
            key_place: KeyPlace::File(self.file()),
            principal_claim: "sub".to_owned(),
            roles_claim: Some("realm_access.roles".to_owned()),
            roles: vec!["*".to_owned()],
            claims: vec!["tenant".to_owned(), "address.country".to_owned()],
            leeway: Duration::from_secs(30),
            algorithms: Algorithm::DEFAULT.to_vec(),
            tls_ca: vec![],
            refresh_keys: Duration::from_secs(3600),
            keep_keys: Duration::from_secs(3600),
        }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.join("keys.json")
    }

    pub(super) fn publish(&self, keys: &[Value]) {
        std::fs::write(self.file(), json!({ "keys": keys }).to_string()).unwrap();
    }

    pub(super) fn jwk(&self, kid: &str) -> Value {
        // An uncompressed point: a byte that says so, and two coordinates.
        let point: &[u8] = self.pair.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
        json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y})
    }

    /// What a token says that holds, changed by the members of an object; a null removes one.
    pub(in crate::auth) fn claims(&self, changes: Value) -> Value {
        let mut claims = json!({
            "iss": "https://login.example.org",
            "aud": "rail-forge",
            "sub": "jan",
            "exp": Utc::now().timestamp() + 300,
        });
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }

    /// A token that holds but for these changes.
    pub(in crate::auth) fn token(&self, changes: Value) -> String {
        self.sign(&json!({"alg": "ES256", "kid": "one"}), &self.claims(changes))
    }

    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

fn pair() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap()
}
