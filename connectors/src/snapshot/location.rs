//! Where snapshots are kept: a folder of this machine, or a prefix of a bucket in an S3-compatible object
//! store. Refuses other schemes, and credentials in the address: those belong into the environment.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

const S3_SCHEME: &str = "s3://";

/// A place for snapshots, as `data_dir` names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Location {
    /// A folder, which one server at a time uses.
    Folder(PathBuf),
    /// The objects of `bucket` whose names begin with `prefix/`, or all of them when it is empty.
    S3 { bucket: String, prefix: String },
}

impl Location {
    /// The folder, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            Self::S3 { .. } => None,
        }
    }
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix(S3_SCHEME) else {
            return match text.split_once("://") {
                _ if text.is_empty() => Err("it is empty; name a folder, or s3://BUCKET/PREFIX".to_owned()),
                Some((scheme, _)) => Err(format!("{scheme}:// is not known; name a folder, or s3://BUCKET/PREFIX")),
                None => Ok(Self::Folder(text.into())),
            };
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.contains('@') {
            return Err("credentials do not belong into it; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned());
        }
        if bucket.is_empty() || bucket.contains([':', '?', '#']) {
            return Err("it names no bucket; it is written s3://BUCKET/PREFIX".to_owned());
        }
        match object_store::path::Path::parse(prefix) {
            Ok(parsed) if !prefix.starts_with('/') => {
                Ok(Self::S3 { bucket: bucket.to_owned(), prefix: parsed.to_string() })
            }
            _ => Err("its prefix has an empty part or one that is . or ..".to_owned()),
        }
    }
}

impl TryFrom<String> for Location {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(formatter),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(formatter, "{S3_SCHEME}{bucket}"),
            Self::S3 { bucket, prefix } => write!(formatter, "{S3_SCHEME}{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_buckets_are_told_apart() {
        let s3 = |bucket: &str, prefix: &str| Location::S3 { bucket: bucket.into(), prefix: prefix.into() };
        for (text, expected) in [
            ("data", Location::Folder("data".into())),
            ("/var/lib/rail-forge", Location::Folder("/var/lib/rail-forge".into())),
            ("s3://lake", s3("lake", "")),
            ("s3://lake/", s3("lake", "")),
            ("s3://lake/shop/snapshots/", s3("lake", "shop/snapshots")),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused_without_quoting_it() {
        for text in ["", "gs://lake/x", "s3://", "s3:///x", "s3://key:canary@lake/x", "s3://lake//x", "s3://lake/../x"]
        {
            let message = text.parse::<Location>().unwrap_err();
            assert!(!message.contains("canary"), "{message}");
        }
    }
}
