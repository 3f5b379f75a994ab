//! Functions that depend on a time zone: the session's, or one that they are given.

use datafusion::logical_expr::{Expr, lit};

use crate::functions::column::{Float8, Int4, Text, TimestampArg};
use crate::functions::function::{Call, Function};
use crate::functions::strict::{cached2, strict6};
use crate::pg_type::PgType;
use crate::postgres::datetime::zone::Zone;
use crate::postgres::error::ValueResult;
use crate::postgres::value::Timestamp;

/// The last zone that rows of a batch were in.
pub(in crate::functions) struct SessionZone {
    /// None before the first row.
    name: Option<String>,
    zone: Zone,
}

impl Default for SessionZone {
    fn default() -> Self {
        Self { name: None, zone: Zone::utc() }
    }
}

impl SessionZone {
    /// # Errors
    /// When there is no such zone.
    pub(in crate::functions) fn get(&mut self, name: &str) -> ValueResult<&Zone> {
        self.read(name, |name| Zone::parse(name, &Zone::utc()))
    }

    /// The same where a text may be an offset with a sign.
    fn offset_or_name(&mut self, name: &str) -> ValueResult<&Zone> {
        self.read(name, |name| Zone::parse_offset_or_name(name, &Zone::utc()))
    }

    fn read(&mut self, name: &str, read: impl FnOnce(&str) -> ValueResult<Zone>) -> ValueResult<&Zone> {
        if self.name.as_deref() != Some(name) {
            self.zone = read(name)?;
            self.name = Some(name.to_owned());
        }
        Ok(&self.zone)
    }
}

/// A function whose last argument is the session's time zone.
pub(in crate::functions) fn in_session_zone(function: Function) -> Function {
    let mut arguments = function.arguments.clone();
    arguments.pop();
    let (name, returns) = (function.name, function.returns.clone());
    Function::made(name, arguments, returns, move |mut call: Call<'_>| {
        call.arguments.push(lit(call.surroundings.zone.as_str()));
        function.expression(call)
    })
}

/// A function whose last two arguments are the moment of the query, in microseconds, and the session's time zone.
pub(in crate::functions) fn at_now(function: Function) -> Function {
    let mut arguments = function.arguments.clone();
    arguments.truncate(arguments.len() - 2);
    let (name, returns) = (function.name, function.returns.clone());
    Function::made(name, arguments, returns, move |mut call: Call<'_>| {
        let now = match call.arguments.first() {
            Some(Expr::Literal(value, _)) if value.data_type().is_string() => {
                call.surroundings.now_micros_for(value.try_as_str().flatten().unwrap_or_default())
            }
            _ => call.surroundings.now_micros(),
        };
        call.arguments.push(lit(now));
        call.arguments.push(lit(call.surroundings.zone.as_str()));
        function.expression(call)
    })
}

/// `make_timestamptz`, with and without a zone.
pub(super) fn made_in_zones() -> Vec<Function> {
    let local = || strict6::<Int4, Int4, Int4, Int4, Int4, Float8, _, _>("make_timestamp", Timestamp::make);
    let in_session =
        in_session_zone(cached2::<SessionZone, TimestampArg, Text, _, _>("make_timestamptz", |zones, moment, zone| {
            zones.get(zone)?.to_utc(moment)
        }));
    let in_zone = cached2::<SessionZone, TimestampArg, Text, _, _>("make_timestamptz", |zones, moment, zone| {
        zones.offset_or_name(zone)?.to_utc(moment)
    });
    let fields = [PgType::Int4, PgType::Int4, PgType::Int4, PgType::Int4, PgType::Int4, PgType::Float8];
    let (first, second) = (local(), local());
    vec![
        Function::made("make_timestamptz", fields.to_vec(), PgType::Timestamptz, move |call| {
            let (schema, surroundings) = (call.schema, call.surroundings);
            let moment = first.expression(call)?;
            let types = vec![PgType::Timestamp];
            in_session.expression(Call { arguments: vec![moment], types, order: None, schema, surroundings })
        }),
        Function::made(
            "make_timestamptz",
            fields.iter().cloned().chain([PgType::Text]).collect(),
            PgType::Timestamptz,
            move |mut call| {
                let (schema, surroundings) = (call.schema, call.surroundings);
                let zone = call.arguments.pop().unwrap_or(lit("UTC"));
                let moment = second.expression(call)?;
                let types = vec![PgType::Timestamp, PgType::Text];
                let arguments = vec![moment, zone];
                in_zone.expression(Call { arguments, types, order: None, schema, surroundings })
            },
        ),
    ]
}
