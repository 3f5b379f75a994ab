//! Decides whether a server's certificate will do, by as much as `sslmode` asks for. rustls by itself always
//! checks everything; libpq's weaker modes need this.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// What is checked about a server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checks {
    /// Nothing, for `allow`, `prefer` and `require`: they keep what is sent from those who only listen, and are
    /// documented not to protect from a server in the middle. `allow` and `prefer` could not: whoever is in the
    /// middle just says that there is no TLS.
    Nothing,
    /// That an authority we trust has signed it, for `verify-ca`.
    Chain,
    /// That, and that it is for the host we asked for, for `verify-full`.
    ChainAndName,
}

/// Whom we trust.
#[derive(Debug)]
pub(super) struct Authorities {
    pub(super) anchors: RootCertStore,
    /// The certificates of the operator's file. The server's own may be among them, as it is where somebody has
    /// made a self-signed one: OpenSSL takes it, while rustls refuses an authority's certificate as a server's.
    pub(super) listed: Vec<CertificateDer<'static>>,
}

/// A verifier of servers' certificates.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    pub(super) checks: Checks,
    pub(super) authorities: Authorities,
    pub(super) provider: Arc<CryptoProvider>,
}

impl ServerVerifier {
    fn verify_chain(
        &self,
        certificate: &CertificateDer<'_>,
        parsed: &ParsedCertificate<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let anchors = &self.authorities.anchors;
        match verify_server_cert_signed_by_trust_anchor(parsed, anchors, intermediates, now, algorithms) {
            // The dates are checked before anything else, and hold for a listed certificate too.
            Err(Error::InvalidCertificate(error)) if !is_about_dates(&error) && self.lists(certificate) => Ok(()),
            result => result,
        }
    }

    fn lists(&self, certificate: &CertificateDer<'_>) -> bool {
        self.authorities.listed.iter().any(|listed| listed.as_ref() == certificate.as_ref())
    }
}

fn is_about_dates(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    )
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.checks != Checks::Nothing {
            let parsed = ParsedCertificate::try_from(end_entity)?;
            self.verify_chain(end_entity, &parsed, intermediates, now)?;
            if self.checks == Checks::ChainAndName {
                verify_server_name(&parsed, server_name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    // In every mode the server proves that it has the key of the certificate that it shows.

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
