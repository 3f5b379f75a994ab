//! The cookie that names a client's session. Its name and form are those of Arrow's own servers, and it has no
//! attributes but its end: cookie jars of Flight clients tell cookies apart by name and path.

use tonic::metadata::{AsciiMetadataValue, MetadataMap};

use super::random_id::RandomId;

const NAME: &str = "arrow_flight_session_id";
/// How clients send cookies.
const COOKIE: &str = "cookie";
/// How they are given cookies.
const SET_COOKIE: &str = "set-cookie";

/// The text by which a client names its session, whatever it says. There may be other cookies, of proxies, and
/// HTTP/2 may send each in a header of its own.
pub(super) fn named(headers: &MetadataMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(name, value)| (name == NAME).then_some(value))
}

/// Has the client name the session from now on.
pub(super) fn give(headers: &mut MetadataMap, id: RandomId) {
    set(headers, &format!("{NAME}={id}"));
}

/// Has the client forget its session.
pub(super) fn take_back(headers: &mut MetadataMap) {
    set(headers, &format!("{NAME}=closed; Max-Age=0"));
}

fn set(headers: &mut MetadataMap, cookie: &str) {
    // Of letters, digits and signs that every header may have.
    if let Ok(cookie) = cookie.parse::<AsciiMetadataValue>() {
        headers.append(SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = MetadataMap::new();
        assert_eq!(named(&headers), None);
        headers.append(COOKIE, "balancer=3; arrow_flight_session_id_2=x".parse().unwrap());
        assert_eq!(named(&headers), None);
        headers.append(COOKIE, "a=b;arrow_flight_session_id=c0ffee; d=e".parse().unwrap());
        assert_eq!(named(&headers), Some("c0ffee"));
    }

    #[test]
    fn what_is_given_is_what_is_named() {
        let (id, mut answer) = (RandomId::new().unwrap(), MetadataMap::new());
        give(&mut answer, id);
        let mut headers = MetadataMap::new();
        headers.append(COOKIE, answer.get(SET_COOKIE).unwrap().clone());
        assert_eq!(named(&headers).and_then(RandomId::from_text), Some(id));
        take_back(&mut answer);
        assert_eq!(answer.get_all(SET_COOKIE).iter().count(), 2);
    }
}
