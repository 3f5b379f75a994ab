//! A signed token as it is written (RFC 7519 in the compact form of RFC 7515), taken apart. Nothing that it says is
//! true before its signature is verified: until then it only says whose key to try. Keys and addresses of keys that a
//! token brings along are never looked at.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::refusal::{Refusal, quoted};

/// The longest token. They come with every call, and those of the largest providers have some 4 KiB.
pub(super) const MAX_TOKEN_BYTES: usize = 16 << 10;
/// Types of tokens to call with, of RFC 7519 and RFC 9068. Others are for something else, such as logging out.
const TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// A token that has the form of one. It holds what people may not want to see in a log, and so it cannot be printed.
pub(super) struct Jwt<'a> {
    header: Map<String, Value>,
    pub(super) claims: Map<String, Value>,
    /// What is signed.
    pub(super) signed: &'a [u8],
    pub(super) signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLong);
        }
        let unreadable = |what| move || Refusal::Unreadable(what);
        let (signed, signature) = text.rsplit_once('.').ok_or_else(unreadable("form"))?;
        let (header, claims) = signed.split_once('.').ok_or_else(unreadable("form"))?;
        let header = object(header).ok_or_else(unreadable("header"))?;
        check_type(&header)?;
        // What an extension means must be understood (RFC 7515, 4.1.11).
        if header.contains_key("crit") {
            return Err(Refusal::Extensions);
        }
        Ok(Self {
            header,
            claims: object(claims).ok_or_else(unreadable("claims"))?,
            signed: signed.as_bytes(),
            signature: BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refusal::Unreadable("signature"))?,
        })
    }

    /// Who it says has signed it.
    pub(super) fn issuer(&self) -> Result<&str, Refusal> {
        self.claims.get("iss").and_then(Value::as_str).ok_or(Refusal::Unreadable("issuer (iss)"))
    }

    /// The name of the algorithm that it says it is signed with.
    pub(super) fn algorithm(&self) -> Result<&str, Refusal> {
        self.header.get("alg").and_then(Value::as_str).ok_or(Refusal::Unreadable("algorithm (alg)"))
    }

    /// The name of the key that it says it is signed with.
    pub(super) fn kid(&self) -> Result<Option<&str>, Refusal> {
        let kid = self.header.get("kid");
        kid.map(|kid| kid.as_str().ok_or(Refusal::Unreadable("key's name (kid)"))).transpose()
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn check_type(header: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(named) = header.get("typ") else { return Ok(()) };
    let lower = named.as_str().ok_or(Refusal::Unreadable("type (typ)"))?.to_ascii_lowercase();
    // Media types may be written without their first part.
    let short = lower.strip_prefix("application/").unwrap_or(&lower);
    if TYPES.contains(&short) { Ok(()) } else { Err(Refusal::Type(quoted(&lower))) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn part(value: &Value) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
    }

    fn refusal(text: &str) -> Option<Refusal> {
        Jwt::parse(text).err()
    }

    #[test]
    fn the_parts_are_read() {
        let text = format!("{}.{}.AQI", part(&json!({"alg": "x", "kid": "k"})), part(&json!({"iss": "i", "a": 1})));
        let jwt = Jwt::parse(&text).ok().unwrap();
        assert_eq!((jwt.algorithm(), jwt.kid(), jwt.issuer()), (Ok("x"), Ok(Some("k")), Ok("i")));
        assert_eq!(jwt.claims.get("a"), Some(&json!(1)));
        assert_eq!((jwt.signed, &jwt.signature[..]), (&text.as_bytes()[..text.len() - 4], &[1, 2][..]));
        let text = format!("{}.{}.", part(&json!({"alg": 1, "kid": 1})), part(&json!({"iss": ["i"]})));
        let jwt = Jwt::parse(&text).ok().unwrap();
        assert!(jwt.algorithm().is_err() && jwt.kid().is_err() && jwt.issuer().is_err());
    }

    #[test]
    fn types_are_those_of_tokens_to_call_with() {
        let with = |typ: Value| refusal(&format!("{}.{}.AQI", part(&json!({"typ": typ})), part(&json!({}))));
        for good in ["JWT", "jwt", "at+jwt", "application/at+jwt", "application/JWT"] {
            assert_eq!(with(json!(good)), None, "{good}");
        }
        for wrong in [json!("logout+jwt"), json!("dpop+jwt"), json!(""), json!(1), json!(null)] {
            assert!(with(wrong.clone()).is_some(), "{wrong}");
        }
    }

    #[test]
    fn what_has_another_form_is_refused() {
        let (header, claims) = (part(&json!({"alg": "RS256"})), part(&json!({"iss": "i"})));
        let deep = BASE64_URL_SAFE_NO_PAD.encode("[".repeat(5_000));
        for (text, expected) in [
            (String::new(), Refusal::Unreadable("form")),
            (format!("{header}.{claims}"), Refusal::Unreadable("form")),
            (format!("{header}.{claims}.AQI.AQI"), Refusal::Unreadable("claims")),
            (format!("{header}=.{claims}.AQI"), Refusal::Unreadable("header")),
            (format!("{deep}.{claims}.AQI"), Refusal::Unreadable("header")),
            (format!("{header}.{deep}.AQI"), Refusal::Unreadable("claims")),
            (format!("{}.{claims}.AQI", part(&json!(["RS256"]))), Refusal::Unreadable("header")),
            (format!("{header}.{claims}.A"), Refusal::Unreadable("signature")),
            (format!("{}.{claims}.AQI", part(&json!({"crit": ["b64"], "b64": false}))), Refusal::Extensions),
            (format!("{header}.{claims}.{}", "A".repeat(MAX_TOKEN_BYTES)), Refusal::TooLong),
        ] {
            assert_eq!(refusal(&text), Some(expected), "{text:.100}");
        }
    }
}
