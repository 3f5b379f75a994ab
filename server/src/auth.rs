//! Who calls. Every call of the Flight listener but the handshake and health checks names its principal or is refused,
//! whatever service it is for: by an API token, by a login that was got for one, by a token of an identity provider, or by
//! the certificate of its connection. An operator who wants none of these has to say so, and then the listener has to be
//! on a loopback address.

mod attempts;
mod claims;
mod client_certificate;
mod credentials;
mod error;
mod gate;
mod hash;
mod layer;
mod logins;
mod oidc;
mod principal;
mod secret_file;
mod signing_key;
mod token;
mod token_file;
mod tokens;

pub use claims::Claims;
pub use client_certificate::ClientCertificate;
pub use credentials::Credentials;
pub use error::AuthError;
pub use gate::Gate;
pub use layer::AuthenticationLayer;
pub use oidc::{Address, Algorithm, IdentityProviders, IssuerSettings, KeyPlace};
pub use principal::Principal;
pub use signing_key::{Purpose, SIGNATURE_BYTES, SigningKey};
pub use token::TokenName;
pub use token_file::{TokenFile, TokenRecord};
