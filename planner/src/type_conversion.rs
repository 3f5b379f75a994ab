//! Which types PostgreSQL casts to which, and when (`pg_cast`), and the type that several expressions have together
//! (<https://www.postgresql.org/docs/current/typeconv-union-case.html>).

use crate::pg_type::{Category, PgType};

/// Whether a value of one type is cast to the other without being asked.
pub(crate) fn can_coerce(from: &PgType, to: &PgType) -> bool {
    if from == to || *from == PgType::Unknown {
        return true;
    }
    match (from, to) {
        (_, PgType::Any | PgType::AnyElement | PgType::AnyCompatible) => true,
        (from, PgType::AnyNonArray) => !matches!(from, PgType::Array(_)),
        (from, PgType::AnyArray | PgType::AnyCompatibleArray) => matches!(from, PgType::Array(_)),
        (PgType::Int2, PgType::Int4 | PgType::Int8)
        | (PgType::Int4, PgType::Int8)
        | (PgType::Int2 | PgType::Int4 | PgType::Int8, PgType::Oid)
        | (PgType::Int2 | PgType::Int4 | PgType::Int8, PgType::Numeric)
        | (PgType::Int2 | PgType::Int4 | PgType::Int8 | PgType::Numeric | PgType::Float4, PgType::Float8)
        | (PgType::Int2 | PgType::Int4 | PgType::Int8 | PgType::Numeric, PgType::Float4)
        | (PgType::Text, PgType::Varchar | PgType::Bpchar)
        | (PgType::Varchar, PgType::Text | PgType::Bpchar)
        | (PgType::Bpchar, PgType::Text | PgType::Varchar)
        | (PgType::Name, PgType::Text)
        | (PgType::Date, PgType::Timestamp | PgType::Timestamptz)
        | (PgType::Timestamp, PgType::Timestamptz)
        | (PgType::Time, PgType::Interval) => true,
        (PgType::Printed(_), PgType::Text | PgType::Varchar | PgType::Bpchar) => from.category() == Category::String,
        (PgType::Array(from), PgType::Array(to)) => can_coerce(from, to),
        _ => false,
    }
}

/// Whether a value of one type is cast to the other where a query says so.
pub(crate) fn can_cast(from: &PgType, to: &PgType) -> bool {
    if can_coerce(from, to) || to.is_polymorphic() {
        return !to.is_polymorphic();
    }
    let is_number = |pg_type: &PgType| pg_type.category() == Category::Number;
    let is_string = |pg_type: &PgType| pg_type.category() == Category::String;
    match (from, to) {
        // By what is printed and read.
        (from, to) if is_string(from) || is_string(to) => true,
        (PgType::Oid, PgType::Int4 | PgType::Int8) | (PgType::Int2 | PgType::Int4 | PgType::Int8, PgType::Oid) => true,
        (PgType::Oid, _) | (_, PgType::Oid) => false,
        (from, to) if is_number(from) && is_number(to) => true,
        (PgType::Bool, PgType::Int4) | (PgType::Int4, PgType::Bool) => true,
        (PgType::Timestamp, PgType::Date | PgType::Time)
        | (PgType::Timestamptz, PgType::Date | PgType::Time | PgType::Timestamp)
        | (PgType::Interval, PgType::Time) => true,
        (PgType::Json, PgType::Jsonb) | (PgType::Jsonb, PgType::Json) => true,
        (PgType::Jsonb, PgType::Bool) => true,
        (PgType::Jsonb, to) => is_number(to),
        (PgType::Uuid, PgType::Bytea) | (PgType::Bytea, PgType::Uuid) => true,
        (PgType::Int2 | PgType::Int4 | PgType::Int8, PgType::Bytea)
        | (PgType::Bytea, PgType::Int2 | PgType::Int4 | PgType::Int8) => true,
        (PgType::Array(from), PgType::Array(to)) => can_cast(from, to),
        _ => false,
    }
}

/// The type that values of these types are cast to where one is wanted for all (UNION, CASE, COALESCE, VALUES, arrays); none
/// when they do not go together.
pub(crate) fn common_type(types: &[PgType]) -> Option<PgType> {
    let mut known = types.iter().filter(|pg_type| **pg_type != PgType::Unknown);
    let Some(first) = known.next() else { return Some(PgType::Text) };
    let mut chosen = first.clone();
    for other in known {
        if *other == chosen {
            continue;
        }
        if other.category() != chosen.category() {
            return None;
        }
        let is_better = !chosen.is_preferred() && can_coerce(&chosen, other) && !can_coerce(other, &chosen);
        if is_better {
            chosen = other.clone();
        }
    }
    types.iter().all(|pg_type| can_coerce(pg_type, &chosen)).then_some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_types_have_one_in_common() {
        for (types, expected) in [
            (vec![PgType::Int4, PgType::Numeric, PgType::Int8], Some(PgType::Numeric)),
            (vec![PgType::Unknown, PgType::Date], Some(PgType::Date)),
            (vec![PgType::Unknown, PgType::Unknown], Some(PgType::Text)),
            (vec![PgType::Date, PgType::Timestamptz], Some(PgType::Timestamptz)),
            (vec![PgType::Int4, PgType::Text], None),
            (vec![PgType::Varchar, PgType::Text], Some(PgType::Varchar)),
            (vec![PgType::Text, PgType::Varchar], Some(PgType::Text)),
            (vec![PgType::Float8, PgType::Numeric], Some(PgType::Float8)),
        ] {
            assert_eq!(common_type(&types), expected, "{types:?}");
        }
    }
}
