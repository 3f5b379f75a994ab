//! What is known of a principal besides its name, by those who have recognised it: its roles, and values that filters
//! of rows compare with. Nothing here comes from a client's own word.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The roles of a principal, and values by their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claims {
    pub roles: BTreeSet<String>,
    pub values: BTreeMap<String, Value>,
}
