//! Functions and operators of dates, times and intervals.

mod formats;
mod overlapping;
pub(super) mod preimages;
mod zones;

pub(super) use self::zones::{SessionZone, at_now, in_session_zone};

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, lit};

use self::formats::formats;
use super::column::{DateArg, Float8, Int4, Int8, IntervalArg, Text, TimeArg, TimestampArg, TimestampTzArg};
use super::function::{Call, Function};
use super::strict::{cached2, cached3, strict1, strict2, strict3, strict6, strict7};
use super::udf::Decimals;
use crate::pg_type::PgType;
use crate::postgres::datetime::extract::Extracted;
use crate::postgres::datetime::make::IntervalParts;
use crate::postgres::datetime::units::UnitName;
use crate::postgres::datetime::zone::Zone;
use crate::postgres::datetime::{Now, overlaps};
use crate::postgres::error::ValueResult;
use crate::postgres::numeric::Numeric;
use crate::postgres::value::{Date, Interval, Time, Timestamp, TimestampTz};

pub(super) fn operators() -> Vec<Function> {
    let mut operators = vec![
        strict2::<DateArg, Int4, _, _>("+", Date::add_days),
        strict2::<Int4, DateArg, _, _>("+", |days, date: Date| date.add_days(days)),
        strict2::<DateArg, Int4, _, _>("-", Date::subtract_days),
        strict2::<DateArg, DateArg, _, _>("-", Date::difference),
        strict2::<DateArg, TimeArg, _, _>("+", Date::at_time),
        strict2::<TimeArg, DateArg, _, _>("+", |time, date: Date| date.at_time(time)),
        strict2::<DateArg, IntervalArg, _, _>("+", Date::add_interval),
        strict2::<IntervalArg, DateArg, _, _>("+", |interval, date: Date| date.add_interval(interval)),
        strict2::<DateArg, IntervalArg, _, _>("-", Date::subtract_interval),
        strict2::<TimeArg, IntervalArg, _, _>("+", Time::add_interval),
        strict2::<IntervalArg, TimeArg, _, _>("+", |interval, time: Time| time.add_interval(interval)),
        strict2::<TimeArg, IntervalArg, _, _>("-", Time::subtract_interval),
        strict2::<TimeArg, TimeArg, _, _>("-", Time::difference),
        strict2::<TimestampArg, IntervalArg, _, _>("+", Timestamp::add_interval),
        strict2::<IntervalArg, TimestampArg, _, _>("+", |interval, moment: Timestamp| moment.add_interval(interval)),
        strict2::<TimestampArg, IntervalArg, _, _>("-", Timestamp::subtract_interval),
        strict2::<TimestampArg, TimestampArg, _, _>("-", Timestamp::difference),
        strict2::<TimestampTzArg, TimestampTzArg, _, _>("-", TimestampTz::difference),
        strict2::<IntervalArg, IntervalArg, _, _>("+", Interval::add),
        strict2::<IntervalArg, IntervalArg, _, _>("-", Interval::subtract),
        strict1::<IntervalArg, _, _>("-", Interval::negated),
        strict2::<IntervalArg, Float8, _, _>("*", Interval::multiply),
        strict2::<Float8, IntervalArg, _, _>("*", |factor, interval: Interval| interval.multiply(factor)),
        strict2::<IntervalArg, Float8, _, _>("/", Interval::divide),
    ];
    operators.push(in_session_zone(cached3::<SessionZone, TimestampTzArg, IntervalArg, Text, _, _>(
        "+",
        |zones, moment: TimestampTz, interval, zone| moment.add_interval(interval, zones.get(zone)?),
    )));
    operators.push(in_session_zone(cached3::<SessionZone, IntervalArg, TimestampTzArg, Text, _, _>(
        "+",
        |zones, interval, moment: TimestampTz, zone| moment.add_interval(interval, zones.get(zone)?),
    )));
    operators.push(in_session_zone(cached3::<SessionZone, TimestampTzArg, IntervalArg, Text, _, _>(
        "-",
        |zones, moment: TimestampTz, interval, zone| moment.subtract_interval(interval, zones.get(zone)?),
    )));
    operators
}

pub(super) fn functions() -> Vec<Function> {
    let mut functions = now();
    functions.extend(parts());
    functions.extend(truncations());
    functions.extend(ages());
    functions.extend(made());
    functions.extend(in_zones());
    functions.extend(formats());
    functions.extend(overlapping::functions());
    functions.extend([
        strict1::<IntervalArg, _, _>("justify_days", Interval::justify_days),
        strict1::<IntervalArg, _, _>("justify_hours", Interval::justify_hours),
        strict1::<IntervalArg, _, _>("justify_interval", Interval::justify_interval),
        strict1::<DateArg, _, _>("isfinite", overlaps::is_finite::<Date>),
        strict1::<TimestampArg, _, _>("isfinite", overlaps::is_finite::<Timestamp>),
        strict1::<TimestampTzArg, _, _>("isfinite", overlaps::is_finite::<TimestampTz>),
        strict1::<IntervalArg, _, _>("isfinite", overlaps::is_finite::<Interval>),
        strict3::<IntervalArg, TimestampArg, TimestampArg, _, _>("date_bin", |stride, moment: Timestamp, origin| {
            moment.bin(stride, origin)
        }),
        strict3::<IntervalArg, TimestampTzArg, TimestampTzArg, _, _>(
            "date_bin",
            |stride, moment: TimestampTz, origin| moment.bin(stride, origin),
        ),
    ]);
    functions
}

/// The moment of the query, which is one for all of its rows.
fn now() -> Vec<Function> {
    let moment = |micros: i64| lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())));
    let mut functions: Vec<Function> =
        ["now", "current_timestamp", "transaction_timestamp", "statement_timestamp", "clock_timestamp"]
            .into_iter()
            .map(|name| {
                Function::made(name, vec![], PgType::Timestamptz, move |call| {
                    Ok(moment(call.surroundings.now_micros()))
                })
            })
            .collect();
    let local = |call: &Call<'_>, micros: i64| -> ValueResult<Timestamp> {
        let zone = Zone::parse(&call.surroundings.zone, &Zone::utc())?;
        zone.to_local(TimestampTz(micros))
    };
    functions.extend([
        Function::made("current_date", vec![], PgType::Date, move |call| {
            let date = local(&call, call.surroundings.today_micros())
                .and_then(Timestamp::date)
                .map_err(crate::error::Error::Value)?;
            Ok(lit(ScalarValue::Date32(Some(date.0))))
        }),
        Function::made("localtimestamp", vec![], PgType::Timestamp, move |call| {
            let now = local(&call, call.surroundings.now_micros()).map_err(crate::error::Error::Value)?;
            Ok(lit(ScalarValue::TimestampMicrosecond(Some(now.0), None)))
        }),
        Function::made("localtime", vec![], PgType::Time, move |call| {
            let now = local(&call, call.surroundings.now_micros()).map_err(crate::error::Error::Value)?;
            Ok(lit(ScalarValue::Time64Microsecond(Some(now.time().0))))
        }),
    ]);
    functions
}

/// The last unit that rows of a batch were asked for.
#[derive(Default)]
struct LastUnit(Option<(String, UnitName)>);

impl LastUnit {
    fn get(&mut self, text: &str) -> &UnitName {
        if self.0.as_ref().is_none_or(|(known, _)| known != text) {
            self.0 = None;
        }
        &self.0.get_or_insert_with(|| (text.to_owned(), UnitName::parse(text))).1
    }
}

/// Units and the zone of the session.
#[derive(Default)]
struct UnitAndZone {
    unit: LastUnit,
    zone: SessionZone,
}

fn numeric(extracted: Extracted) -> Numeric {
    Numeric::from_i128(extracted.unscaled, u32::from(extracted.scale))
}

/// `extract` and `date_part`.
fn parts() -> Vec<Function> {
    let exact = [
        cached2::<LastUnit, Text, DateArg, _, _>("extract", |units, unit, date: Date| {
            date.extract(units.get(unit)).map(numeric)
        })
        .preimage(preimages::year_of_date),
        cached2::<LastUnit, Text, TimeArg, _, _>("extract", |units, unit, time: Time| {
            time.extract(units.get(unit)).map(numeric)
        }),
        cached2::<LastUnit, Text, TimestampArg, _, _>("extract", |units, unit, moment: Timestamp| {
            moment.extract(units.get(unit)).map(numeric)
        })
        .preimage(preimages::year_of_timestamp),
        cached2::<LastUnit, Text, IntervalArg, _, _>("extract", |units, unit, interval: Interval| {
            interval.extract(units.get(unit)).map(numeric)
        }),
    ];
    let with_zone = cached3::<UnitAndZone, Text, TimestampTzArg, Text, _, _>(
        "extract",
        |state, unit, moment: TimestampTz, zone| {
            moment.extract(state.unit.get(unit), state.zone.get(zone)?).map(numeric)
        },
    )
    .preimage(preimages::year_of_timestamptz);
    let mut functions: Vec<Function> = exact.into_iter().map(with_decimals_of_unit).collect();
    functions.push(in_session_zone(with_decimals_of_unit(with_zone)));
    functions.extend([
        cached2::<LastUnit, Text, DateArg, _, _>("date_part", |units, unit, date: Date| {
            date.date_part(units.get(unit))
        }),
        cached2::<LastUnit, Text, TimeArg, _, _>("date_part", |units, unit, time: Time| {
            time.date_part(units.get(unit))
        }),
        cached2::<LastUnit, Text, TimestampArg, _, _>("date_part", |units, unit, moment: Timestamp| {
            moment.date_part(units.get(unit))
        }),
        cached2::<LastUnit, Text, IntervalArg, _, _>("date_part", |units, unit, interval: Interval| {
            interval.date_part(units.get(unit))
        }),
        in_session_zone(cached3::<UnitAndZone, Text, TimestampTzArg, Text, _, _>(
            "date_part",
            |state, unit, moment: TimestampTz, zone| moment.date_part(state.unit.get(unit), state.zone.get(zone)?),
        )),
    ]);
    functions
}

/// Most fields are whole numbers; seconds have six decimals, milliseconds three.
fn with_decimals_of_unit(function: Function) -> Function {
    const SECONDS: [&str; 6] = ["second", "seconds", "sec", "secs", "s", "epoch"];
    const MILLISECONDS: [&str; 5] = ["millisecond", "milliseconds", "msec", "msecs", "ms"];
    const WITH_FRACTIONS: [&str; 3] = ["julian", "jd", "j"];
    let Some(udf) = function.udf() else { return function };
    let of =
        |decimals| Function::scalar(function.name, function.arguments.clone(), udf.clone().with_decimals(decimals));
    let (whole, three) = (of(Decimals::Whole), of(Decimals::AtLeast(3)));
    let (six, many) = (of(Decimals::AtLeast(6)), of(Decimals::AtLeast(crate::pg_type::NUMERIC_SCALE)));
    Function::made(function.name, function.arguments.clone(), PgType::Numeric, move |call| {
        let unit = match call.arguments.first() {
            Some(Expr::Literal(unit, _)) => unit.try_as_str().flatten().map(str::to_lowercase),
            _ => None,
        };
        let chosen = match unit.as_deref() {
            None => &many,
            Some(unit) if WITH_FRACTIONS.contains(&unit) => &many,
            Some(unit) if SECONDS.contains(&unit) => &six,
            Some(unit) if MILLISECONDS.contains(&unit) => &three,
            Some(_) => &whole,
        };
        chosen.expression(call)
    })
}

fn truncations() -> Vec<Function> {
    vec![
        cached2::<LastUnit, Text, TimestampArg, _, _>("date_trunc", |units, unit, moment: Timestamp| {
            moment.truncate(units.get(unit))
        })
        .preimage(preimages::truncated_timestamp),
        cached2::<LastUnit, Text, IntervalArg, _, _>("date_trunc", |units, unit, interval: Interval| {
            interval.truncate(units.get(unit))
        }),
        in_session_zone(
            cached3::<UnitAndZone, Text, TimestampTzArg, Text, _, _>(
                "date_trunc",
                |state, unit, moment: TimestampTz, zone| moment.truncate(state.unit.get(unit), state.zone.get(zone)?),
            )
            .preimage(preimages::truncated_timestamptz),
        ),
        cached3::<UnitAndZone, Text, TimestampTzArg, Text, _, _>(
            "date_trunc",
            |state, unit, moment: TimestampTz, zone| moment.truncate(state.unit.get(unit), state.zone.get(zone)?),
        )
        .preimage(preimages::truncated_timestamptz),
    ]
}

fn ages() -> Vec<Function> {
    vec![
        strict2::<TimestampArg, TimestampArg, _, _>("age", Timestamp::age),
        in_session_zone(cached3::<SessionZone, TimestampTzArg, TimestampTzArg, Text, _, _>(
            "age",
            |zones, moment: TimestampTz, earlier, zone| moment.age(earlier, zones.get(zone)?),
        )),
        zones::at_now(cached3::<SessionZone, TimestampArg, Int8, Text, _, _>(
            "age",
            |zones, moment: Timestamp, micros, zone| moment.age_today(&Now { micros, zone: zones.get(zone)? }),
        )),
        zones::at_now(cached3::<SessionZone, TimestampTzArg, Int8, Text, _, _>(
            "age",
            |zones, moment: TimestampTz, micros, zone| moment.age_today(&Now { micros, zone: zones.get(zone)? }),
        )),
    ]
}

/// `make_date` and its like.
fn made() -> Vec<Function> {
    const FIELDS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];
    let mut functions = vec![
        strict3::<Int4, Int4, Int4, _, _>("make_date", Date::make),
        strict3::<Int4, Int4, Float8, _, _>("make_time", Time::make),
        strict6::<Int4, Int4, Int4, Int4, Int4, Float8, _, _>("make_timestamp", Timestamp::make),
        strict1::<Float8, _, _>("to_timestamp", TimestampTz::from_seconds),
        strict7::<Int4, Int4, Int4, Int4, Int4, Int4, Float8, _, _>(
            "make_interval",
            |years, months, weeks, days, hours, minutes, seconds| {
                Interval::make(IntervalParts { years, months, weeks, days, hours, minutes, seconds })
            },
        )
        .with_names(&FIELDS),
    ];
    // Arguments that are left out are 0.
    for count in 0..FIELDS.len() {
        let whole = strict7::<Int4, Int4, Int4, Int4, Int4, Int4, Float8, _, _>(
            "make_interval",
            |years, months, weeks, days, hours, minutes, seconds| {
                Interval::make(IntervalParts { years, months, weeks, days, hours, minutes, seconds })
            },
        );
        functions.push(Function::made(
            "make_interval",
            vec![PgType::Int4; count],
            PgType::Interval,
            move |mut call| {
                call.arguments.resize(FIELDS.len() - 1, lit(0_i32));
                call.arguments.push(lit(0.0_f64));
                whole.expression(call)
            },
        ));
    }
    functions.extend(zones::made_in_zones());
    functions
}

/// AT TIME ZONE, and AT LOCAL, which is in the session's.
fn in_zones() -> Vec<Function> {
    let to_utc = || {
        cached2::<SessionZone, Text, TimestampArg, _, _>("timezone", |zones, zone, moment: Timestamp| {
            zones.get(zone)?.to_utc(moment)
        })
    };
    let to_local = || {
        cached2::<SessionZone, Text, TimestampTzArg, _, _>("timezone", |zones, zone, moment: TimestampTz| {
            zones.get(zone)?.to_local(moment)
        })
    };
    let in_own = |argument: PgType, in_zone: Function| {
        let returns = in_zone.returns.clone();
        Function::made("timezone", vec![argument], returns, move |mut call| {
            call.arguments.insert(0, lit(call.surroundings.zone.clone()));
            in_zone.expression(call)
        })
    };
    vec![
        in_own(PgType::Timestamp, to_utc()),
        in_own(PgType::Timestamptz, to_local()),
        to_utc(),
        to_local(),
        strict2::<IntervalArg, TimestampArg, _, _>("timezone", |zone, moment: Timestamp| {
            Zone::of_interval(zone)?.to_utc(moment)
        }),
        strict2::<IntervalArg, TimestampTzArg, _, _>("timezone", |zone, moment: TimestampTz| {
            Zone::of_interval(zone)?.to_local(moment)
        }),
    ]
}
