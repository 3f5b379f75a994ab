//! A source on the command line or in the environment.

use std::fmt;
use std::str::FromStr;

/// `NAME=URL`, whose URL is not printed.
#[derive(Clone)]
pub(super) struct SourceArg {
    pub(super) name: String,
    pub(super) url: String,
}

impl fmt::Debug for SourceArg {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SourceArg").field("name", &self.name).finish_non_exhaustive()
    }
}

impl FromStr for SourceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, url) =
            text.split_once('=').ok_or("a source is written NAME=URL, as in shop=postgres://app@db/shop")?;
        Ok(Self { name: name.to_owned(), url: url.to_owned() })
    }
}
