//! Stands in for the `redshift-iam` crate in this build.
//!
//! ConnectorX's `src_postgres` feature always depends on `redshift-iam`, and that brings the AWS SDK
//! (about 150 crates and a C build) along. ConnectorX calls it in one place, its URL router, for URLs
//! of the scheme `redshift-iam://`. RailForge never uses that router, so nothing here runs.
//! See `docs/decisions/0002-build-time.md`.

use url::Url;

/// Refuses what the real crate does: the URL comes back as it was, and its scheme
/// (`redshift-iam`) is one that no PostgreSQL client accepts.
pub fn redshift_to_postgres(connection_uri: impl Into<Url>) -> Url {
    connection_uri.into()
}
