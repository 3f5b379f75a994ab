//! Fetching the keys of an issuer: by discovery, from an address, or from a file. What is fetched is bounded in size
//! and time, and a redirection is an error: the address that the operator has named is the one that is believed.

use std::error::Error;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::{Certificate, Client, StatusCode, redirect};
use serde::Deserialize;

use super::address::Address;
use super::issuer::KeyPlace;
use super::jwk::{self, Key, NoKeys};
use super::refusal::quoted;

/// Documents with keys have a few KiB.
const MAX_DOCUMENT_BYTES: u64 = 256 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long everything may take together. A call with a new key waits for that.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why the keys cannot be had. It is for the log of the operator, who knows the addresses.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error(transparent)]
    Request(#[from] reqwest::Error),
    #[error("{address} answers with {status}; an answer of 200 is needed, and redirections are not followed")]
    Status { address: Address, status: StatusCode },
    #[error("{place} has more than {max} bytes", max = MAX_DOCUMENT_BYTES)]
    TooLarge { place: String },
    #[error("{address} is no JSON object with \"issuer\" and \"jwks_uri\"")]
    NoDiscovery { address: Address },
    #[error("{address} is the document of the issuer {issuer}, which is not the one that is configured")]
    OtherIssuer {
        address: Address,
        /// As the log may have it: it can be as long as the document.
        issuer: String,
    },
    #[error("{address} names an address of keys that is refused: {what}")]
    KeyAddress { address: Address, what: String },
    #[error("{place} holds no keys: {cause}")]
    NoKeys { place: String, cause: NoKeys },
    #[error("cannot read {}", .path.display())]
    File {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("there was no whole answer within {} s", TIMEOUT.as_secs())]
    TooSlow,
}

impl FetchError {
    /// The whole chain on one line.
    pub(super) fn describe(&self) -> String {
        let mut text = self.to_string();
        let mut next = self.source();
        while let Some(cause) = next {
            let said = cause.to_string();
            if !text.ends_with(&said) {
                text = format!("{text}: {said}");
            }
            next = cause.source();
        }
        text
    }
}

/// What an issuer says of itself (OpenID Connect Discovery 1.0, 3), as far as it matters here.
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

/// Fetches the keys of one issuer.
#[derive(Debug)]
pub(super) struct Fetcher {
    /// As tokens write it.
    issuer: String,
    place: KeyPlace,
    client: Client,
}

impl Fetcher {
    /// `tls_ca` takes the place of the certificates that the system trusts.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub(super) fn new(issuer: &str, place: KeyPlace, tls_ca: &[Certificate]) -> Result<Self, FetchError> {
        let mut builder = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none())
            .referer(false)
            .pool_max_idle_per_host(0)
            .user_agent(concat!("rail-forge/", env!("CARGO_PKG_VERSION")));
        if !tls_ca.is_empty() {
            builder = builder.tls_built_in_root_certs(false);
        }
        for certificate in tls_ca {
            builder = builder.add_root_certificate(certificate.clone());
        }
        let first = match &place {
            KeyPlace::Discovery(address) | KeyPlace::Address(address) => Some(address),
            KeyPlace::File(_) => None,
        };
        if first.is_some_and(|address| !address.is_encrypted()) {
            // What does not leave the machine does not go through a proxy.
            builder = builder.no_proxy();
        }
        Ok(Self { issuer: issuer.to_owned(), place, client: builder.build()? })
    }

    /// The keys that the issuer has now.
    ///
    /// # Errors
    /// When they cannot be had, or are not understood.
    pub(super) async fn fetch(&self) -> Result<Vec<Key>, FetchError> {
        tokio::time::timeout(TIMEOUT, self.fetch_slowly()).await.map_err(|_| FetchError::TooSlow)?
    }

    async fn fetch_slowly(&self) -> Result<Vec<Key>, FetchError> {
        let (document, place) = match &self.place {
            KeyPlace::Discovery(issuer) => {
                let address = self.discover(&issuer.discovery()).await?;
                (self.get(&address).await?, address.to_string())
            }
            KeyPlace::Address(address) => (self.get(address).await?, address.to_string()),
            KeyPlace::File(path) => (read(path).await?, path.display().to_string()),
        };
        jwk::read(&document).map_err(|cause| FetchError::NoKeys { place, cause })
    }

    /// Where the keys are, by the issuer's own document. Only the issuer that is configured may say so.
    async fn discover(&self, address: &Address) -> Result<Address, FetchError> {
        let document = self.get(address).await?;
        let Discovered { issuer, jwks_uri } =
            serde_json::from_slice(&document).map_err(|_| FetchError::NoDiscovery { address: address.clone() })?;
        if issuer != self.issuer {
            return Err(FetchError::OtherIssuer { address: address.clone(), issuer: quoted(&issuer) });
        }
        let refused = |what| FetchError::KeyAddress { address: address.clone(), what };
        let of_keys = jwks_uri.parse::<Address>().map_err(refused)?;
        if address.is_encrypted() && !of_keys.is_encrypted() {
            return Err(refused("it has no TLS".to_owned()));
        }
        Ok(of_keys)
    }

    async fn get(&self, address: &Address) -> Result<Vec<u8>, FetchError> {
        let mut response = self.client.get(address.url().clone()).header(ACCEPT, "application/json").send().await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status { address: address.clone(), status: response.status() });
        }
        let mut document = vec![];
        while let Some(chunk) = response.chunk().await? {
            if (document.len() + chunk.len()) as u64 > MAX_DOCUMENT_BYTES {
                return Err(FetchError::TooLarge { place: address.to_string() });
            }
            document.extend_from_slice(&chunk);
        }
        Ok(document)
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, FetchError> {
    let of_thread = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        let mut document = vec![];
        std::fs::File::open(of_thread)?.take(MAX_DOCUMENT_BYTES + 1).read_to_end(&mut document)?;
        Ok::<_, io::Error>(document)
    });
    // A thread that has not come to it is one of a server that is stopping.
    let read = reading.await.map_err(io::Error::other).flatten();
    let document = read.map_err(|cause| FetchError::File { path: path.to_owned(), cause })?;
    if document.len() as u64 > MAX_DOCUMENT_BYTES {
        return Err(FetchError::TooLarge { place: path.display().to_string() });
    }
    Ok(document)
}
