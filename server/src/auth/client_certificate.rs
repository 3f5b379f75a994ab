//! Principals that show a certificate, which the listener has verified. The common name of its subject is the name, and
//! so whoever signs certificates decides who is who: the authority has to be one that signs for this alone. Refused: a
//! certificate without exactly one common name, a name that no token could have, and one that has expired since its
//! connection was made.

use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use tonic::Status;
use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Tag, Tagged};

use super::principal::{Principal, Recognised};
use super::token::TokenName;

/// id-at-commonName (RFC 5280, appendix A).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

const NAMELESS: &str = "the server does not know who is calling: the subject of the client's certificate has to have \
                        one common name, of at most 64 letters, digits and . _ @ -";
const EXPIRED: &str = "the client's certificate has expired since it connected: connect again with a new one";

/// What a certificate says of a client.
#[derive(Debug)]
pub struct ClientCertificate {
    name: Option<TokenName>,
    /// `None` when it cannot be read, which is as good as expired.
    ends: Option<SystemTime>,
}

impl ClientCertificate {
    /// Reads a certificate that has been verified.
    pub fn read(certificate: &CertificateDer<'_>) -> Self {
        match Certificate::from_der(certificate) {
            Ok(certificate) => Self {
                name: name_of(&certificate),
                ends: Some(certificate.tbs_certificate.validity.not_after.to_system_time()),
            },
            Err(error) => {
                tracing::debug!(%error, "a client's certificate cannot be read");
                Self { name: None, ends: None }
            }
        }
    }

    /// Whom it names.
    ///
    /// # Errors
    /// Unauthenticated, when it names nobody or has expired.
    pub(super) fn principal(&self, now: SystemTime) -> Result<Principal, Status> {
        let name = self.name.as_ref().ok_or_else(|| Status::unauthenticated(NAMELESS))?;
        if self.ends.is_none_or(|ends| ends <= now) {
            return Err(Status::unauthenticated(EXPIRED));
        }
        Ok(Principal::new(name.as_str(), Recognised::ByCertificate))
    }
}

/// The one common name, if a token could have it: names of all kinds of principals follow the same rules.
fn name_of(certificate: &Certificate) -> Option<TokenName> {
    let subject = certificate.tbs_certificate.subject.0.iter();
    let mut names = subject.flat_map(|part| part.0.iter()).filter(|attribute| attribute.oid == COMMON_NAME);
    let (Some(name), None) = (names.next(), names.next()) else { return None };
    // What TokenName allows is ASCII, which is the same in these.
    let is_text =
        matches!(name.value.tag(), Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::TeletexString);
    std::str::from_utf8(name.value.value()).ok().filter(|_| is_text)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use tonic::Code;

    use super::*;

    // Made by openssl req -x509 -subj NAME -outform DER.
    /// /O=Shop/CN=jan@example.org
    const JAN: &str = "MIIBpzCCAU2gAwIBAgIUZKwm0nvO2Ngls2f5Bk2MP1KbC/UwCgYIKoZIzj0EAwIwKTENMAsGA1UECgwEU2hvcDEYMBYGA1UEAwwP\
        amFuQGV4YW1wbGUub3JnMB4XDTI2MTEyOTE4MDgzNFoXDTM2MTEyNjE4MDgzNFowKTENMAsGA1UECgwEU2hvcDEYMBYGA1UEAwwP\
        amFuQGV4YW1wbGUub3JnMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEs1fZsecLskbsIHY0fxm/4O5m6DrBFC9MSt4bmy5ejtNG\
        Xg3QdVGKdrhbokpdUaYdCb88Eq1QmeIZ0h1RAQGMVqNTMFEwHQYDVR0OBBYEFPAnUZDVAbX97I9K3bcOSm8hpJPiMB8GA1UdIwQY\
        MBaAFPAnUZDVAbX97I9K3bcOSm8hpJPiMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAMX/QkOP8gjASAezyr+T\
        lc5mPxoNecpKrursygV+vrGwAiAMFa14lTt9LTWxnja57AhUWvtdSMzDjgnHCm5BIfQroQ==";
    /// /CN=a/CN=b
    const TWO_NAMES: &str = "MIIBhDCCASugAwIBAgIUGaM9WQ1kym6biP48scgf/rJBMg0wCgYIKoZIzj0EAwIwGDEKMAgGA1UEAwwBYTEKMAgGA1UEAwwBYjAe\
        Fw0yNjExMjkxODA4MzRaFw0zNjExMjYxODA4MzRaMBgxCjAIBgNVBAMMAWExCjAIBgNVBAMMAWIwWTATBgcqhkjOPQIBBggqhkjO\
        PQMBBwNCAASyerQD08hRxQAMkzc2oOWtWGBhMI6ATsY4Gq8BQ8m69qOxBKZZ5+v3G7+uAECbYeNayoKos/i7uH7nkMhdZiQ2o1Mw\
        UTAdBgNVHQ4EFgQUm+E/UO7AHTwN0vSH+RXKmcRYz5QwHwYDVR0jBBgwFoAUm+E/UO7AHTwN0vSH+RXKmcRYz5QwDwYDVR0TAQH/\
        BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBLenoLsnwKlI3iffaz2ncK0c1OkLOkffqFv4c51LsfuAIgab1RPYaZlB6Y7BS+vr2C\
        AYYXUb6GDC1Wjg7eejJBFV0=";
    /// /CN=a b
    const OTHER_NAME: &str = "MIIBcTCCARegAwIBAgIUJCoP3cD824yCavfsrV60/kkHSDUwCgYIKoZIzj0EAwIwDjEMMAoGA1UEAwwDYSBiMB4XDTI2MTEyOTE4\
        MDgzNFoXDTM2MTEyNjE4MDgzNFowDjEMMAoGA1UEAwwDYSBiMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEew0La4Y2aWexsmAe\
        MnUMFi70ot6pfpDNvexN16r24+65QqqKkToYBISpS7imB9dnS5D19s3+ZDe8Ma8tdsVyI6NTMFEwHQYDVR0OBBYEFHptfBWRGyh/\
        5jhSDbOqAo19SF2jMB8GA1UdIwQYMBaAFHptfBWRGyh/5jhSDbOqAo19SF2jMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwID\
        SAAwRQIgcF2VM6IIVZkQ9vpZDx4zXJ4RbPTQk16IEEaon6uIgeYCIQDO1Fm0evXRfJOPB5wCcEHxPymCZeHNwqxjwgWpz/uy8Q==";
    /// /O=Shop
    const NO_NAME: &str = "MIIBczCCARmgAwIBAgIUS2jtPCpVuDu6t7mMtflRmuDxPr4wCgYIKoZIzj0EAwIwDzENMAsGA1UECgwEU2hvcDAeFw0yNjExMjkx\
        ODA4MzRaFw0zNjExMjYxODA4MzRaMA8xDTALBgNVBAoMBFNob3AwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARyELgX5ewpHxHv\
        ti70+KALkSJlIdkEslrnMiCw0xMcNwwQI9MdZuqtOFqhNvUfbPluNJRtxD8RatFBCYUHze8Ho1MwUTAdBgNVHQ4EFgQURVgLhvjw\
        FjuvezVUbv4R9pgR3wUwHwYDVR0jBBgwFoAURVgLhvjwFjuvezVUbv4R9pgR3wUwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQD\
        AgNIADBFAiEAgAmq/Hu5nF/JQNHpRkAQ6mOCLvMbdAJ4+SWMRwI5oFYCIG3j+RBIM2wHAZgpBVp0W5GC8GCROSzGvAnR2Yj0JE2D";

    fn read(text: &str) -> ClientCertificate {
        ClientCertificate::read(&BASE64_STANDARD.decode(text).unwrap().into())
    }

    #[test]
    fn the_common_name_is_the_principal_until_the_certificate_ends() {
        let certificate = read(JAN);
        let ends = certificate.ends.unwrap();
        let principal = certificate.principal(ends - Duration::from_secs(1)).unwrap();
        assert_eq!(principal.to_string(), "jan@example.org (certificate)");
        let refused = certificate.principal(ends).unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::Unauthenticated, EXPIRED));
    }

    #[test]
    fn who_has_no_name_of_a_principal_or_several_is_nobody() {
        for text in [TWO_NAMES, OTHER_NAME, NO_NAME, "AAAA", ""] {
            let refused = read(text).principal(SystemTime::UNIX_EPOCH).unwrap_err();
            assert_eq!((refused.code(), refused.message()), (Code::Unauthenticated, NAMELESS));
        }
    }
}
