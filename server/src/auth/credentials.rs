//! What a client shows, as the kinds of clients write it.

use arrow_flight::BasicAuth;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use prost::Message;

/// Where clients of the older handshake put what it has answered.
const OLDER_HEADER: &str = "auth-token-bin";
/// Go's client leaves the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a client shows. It holds secrets, and so it cannot be printed.
#[derive(PartialEq, Eq)]
pub enum Credentials {
    /// A token or a login.
    Bearer(String),
    /// A user name and a password.
    Basic { user: String, password: String },
    /// Something else.
    Malformed,
}

impl Credentials {
    /// What the headers of a call show; `None` when they show nothing.
    pub fn of_headers(headers: &HeaderMap) -> Option<Self> {
        match (headers.get(AUTHORIZATION), headers.get(OLDER_HEADER)) {
            (Some(value), _) => Some(value.to_str().ok().and_then(of_authorization).unwrap_or(Self::Malformed)),
            (None, Some(value)) => Some(decode(value.as_bytes()).map_or(Self::Malformed, Self::Bearer)),
            (None, None) => None,
        }
    }

    /// What the first message of the older handshake shows.
    pub fn of_payload(payload: &[u8]) -> Self {
        match BasicAuth::decode(payload) {
            Ok(BasicAuth { username, password }) => Self::Basic { user: username, password },
            Err(_) => Self::Malformed,
        }
    }
}

fn of_authorization(value: &str) -> Option<Credentials> {
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Credentials::Bearer(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let (user, password) =
        decode(rest.as_bytes())?.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))?;
    Some(Credentials::Basic { user, password })
}

fn decode(text: &[u8]) -> Option<String> {
    String::from_utf8(BASE64.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: &'static str, value: &str) -> Option<Credentials> {
        let mut headers = HeaderMap::new();
        headers.insert(header, value.parse().unwrap());
        Credentials::of_headers(&headers)
    }

    fn basic(user: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::Basic { user: user.to_owned(), password: password.to_owned() })
    }

    #[test]
    fn every_clients_way_of_writing_is_read() {
        let bearer = || Some(Credentials::Bearer("rf_1".to_owned()));
        assert!(of("authorization", "Bearer rf_1") == bearer());
        assert!(of("authorization", "bearer  rf_1 ") == bearer());
        assert!(of("auth-token-bin", "cmZfMQ==") == bearer());
        assert!(of("auth-token-bin", "cmZfMQ") == bearer());
        assert!(of("authorization", "Basic YTpiOmM=") == basic("a", "b:c"));
        assert!(of("authorization", "BASIC YTpiOmM") == basic("a", "b:c"));
        let message = BasicAuth { username: "a".to_owned(), password: "b".to_owned() }.encode_to_vec();
        assert!(Some(Credentials::of_payload(&message)) == basic("a", "b"));
    }

    #[test]
    fn any_header_shows_something() {
        for seed in 0..20_000 {
            let mut chance = fastrand::Rng::with_seed(seed);
            let random: Vec<u8> = (0..chance.usize(..40)).map(|_| chance.u8(..)).collect();
            let begins = ["", "Bearer ", "Basic ", "basic  ", "Basic"][chance.usize(..5)];
            let header = if chance.bool() { "authorization" } else { OLDER_HEADER };
            let rest = if chance.bool() { BASE64.encode(&random).into_bytes() } else { random.clone() };
            if let Ok(value) = http::HeaderValue::from_bytes(&[begins.as_bytes(), &rest].concat()) {
                let mut headers = HeaderMap::new();
                headers.insert(header, value);
                assert!(Credentials::of_headers(&headers).is_some(), "seed {seed}");
            }
            if let Credentials::Basic { user, password } = Credentials::of_payload(&random) {
                let message = BasicAuth { username: user.clone(), password: password.clone() }.encode_to_vec();
                assert!(Some(Credentials::of_payload(&message)) == basic(&user, &password), "seed {seed}");
            }
        }
    }

    #[test]
    fn nothing_is_something_else_than_nonsense() {
        assert!(Credentials::of_headers(&HeaderMap::new()).is_none());
        for wrong in ["", "Bearer", "rf_1", "Basic ?", "Basic YWI=", "Digest x", "Basic"] {
            assert!(of("authorization", wrong) == Some(Credentials::Malformed), "{wrong}");
        }
        assert!(Credentials::of_payload(b"\xff") == Credentials::Malformed);
    }
}
