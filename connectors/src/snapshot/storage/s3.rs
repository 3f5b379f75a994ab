//! A client for S3 and what speaks its protocol. Everything but the bucket comes from the environment, as
//! with Amazon's own tools: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`,
//! `AWS_ENDPOINT_URL`, and `AWS_ALLOW_HTTP` for endpoints without TLS.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::SpawnedReqwestConnector;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};
use tokio::runtime::Handle;

use super::object::{ObjectStorage, path};
use super::object_error::{describe, stopping};
use crate::error::{Error, Result};

/// How long a connection may take; S3 answers in milliseconds, a host that drops packets never does.
const CONNECT_TIMEOUT: &str = "5s";
/// How long one request may take with its body: a part of 8 MiB at a megabit a second.
const REQUEST_TIMEOUT: &str = "60s";
/// How often a request is tried again after an answer 5xx or 429 or a connection that was refused, and until
/// when. With the waits below, an object store may be away for about ten seconds before anybody sees it.
const MAX_RETRIES: usize = 7;
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
/// A wait lies between the first of these and the one before it times the factor, by chance, up to the last.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(5);
const RETRY_FACTOR: f64 = 3.0;

/// Opens a prefix of a bucket, and makes sure that it can be written as commits need it.
///
/// # Errors
/// [`Error::Storage`] when it cannot be reached, or does not keep what is there.
pub(super) fn open(bucket: &str, prefix: &str, name: &str) -> Result<ObjectStorage> {
    let failed = Error::storage("cannot open", name);
    let opened = Handle::try_current().map_err(|_| stopping()).and_then(|runtime| {
        let storage = ObjectStorage::new(connect(bucket, prefix, &runtime)?, name.to_owned(), runtime);
        storage.check_conditional_writes()?;
        Ok(storage)
    });
    opened.map_err(failed)
}

/// Requests run on `runtime`, wherever they are made: the threads that compute queries do no input or output.
fn connect(bucket: &str, prefix: &str, runtime: &Handle) -> io::Result<Arc<dyn ObjectStore>> {
    let builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::ConnectTimeout), CONNECT_TIMEOUT)
        .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), REQUEST_TIMEOUT)
        .with_retry(RetryConfig {
            backoff: BackoffConfig { init_backoff: FIRST_RETRY, max_backoff: LAST_RETRY, base: RETRY_FACTOR },
            max_retries: MAX_RETRIES,
            retry_timeout: RETRY_TIMEOUT,
        })
        .with_http_connector(SpawnedReqwestConnector::new(runtime.clone()));
    check_encryption(&builder)?;
    let store = builder.build().map_err(|error| describe(&error))?;
    Ok(Arc::new(PrefixStore::new(store, path(prefix))))
}

/// Refuses an endpoint without TLS unless it is asked for, rather than fail at every request.
fn check_encryption(builder: &AmazonS3Builder) -> io::Result<()> {
    let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint];
    let endpoint = endpoint.iter().find_map(|key| builder.get_config_value(key));
    let allowed = builder.get_config_value(&AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
    let refused = ["", "0", "false", "off", "no", "n"].contains(&allowed.unwrap_or_default().to_lowercase().as_str());
    if endpoint.is_some_and(|url| url.starts_with("http://")) && refused {
        return Err(io::Error::other("AWS_ENDPOINT_URL has no TLS; set AWS_ALLOW_HTTP=true on a trusted network"));
    }
    Ok(())
}
