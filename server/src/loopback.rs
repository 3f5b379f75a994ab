//! Whether what is sent to a host stays on this one. Where it does not, secrets are not sent without TLS and keys are not
//! believed without it, so that the question has one answer. Names are not looked up: whoever answers for a name could
//! lie, and only `localhost` is taken for what it says (RFC 6761, 6.3).

use std::net::IpAddr;

/// Whether the host of a URL, an address of IPv6 in brackets, is a loopback address.
pub fn is_loopback(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_host_is_loopback() {
        for here in ["127.0.0.1", "127.9.9.9", "[::1]", "::1", "[::ffff:127.0.0.1]", "localhost", "LocalHost"] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in [
            "",
            "0.0.0.0",
            "[::]",
            "192.0.2.1",
            "127.0.0.1.example.org",
            "localhost.example.org",
            "127.1",
            "localhost.",
        ] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
