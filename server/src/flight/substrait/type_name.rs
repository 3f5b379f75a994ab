//! Types of Substrait as PostgreSQL names them.

use super::proto::{IntegerType, Kind, PrecisionType, Type};
use super::refusal::{Refusal, Result, required};

/// Decimals of a second in PostgreSQL's times. What has more of them is cut to these.
const SECOND_DECIMALS: i32 = 6;

/// The name of a type, as behind AS in a cast.
///
/// # Errors
/// When PostgreSQL has no such type.
pub(super) fn type_name(named: &Type) -> Result<String> {
    let Some(kind) = &named.kind else {
        return Err(Refusal::unsupported("a type of a kind that is not known"));
    };
    Ok(match kind {
        Kind::Bool(_) => "boolean".to_owned(),
        // The smallest that PostgreSQL has.
        Kind::I8(integer) | Kind::I16(integer) => signed("smallint", integer)?,
        Kind::I32(integer) => signed("integer", integer)?,
        Kind::I64(integer) => signed("bigint", integer)?,
        Kind::Fp32(_) => "real".to_owned(),
        Kind::Fp64(_) => "double precision".to_owned(),
        Kind::String(_) => "text".to_owned(),
        Kind::Binary(_) | Kind::FixedBinary(_) => "bytea".to_owned(),
        Kind::Date(_) => "date".to_owned(),
        Kind::Time(_) => "time".to_owned(),
        Kind::Timestamp(_) => "timestamp".to_owned(),
        Kind::TimestampTz(_) => "timestamp with time zone".to_owned(),
        Kind::PrecisionTime(precision) => format!("time{}", seconds(precision)),
        Kind::PrecisionTimestamp(precision) => format!("timestamp{}", seconds(precision)),
        Kind::PrecisionTimestampTz(precision) => format!("timestamp{} with time zone", seconds(precision)),
        Kind::IntervalYear(_) | Kind::IntervalDay(_) | Kind::IntervalCompound(_) => "interval".to_owned(),
        Kind::FixedChar(sized) => format!("character({})", sized.length),
        Kind::VarChar(sized) => format!("character varying({})", sized.length),
        Kind::Decimal(decimal) => format!("numeric({}, {})", decimal.precision, decimal.scale),
        Kind::Uuid(_) => "uuid".to_owned(),
        Kind::List(list) => {
            format!("{}[]", type_name(required(list.r#type.as_ref(), "the type of a list's elements")?)?)
        }
        Kind::Struct(_) => return Err(Refusal::unsupported("the type struct")),
        Kind::Map(_) => return Err(Refusal::unsupported("the type map")),
        Kind::Func(_) => return Err(Refusal::unsupported("the type func")),
        Kind::Alias(_) => return Err(Refusal::unsupported("an alias of a type")),
        Kind::UserDefined(_) => return Err(Refusal::unsupported("a type that a user has defined")),
    })
}

/// A variation of an integer is one without a sign, which PostgreSQL has not.
fn signed(name: &str, integer: &IntegerType) -> Result<String> {
    match integer.type_variation_reference {
        0 => Ok(name.to_owned()),
        _ => Err(Refusal::unsupported(format!("a variation of the type {name}"))),
    }
}

fn seconds(PrecisionType { precision }: &PrecisionType) -> String {
    if *precision < SECOND_DECIMALS { format!("({precision})") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::super::proto::{DecimalType, ListType, Untaken};
    use super::*;

    fn named(kind: Kind) -> Result<String> {
        type_name(&Type { kind: Some(kind) })
    }

    #[test]
    fn types_have_postgresqls_names() {
        let integer = IntegerType { type_variation_reference: 0 };
        let element = Type { kind: Some(Kind::I64(integer)) };
        for (kind, name) in [
            (Kind::I8(integer), "smallint"),
            (Kind::Decimal(DecimalType { precision: 12, scale: 2 }), "numeric(12, 2)"),
            (Kind::PrecisionTimestampTz(PrecisionType { precision: 3 }), "timestamp(3) with time zone"),
            (Kind::PrecisionTimestamp(PrecisionType { precision: 9 }), "timestamp"),
            (Kind::List(Box::new(ListType { r#type: Some(element) })), "bigint[]"),
        ] {
            assert_eq!(named(kind).unwrap(), name);
        }
    }

    #[test]
    fn what_postgresql_has_not_is_refused() {
        for kind in [
            Kind::I64(IntegerType { type_variation_reference: 1 }),
            Kind::Map(Untaken {}),
            Kind::List(Box::new(ListType { r#type: None })),
        ] {
            assert!(named(kind).is_err());
        }
        assert!(type_name(&Type { kind: None }).is_err());
    }
}
