//! What PostgreSQL does not compute while it plans: functions and casts that settings have a say in (`STABLE` in its
//! catalogue `pg_proc`, version 18), and forms of SQL that its planner leaves alone. Their value can be a constant for us all
//! the same; but where it is NULL, PostgreSQL still computes what stands beside it.

use crate::pg_type::{Category, PgType};

/// What PostgreSQL knows of the value of a function, or an operator, of constants while it plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Planned {
    Value,
    /// That it is NULL where an argument is.
    Nulls,
    Nothing,
}

/// What PostgreSQL knows of a function, or an operator, of constants of these types while it plans.
pub(crate) fn planned_of(name: &str, arguments: &[PgType]) -> Planned {
    let any_is = |wanted: &PgType| arguments.contains(wanted);
    let shows_stable = || arguments.iter().any(|from| is_stable_cast(from, &PgType::Text));
    let has_array = || arguments.iter().any(|argument| matches!(argument, PgType::Array(_)));
    match (name, arguments.len()) {
        ("concat" | "concat_ws" | "format", _)
        | ("json_build_array" | "json_build_object" | "jsonb_build_array" | "jsonb_build_object", _)
        | ("array_to_string", 3)
        | ("json_object absent on null" | "jsonb_object absent on null", _)
        | ("json_array absent on null" | "jsonb_array absent on null", _)
        // The planner knows nothing of these forms.
        | ("is_json" | "json_exists" | "json_query" | "json_value", _) => Planned::Nothing,
        ("array_to_json" | "array_to_string" | "convert" | "convert_from" | "convert_to" | "current_catalog", _)
        | ("current_database" | "current_date" | "current_role" | "current_schema" | "current_schemas", _)
        | ("current_setting" | "current_time" | "current_timestamp" | "current_user" | "localtime", _)
        | ("localtimestamp" | "make_timestamptz" | "now" | "row_to_json" | "session_user", _)
        | ("statement_timestamp" | "to_char" | "to_date" | "to_json" | "to_jsonb" | "to_number", _)
        | ("transaction_timestamp" | "user" | "version", _)
        | ("age" | "timezone", 1)
        | ("length" | "to_timestamp", 2) => Planned::Nulls,
        ("date_add" | "date_part" | "date_subtract" | "date_trunc" | "extract", 2) => {
            nulls_if(any_is(&PgType::Timestamptz))
        }
        ("+" | "-", 2) => nulls_if(any_is(&PgType::Timestamptz) && any_is(&PgType::Interval)),
        // Dates are cast to timestamps with time zones, there.
        ("overlaps", _) if any_is(&PgType::Date) || any_is(&PgType::Timestamptz) && any_is(&PgType::Interval) => {
            Planned::Nothing
        }
        ("=" | "<>" | "!=" | "<" | "<=" | ">" | ">=", 2) => {
            nulls_if(any_is(&PgType::Timestamptz) && (any_is(&PgType::Date) || any_is(&PgType::Timestamp)))
        }
        // What these are made of is put in their place, and that is a cast to text.
        ("quote_nullable", _) if shows_stable() => Planned::Nothing,
        ("quote_literal", _) => nulls_if(shows_stable()),
        ("||", _) => nulls_if(any_is(&PgType::Text) && !has_array() && shows_stable()),
        _ => nulls_if(name.ends_with("_tz")),
    }
}

/// The same of a cast.
pub(crate) fn planned_of_cast(from: &PgType, to: &PgType) -> Planned {
    nulls_if(is_stable_cast(from, to))
}

/// What it knows of a strict function that settings have a say in, and of any other.
fn nulls_if(is_stable: bool) -> Planned {
    if is_stable { Planned::Nulls } else { Planned::Value }
}

fn is_stable_cast(from: &PgType, to: &PgType) -> bool {
    let is_string = |pg_type: &PgType| pg_type.category() == Category::String;
    let is_read_so = |pg_type: &PgType| {
        matches!(
            pg_type,
            PgType::Date
                | PgType::Time
                | PgType::Timestamp
                | PgType::Timestamptz
                | PgType::Interval
                | PgType::Array(_)
                | PgType::Record(_)
                | PgType::Printed(_)
        )
    };
    match (from, to) {
        (PgType::Array(from), PgType::Array(to)) => is_stable_cast(from, to),
        (PgType::Time, to) if is_string(to) => false,
        (from, to) if is_string(to) => is_read_so(from),
        (from, to) if is_string(from) => is_read_so(to),
        (PgType::Date | PgType::Timestamp, PgType::Timestamptz)
        | (PgType::Timestamptz, PgType::Date | PgType::Time | PgType::Timestamp) => true,
        _ => false,
    }
}
