//! The public keys of an issuer (RFC 7517). Keys of a kind that is not known, for another use or with parts missing are
//! left out, as the RFC asks for: an issuer may have such beside the others.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;

use super::algorithm::{Algorithm, Curve, Scheme};

/// Issuers have a handful; each is tried that has the name that a token gives.
const MOST_KEYS: usize = 100;
/// What ring verifies: 2048 to 8192 bits.
const RSA_MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// What an uncompressed point begins with (SEC 1, 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// A public key.
#[derive(PartialEq, Eq)]
pub(super) struct Key {
    kid: Option<String>,
    /// The one algorithm that it is for, where its issuer says so.
    algorithm: Option<String>,
    material: Material,
}

#[derive(PartialEq, Eq)]
enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    Point { curve: Curve, bytes: Vec<u8> },
}

/// Why a document holds no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoKeys {
    #[error("it is no JSON object with a list \"keys\"")]
    Form,
    #[error("it has more than {max} keys", max = MOST_KEYS)]
    TooMany,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys of a document that can be used; there may be none.
///
/// # Errors
/// When the document is something else.
pub(super) fn read(document: &[u8]) -> Result<Vec<Key>, NoKeys> {
    let Document { keys } = serde_json::from_slice(document).map_err(|_| NoKeys::Form)?;
    if keys.len() > MOST_KEYS {
        return Err(NoKeys::TooMany);
    }
    Ok(keys.into_iter().filter_map(|value| Key::read(serde_json::from_value(value).ok()?)).collect())
}

impl Key {
    fn read(jwk: Jwk) -> Option<Self> {
        let is_for_signatures = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
            && jwk.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|name| name == "verify"));
        if !is_for_signatures {
            return None;
        }
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => rsa(jwk.n.as_deref()?, jwk.e.as_deref()?)?,
            ("EC", Some("P-256")) => point(Curve::P256, 32, &[jwk.x?, jwk.y?])?,
            ("EC", Some("P-384")) => point(Curve::P384, 48, &[jwk.x?, jwk.y?])?,
            ("OKP", Some("Ed25519")) => point(Curve::Ed25519, 32, &[jwk.x?])?,
            _ => return None,
        };
        Some(Self { kid: jwk.kid, algorithm: jwk.alg, material })
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether an algorithm is made for such a key.
    pub(super) fn is_for(&self, algorithm: Algorithm) -> bool {
        let is_of_kind = match (algorithm.scheme(), &self.material) {
            (Scheme::Rsa(_), Material::Rsa { .. }) => true,
            (Scheme::Curve(wanted, _), Material::Point { curve, .. }) => wanted == *curve,
            (Scheme::Rsa(_), Material::Point { .. }) | (Scheme::Curve(..), Material::Rsa { .. }) => false,
        };
        is_of_kind && self.algorithm.as_deref().is_none_or(|only| only == algorithm.name())
    }

    /// Whether a message was signed with the private half of this key.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let verified = match (algorithm.scheme(), &self.material) {
            _ if !self.is_for(algorithm) => return false,
            (Scheme::Rsa(parameters), Material::Rsa { modulus, exponent }) => {
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(parameters, message, signature)
            }
            (Scheme::Curve(_, verification), Material::Point { bytes, .. }) => {
                UnparsedPublicKey::new(verification, bytes).verify(message, signature)
            }
            (Scheme::Rsa(_), Material::Point { .. }) | (Scheme::Curve(..), Material::Rsa { .. }) => return false,
        };
        verified.is_ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Key").field("kid", &self.kid).finish_non_exhaustive()
    }
}

fn rsa(modulus: &str, exponent: &str) -> Option<Material> {
    // Some issuers write a zero before it, which ring does not take.
    let number = |text: &str| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Some(bytes[zeros..].to_vec())
    };
    let (modulus, exponent) = (number(modulus)?, number(exponent)?);
    RSA_MODULUS_BYTES.contains(&modulus.len()).then_some(Material::Rsa { modulus, exponent })
}

/// A point of coordinates that have so many bytes. Whether it is on the curve, ring looks at each time.
fn point(curve: Curve, bytes_of_one: usize, coordinates: &[String]) -> Option<Material> {
    let mut bytes = if curve == Curve::Ed25519 { vec![] } else { vec![UNCOMPRESSED] };
    for text in coordinates {
        let coordinate = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        if coordinate.len() != bytes_of_one {
            return None;
        }
        bytes.extend(coordinate);
    }
    Some(Material::Point { curve, bytes })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::signatures::*;
    use super::*;

    fn keys(keys: Value) -> Vec<Key> {
        read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    fn one(key: Value) -> Option<Key> {
        keys(json!([key])).pop()
    }

    fn rsa_key() -> Value {
        json!({"kty": "RSA", "kid": "r", "use": "sig", "n": RSA_MODULUS, "e": "AQAB"})
    }

    #[test]
    fn each_algorithm_verifies_what_its_key_has_signed_and_nothing_else() {
        let rsa = rsa_key();
        let p256 = json!({"kty": "EC", "crv": "P-256", "x": P256[0], "y": P256[1]});
        let p384 = json!({"kty": "EC", "crv": "P-384", "x": P384[0], "y": P384[1]});
        let edwards = json!({"kty": "OKP", "crv": "Ed25519", "x": ED25519});
        let signed = [
            (Algorithm::Rs256, &rsa, RS256),
            (Algorithm::Rs512, &rsa, RS512),
            (Algorithm::Ps256, &rsa, PS256),
            (Algorithm::Es256, &p256, ES256),
            (Algorithm::Es384, &p384, ES384),
            (Algorithm::EdDsa, &edwards, EDDSA),
        ];
        for (algorithm, of, signature) in signed {
            let key = one(of.clone()).unwrap();
            let mut signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
            assert!(key.verifies(algorithm, MESSAGE, &signature), "{algorithm:?}");
            assert!(!key.verifies(algorithm, b"a.c", &signature), "{algorithm:?}");
            assert!(!key.verifies(algorithm, MESSAGE, &signature[1..]), "{algorithm:?}");
            assert!(!key.verifies(algorithm, MESSAGE, b""), "{algorithm:?}");
            for (other, of_other, _) in signed {
                let other_key = one(of_other.clone()).unwrap();
                assert_eq!(key.verifies(other, MESSAGE, &signature), other == algorithm, "{other:?}");
                assert_eq!(other_key.verifies(algorithm, MESSAGE, &signature), other_key == key, "{other:?}");
            }
            signature[10] ^= 1;
            assert!(!key.verifies(algorithm, MESSAGE, &signature), "{algorithm:?}");
        }
        let zeros = [0; 64];
        assert!(!one(p256).unwrap().verifies(Algorithm::Es256, MESSAGE, &zeros));
        assert!(!one(edwards).unwrap().verifies(Algorithm::EdDsa, MESSAGE, &zeros));
    }

    #[test]
    fn a_zero_before_the_modulus_means_nothing() {
        let mut modulus = BASE64_URL_SAFE_NO_PAD.decode(RSA_MODULUS).unwrap();
        modulus.insert(0, 0);
        let key = one(json!({"kty": "RSA", "n": BASE64_URL_SAFE_NO_PAD.encode(modulus), "e": "AAEAAQ"})).unwrap();
        assert!(key.verifies(Algorithm::Rs256, MESSAGE, &BASE64_URL_SAFE_NO_PAD.decode(RS256).unwrap()));
    }

    #[test]
    fn a_key_says_what_it_is_for() {
        let mut key = rsa_key();
        key["alg"] = json!("RS512");
        let key = one(key).unwrap();
        assert!(key.is_for(Algorithm::Rs512) && !key.is_for(Algorithm::Rs256) && !key.is_for(Algorithm::Es256));
        assert_eq!(key.kid(), Some("r"));
        for (name, value) in [("use", json!("enc")), ("key_ops", json!(["encrypt"])), ("key_ops", json!("verify"))] {
            let mut key = rsa_key();
            key[name] = value;
            assert_eq!(one(key), None, "{name}");
        }
    }

    #[test]
    fn other_keys_are_left_out_and_other_documents_refused() {
        let others = json!([
            {"kty": "oct", "k": "c2VjcmV0"},
            {"kty": "EC", "crv": "secp256k1", "x": P256[0], "y": P256[1]},
            {"kty": "EC", "crv": "P-384", "x": P256[0], "y": P256[1]},
            {"kty": "EC", "crv": "P-256", "x": P256[0]},
            {"kty": "OKP", "crv": "X25519", "x": ED25519},
            {"kty": "RSA", "n": &RSA_MODULUS[..170], "e": "AQAB"},
            {"kty": "RSA", "n": "not base64!", "e": "AQAB"},
            {"kty": 1},
            "key",
            rsa_key(),
        ]);
        assert_eq!(keys(others), [one(rsa_key()).unwrap()]);
        assert!(keys(json!([])).is_empty());
        for wrong in ["", "[]", "{}", r#"{"keys": {}}"#, "<html>", r#"{"keys": []} x"#] {
            assert_eq!(read(wrong.as_bytes()), Err(NoKeys::Form), "{wrong}");
        }
        let many = json!({"keys": vec![rsa_key(); MOST_KEYS + 1]}).to_string();
        assert_eq!(read(many.as_bytes()), Err(NoKeys::TooMany));
    }
}
