//! Names of tables as the server knows them (`catalogue.schema.table`) and as PostgreSQL quotes them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A table's full name. The catalogue is the name of the source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    pub catalog: String,
    pub schema: String,
    pub table: String,
}

impl TableName {
    /// `"schema"."table"`, for SQL that PostgreSQL runs.
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote(&self.schema), quote(&self.table))
    }

    /// The full name as a request for the table has it, in which nothing is quoted.
    pub fn unquoted(&self) -> String {
        format!("{}.{}.{}", self.catalog, self.schema, self.table)
    }

    /// Whether `requested` (`table`, `schema.table` or `catalogue.schema.table`) names this table.
    pub fn matches(&self, requested: &str) -> bool {
        requested == self.table
            || requested == format!("{}.{}", self.schema, self.table)
            || requested == self.unquoted()
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [catalog, schema, table] = [&self.catalog, &self.schema, &self.table].map(|part| quote_if_needed(part));
        write!(formatter, "{catalog}.{schema}.{table}")
    }
}

/// An identifier in double quotes, inner quotes doubled.
pub fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

fn quote_if_needed(identifier: &str) -> String {
    let plain = identifier.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && identifier.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { identifier.to_owned() } else { quote(identifier) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_quoted_and_plain_ones_are_not() {
        let name = TableName { catalog: "shop".into(), schema: "public".into(), table: "Order \"x\" Details".into() };
        assert_eq!(name.to_string(), "shop.public.\"Order \"\"x\"\" Details\"");
        assert_eq!(name.quoted(), "\"public\".\"Order \"\"x\"\" Details\"");
        assert_eq!(name.unquoted(), "shop.public.Order \"x\" Details");
        assert!(name.matches(&name.unquoted()));
    }

    #[test]
    fn a_request_may_leave_out_catalogue_and_schema() {
        let name = TableName { catalog: "shop".into(), schema: "public".into(), table: "orders".into() };
        for requested in ["orders", "public.orders", "shop.public.orders"] {
            assert!(name.matches(requested), "{requested}");
        }
        assert!(!name.matches("other.orders"));
    }
}
