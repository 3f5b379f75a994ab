//! Objects of `json` and of `jsonb`, made of one member after the other.

use std::collections::HashSet;

use super::build::{ObjectOptions, Scalar, null_key};
use super::strings::write_string;
use super::tree::key_order;
use crate::postgres::error::{ValueError, ValueResult};

/// A `json` object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct JsonObjectAgg {
    options: ObjectOptions,
    members: String,
    /// All keys if they must be unique, also of values that are left out.
    keys: HashSet<String>,
}

impl JsonObjectAgg {
    /// An object without members.
    pub(crate) fn new(options: ObjectOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Adds a member.
    pub(crate) fn push(&mut self, key: &Scalar<'_>, value: &Scalar<'_>) -> ValueResult<()> {
        if *key == Scalar::Null {
            return Err(null_key());
        }
        let is_absent = self.options.absent_on_null && *value == Scalar::Null;
        if is_absent && !self.options.unique_keys {
            return Ok(());
        }
        let mut name = String::new();
        write_string(&mut name, key.key()?);
        if self.options.unique_keys {
            self.insert_key(&name)?;
        }
        if !is_absent {
            self.comma();
            self.members.push_str(&name);
            self.members.push_str(" : ");
            value.write_json(&mut self.members);
        }
        Ok(())
    }

    fn insert_key(&mut self, name: &str) -> ValueResult<()> {
        match self.keys.insert(name.to_owned()) {
            true => Ok(()),
            false => Err(ValueError::new("22030", format!("duplicate JSON object key value: {name}"))),
        }
    }

    fn comma(&mut self) {
        if !self.members.is_empty() {
            self.members.push_str(", ");
        }
    }

    /// The members with commas between them.
    pub(crate) fn members(&self) -> &str {
        &self.members
    }
}

/// A `jsonb` object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct JsonbObjectAgg {
    options: ObjectOptions,
    /// Keys, and values as `jsonb`.
    members: Vec<(String, String)>,
}

impl JsonbObjectAgg {
    /// An object without members.
    pub(crate) fn new(options: ObjectOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Adds a member.
    pub(crate) fn push(&mut self, key: &Scalar<'_>, value: &Scalar<'_>) -> ValueResult<()> {
        let name = match *key {
            Scalar::Null => return Err(ValueError::new("22023", "field name must not be null")),
            key => key.key()?,
        };
        if self.options.absent_on_null && !self.options.unique_keys && *value == Scalar::Null {
            return Ok(());
        }
        let mut text = String::new();
        value.write_jsonb(&mut text)?;
        self.members.push((name.to_owned(), text));
        Ok(())
    }

    /// The object as PostgreSQL prints it.
    pub(crate) fn finish(&self) -> ValueResult<String> {
        let mut members: Vec<_> = self.members.iter().collect();
        members.sort_by(|(a, _), (b, _)| key_order(a, b));
        let is_repeated = |pair: &[&(String, String)]| matches!(pair, [a, b] if a.0 == b.0);
        if self.options.unique_keys && members.windows(2).any(is_repeated) {
            return Err(ValueError::new("22030", "duplicate JSON object key value"));
        }
        if self.options.absent_on_null {
            // PostgreSQL leaves out values that are null in JSON as well.
            members.retain(|(_, value)| value != "null");
        }
        let mut out = String::from("{");
        let mut rest = members.iter().peekable();
        while let Some((key, value)) = rest.next() {
            // The last of equal keys stays.
            if rest.peek().is_some_and(|(next, _)| next == key) {
                continue;
            }
            if out.len() > 1 {
                out.push_str(", ");
            }
            write_string(&mut out, key);
            out.push_str(": ");
            out.push_str(value);
        }
        out.push('}');
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::{JsonObjectAgg, JsonbObjectAgg, ObjectOptions, Scalar};

    #[test]
    fn objects_are_spaced_as_in_postgresql() {
        let mut object = JsonObjectAgg::new(ObjectOptions::default());
        object.push(&Scalar::Text("a"), &Scalar::Number("1")).unwrap_or_default();
        object.push(&Scalar::Text("a"), &Scalar::Null).unwrap_or_default();
        assert_eq!(object.members(), "\"a\" : 1, \"a\" : null");
        let mut object = JsonbObjectAgg::new(ObjectOptions::default());
        object.push(&Scalar::Text("b"), &Scalar::Number("1e3")).unwrap_or_default();
        object.push(&Scalar::Text("a"), &Scalar::Null).unwrap_or_default();
        object.push(&Scalar::Text("b"), &Scalar::Jsonb("true")).unwrap_or_default();
        assert_eq!(object.finish().as_deref(), Ok("{\"a\": null, \"b\": true}"));
    }
}
