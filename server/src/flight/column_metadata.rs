//! What Flight SQL tells of a column beside its Arrow type: PostgreSQL's name for the type, how large its values are,
//! of which table it is. JDBC and ODBC drivers read nothing else of it.

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use rail_forge_connectors::{COMMENT, POSTGRES_TYPE};
use rail_forge_planner::{ORIGIN, type_name};

use super::data_type::{self, Kind, LONGEST, MICROSECONDS};

const CATALOG_NAME: &str = "ARROW:FLIGHT:SQL:CATALOG_NAME";
/// As Arrow's libraries write it, in all languages.
const SCHEMA_NAME: &str = "ARROW:FLIGHT:SQL:SCHEMA_NAME";
/// The same as the specification writes it.
const DB_SCHEMA_NAME: &str = "ARROW:FLIGHT:SQL:DB_SCHEMA_NAME";
const TABLE_NAME: &str = "ARROW:FLIGHT:SQL:TABLE_NAME";
const TYPE_NAME: &str = "ARROW:FLIGHT:SQL:TYPE_NAME";
const PRECISION: &str = "ARROW:FLIGHT:SQL:PRECISION";
const SCALE: &str = "ARROW:FLIGHT:SQL:SCALE";
const IS_AUTO_INCREMENT: &str = "ARROW:FLIGHT:SQL:IS_AUTO_INCREMENT";
const IS_CASE_SENSITIVE: &str = "ARROW:FLIGHT:SQL:IS_CASE_SENSITIVE";
const IS_READ_ONLY: &str = "ARROW:FLIGHT:SQL:IS_READ_ONLY";
const IS_SEARCHABLE: &str = "ARROW:FLIGHT:SQL:IS_SEARCHABLE";
const REMARKS: &str = "ARROW:FLIGHT:SQL:REMARKS";

/// Types whose values are the same in upper and lower case.
const WITHOUT_CASE: [&str; 6] = ["citext", "uuid", "inet", "cidr", "macaddr", "macaddr8"];

/// A column of the wire with what is told of it; `column` is the engine's.
pub(super) fn described(column: &Field, wire: Field) -> Field {
    let mut told = wire.metadata().clone();
    let [catalog, schema, table] = ORIGIN.map(|key| told.remove(key));
    let name = type_name(column);
    let Size { precision, scale } = size(&name, column);
    let is_text = wire.data_type().is_string() && !WITHOUT_CASE.contains(&name.as_str());
    let flag = |is_so: bool| Some(if is_so { "1" } else { "0" }.to_owned());
    let entries = [
        (CATALOG_NAME, catalog),
        (DB_SCHEMA_NAME, schema.clone()),
        (SCHEMA_NAME, schema),
        (TABLE_NAME, table),
        (PRECISION, precision.map(|digits| digits.to_string())),
        (SCALE, scale.map(|digits| digits.to_string())),
        // Nothing is inserted here.
        (IS_AUTO_INCREMENT, flag(false)),
        (IS_CASE_SENSITIVE, flag(is_text)),
        (IS_READ_ONLY, flag(true)),
        (IS_SEARCHABLE, flag(true)),
        (TYPE_NAME, Some(name)),
    ];
    told.extend(entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    wire.with_metadata(told)
}

/// The columns of a table in the catalogue, with their comments as remarks. Results have none: JDBC's driver shows a
/// column under its remark, and finds it under no other name.
pub(super) fn with_remarks(schema: &Schema) -> Schema {
    let column = |field: &FieldRef| {
        let mut told = field.metadata().clone();
        if let Some(comment) = told.get(COMMENT).cloned() {
            told.insert(REMARKS.to_owned(), comment);
        }
        field.as_ref().clone().with_metadata(told)
    };
    Schema::new(schema.fields().iter().map(column).collect::<Fields>())
}

#[derive(Debug, Default, PartialEq)]
struct Size {
    precision: Option<i32>,
    scale: Option<i32>,
}

fn size(name: &str, column: &Field) -> Size {
    if let DataType::Decimal128(digits, scale) | DataType::Decimal256(digits, scale) = column.data_type() {
        return Size { precision: Some((*digits).into()), scale: Some((*scale).into()) };
    }
    let Some(known) = data_type::find(name) else {
        let is_text = column.data_type().is_string();
        return Size { precision: is_text.then_some(LONGEST), scale: None };
    };
    let modifier = column.metadata().get(POSTGRES_TYPE).and_then(|told| modifier(told));
    let is_date = name == "date";
    match known.kind {
        // More digits than a decimal has.
        Kind::Numeric => Size { precision: Some(LONGEST), scale: None },
        Kind::Text => Size { precision: modifier.or(known.size), scale: None },
        Kind::Time if !is_date => {
            let fraction = modifier.unwrap_or(MICROSECONDS);
            // Without a fraction there is no point either.
            let left_out = if fraction == 0 { MICROSECONDS + 1 } else { MICROSECONDS - fraction };
            Size { precision: known.size.map(|size| size - left_out), scale: Some(fraction) }
        }
        Kind::Integer => Size { precision: known.size, scale: Some(0) },
        _ => Size { precision: known.size, scale: None },
    }
}

/// The `n` of `character varying(n)` and `timestamp(n) with time zone`.
fn modifier(printed: &str) -> Option<i32> {
    let (_, rest) = printed.split_once('(')?;
    rest.split_once(')')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::TimeUnit;

    use super::*;

    fn sized(told: &str, data_type: DataType) -> (Option<i32>, Option<i32>) {
        let metadata = [(POSTGRES_TYPE.to_owned(), told.to_owned())].into();
        let field = Field::new("x", data_type, true).with_metadata(metadata);
        let Size { precision, scale } = size(&type_name(&field), &field);
        (precision, scale)
    }

    #[test]
    fn sizes_follow_the_modifiers() {
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        for (told, data_type, expected) in [
            ("character varying(20)", DataType::Utf8, (Some(20), None)),
            ("character varying", DataType::Utf8, (Some(LONGEST), None)),
            ("text", DataType::Utf8View, (Some(LONGEST), None)),
            ("mood", DataType::Utf8, (Some(LONGEST), None)),
            ("numeric(12,2)", DataType::Decimal128(12, 2), (Some(12), Some(2))),
            ("numeric", DataType::Utf8, (Some(LONGEST), None)),
            ("integer", DataType::Int32, (Some(10), Some(0))),
            ("timestamp without time zone", time.clone(), (Some(26), Some(6))),
            ("timestamp(3) without time zone", time.clone(), (Some(23), Some(3))),
            ("timestamp(0) without time zone", time, (Some(19), Some(0))),
            ("date", DataType::Date32, (Some(10), None)),
            ("double precision", DataType::Float64, (Some(15), None)),
            ("integer[]", DataType::new_list(DataType::Int32, true), (None, None)),
        ] {
            assert_eq!(sized(told, data_type), expected, "{told}");
        }
    }

    #[test]
    fn a_column_of_no_table_names_none() {
        let field = described(&Field::new("n", DataType::Int64, true), Field::new("n", DataType::Int64, true));
        assert_eq!(field.metadata()[TYPE_NAME], "bigint");
        assert!(!field.metadata().contains_key(TABLE_NAME) && !field.metadata().contains_key(REMARKS));
    }

    #[test]
    fn comments_are_remarks_in_the_catalogue_alone() {
        let commented = [(COMMENT.to_owned(), "in EUR".to_owned())].into();
        let field = Field::new("n", DataType::Int64, true).with_metadata(commented);
        let result = described(&field, field.clone());
        assert!(!result.metadata().contains_key(REMARKS));
        let plain = described(&Field::new("m", DataType::Int64, true), Field::new("m", DataType::Int64, true));
        let listed = with_remarks(&Schema::new(vec![result.clone(), plain.clone()]));
        assert_eq!(listed.field(0).metadata()[REMARKS], "in EUR");
        assert_eq!(listed.field(0).metadata().len(), result.metadata().len() + 1);
        assert_eq!(listed.field(1), &plain);
    }
}
