//! `to_char`, `to_date`, `to_timestamp` and `to_number`: values by template patterns.

use crate::functions::column::{
    Float4, Float8, Int4, Int8, IntervalArg, NumericArg, Text, TimestampArg, TimestampTzArg,
};
use crate::functions::datetime::zones::{SessionZone, in_session_zone};
use crate::functions::function::Function;
use crate::functions::strict::{cached2, cached3};
use crate::postgres::datetime::zone::Zone;
use crate::postgres::error::ValueResult;
use crate::postgres::formatting::{DateTemplate, Moment, NumberTemplate, ReadZone, ZoneLabel};
use crate::postgres::numeric::Numeric;
use crate::postgres::value::{Interval, Timestamp, TimestampTz};

/// The last template that rows of a batch had.
struct Last<T>(Option<(String, T)>);

impl<T> Default for Last<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Last<T> {
    fn get(&mut self, text: &str, read: fn(&str) -> ValueResult<T>) -> ValueResult<&T> {
        let known = self.0.take().filter(|(known, _)| known == text);
        let template = match known {
            Some(known) => known,
            None => (text.to_owned(), read(text)?),
        };
        Ok(&self.0.insert(template).1)
    }
}

type Dates = Last<DateTemplate>;
type Numbers = Last<NumberTemplate>;

/// A template and the zone of the session.
#[derive(Default)]
struct DateAndZone {
    template: Dates,
    zone: SessionZone,
}

pub(super) fn formats() -> Vec<Function> {
    let mut functions = vec![
        cached2::<Dates, TimestampArg, Text, _, _>("to_char", |last, timestamp, template| {
            last.get(template, DateTemplate::parse)?.moment(Moment { timestamp, zone: None })
        }),
        in_session_zone(cached3::<DateAndZone, TimestampTzArg, Text, Text, _, _>(
            "to_char",
            |state, moment: TimestampTz, template, zone| {
                let zone = state.zone.get(zone)?;
                let (abbreviation, offset_seconds) = zone.label_at(moment);
                let label = ZoneLabel { abbreviation: &abbreviation, offset_seconds };
                let moment = Moment { timestamp: zone.to_local(moment)?, zone: Some(label) };
                state.template.get(template, DateTemplate::parse)?.moment(moment)
            },
        )),
        cached2::<Dates, IntervalArg, Text, _, _>("to_char", |last, interval: Interval, template| {
            last.get(template, DateTemplate::parse)?.interval(interval)
        }),
        cached2::<Dates, Text, Text, _, _>("to_date", |last, text, template| {
            last.get(template, DateTemplate::parse)?.read_date(text)
        }),
        in_session_zone(cached3::<DateAndZone, Text, Text, Text, _, _>(
            "to_timestamp",
            |state, text, template, zone| {
                let read = state.template.get(template, DateTemplate::parse)?.read_timestamp(text)?;
                in_read_zone(read.timestamp, read.zone, state.zone.get(zone)?)
            },
        )),
    ];
    functions.extend(numbers());
    functions
}

fn in_read_zone(timestamp: Timestamp, read: Option<ReadZone>, session: &Zone) -> ValueResult<TimestampTz> {
    match read {
        None => session.to_utc(timestamp),
        Some(ReadZone::Offset(seconds)) => Zone::fixed(seconds).to_utc(timestamp),
        Some(ReadZone::Abbreviation { abbreviation, zone }) => {
            let zone = Zone::parse(abbreviation, session).or_else(|_| Zone::parse(zone, session))?;
            zone.to_utc(timestamp)
        }
    }
}

fn numbers() -> Vec<Function> {
    vec![
        cached2::<Numbers, Int4, Text, _, _>("to_char", |last, value, template| {
            last.get(template, NumberTemplate::parse)?.integer(value)
        }),
        cached2::<Numbers, Int8, Text, _, _>("to_char", |last, value, template| {
            last.get(template, NumberTemplate::parse)?.bigint(value)
        }),
        cached2::<Numbers, Float4, Text, _, _>("to_char", |last, value, template| {
            last.get(template, NumberTemplate::parse)?.real(value)
        }),
        cached2::<Numbers, Float8, Text, _, _>("to_char", |last, value, template| {
            last.get(template, NumberTemplate::parse)?.double(value)
        }),
        cached2::<Numbers, NumericArg, Text, _, _>("to_char", |last, value: Numeric, template| {
            last.get(template, NumberTemplate::parse)?.numeric(&value.to_string())
        }),
        cached2::<Numbers, Text, Text, _, _>("to_number", |last, text, template| {
            let read = last.get(template, NumberTemplate::parse)?.read(text)?;
            read.map(|text| Numeric::parse(&text)).transpose()
        }),
    ]
}
