//! `regexp_split_to_array` and `regexp_split_to_table`.

use crate::postgres::error::ValueResult;
use crate::postgres::text::{MAX_PARTS, between, from, too_many_parts};

use super::compiled::Regex;

impl Regex {
    /// `regexp_split_to_array(text, pattern, flags)`, and the rows of `regexp_split_to_table`. Empty matches split a
    /// text as well, but not at its ends and not right behind another match.
    pub(crate) fn split<'t>(&self, text: &'t str) -> ValueResult<Vec<&'t str>> {
        let mut parts = Vec::new();
        let mut start = 0;
        self.find_all(text, 0, false, true, |span| {
            parts.push(between(text, start, span.start));
            start = span.end;
            parts.len() < MAX_PARTS
        })?;
        if parts.len() >= MAX_PARTS {
            return Err(too_many_parts());
        }
        parts.push(from(text, start));
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let split = |pattern| Regex::new(pattern, "").unwrap().split("the fox").unwrap();
        assert_eq!(split(r"\s+"), ["the", "fox"]);
        assert_eq!(split(r"\s*"), ["t", "h", "e", "f", "o", "x"]);
        assert_eq!(split("x"), ["the fo", ""]);
        assert_eq!(Regex::new("x", "").unwrap().split(""), Ok(vec![""]));
    }
}
