//! The options of a session: their names, the values they take, and what they are when nobody has set them. A value
//! that is refused changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use rail_forge_planner::{Class, SessionOptions};

use super::choices::Choices;
use super::demands::{self, Demands};
use super::session_messages::{ErrorValue, OptionValue, SessionOptionValue};

const CATALOG: &str = "catalog";
const SCHEMA: &str = "schema";
const TIMEZONE: &str = "timezone";
const CACHE_CONTROL: &str = "cache_control";
const MAX_STALENESS: &str = "max_staleness";
const PRIORITY: &str = "priority";
const VIEWS: &str = "views";

/// What a session may keep of one text: PostgreSQL's names have at most 63 bytes.
const LONGEST_TEXT_BYTES: usize = 256;
/// As the engine has them.
const DEFAULT_SCHEMA: &str = "public";
const DEFAULT_TIMEZONE: &str = "UTC";

/// What has been set in a session.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct OptionsOfSession {
    catalog: Option<String>,
    schema: Option<String>,
    timezone: Option<String>,
    /// Directives that can be read.
    cache_control: Option<String>,
    max_staleness: Option<Duration>,
    priority: Option<Class>,
    views: Option<bool>,
}

impl OptionsOfSession {
    /// Sets an option; no value, or the empty text, resets it.
    ///
    /// # Errors
    /// When there is no such option, or it does not take the value.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: Option<OptionValue>,
        is_catalog: impl Fn(&str) -> bool,
    ) -> Result<(), ErrorValue> {
        match name {
            CATALOG => self.catalog = checked(value, is_catalog)?,
            // As in PostgreSQL, a schema may come later.
            SCHEMA => self.schema = checked(value, |_| true)?,
            TIMEZONE => self.timezone = checked(value, SessionOptions::is_timezone)?,
            CACHE_CONTROL => {
                self.cache_control = checked(value, |text| Demands::default().directed(text).is_ok())?;
            }
            MAX_STALENESS => self.max_staleness = seconds(value)?,
            PRIORITY => self.priority = read(value, demands::class)?,
            VIEWS => self.views = flag(value)?,
            _ => return Err(ErrorValue::InvalidName),
        }
        Ok(())
    }

    /// What queries of the session go by.
    pub(super) fn choices(self) -> Choices {
        let Self { catalog, schema, timezone, cache_control, max_staleness, priority, views } = self;
        let mut demands = Demands::default();
        if let Some(directed) = cache_control.and_then(|directives| demands.directed(&directives).ok()) {
            demands = directed;
        }
        demands.max_staleness = max_staleness.or(demands.max_staleness);
        demands.class = priority.unwrap_or_default();
        Choices { options: SessionOptions { catalog, schema, timezone }, demands, views: views.unwrap_or_default() }
    }

    /// Every option that has a value, set or not.
    pub(super) fn told(self, default_catalog: Option<&str>) -> BTreeMap<String, SessionOptionValue> {
        let text = |text: &str| Some(OptionValue::Text(text.to_owned()));
        let Self { catalog, schema, timezone, cache_control, max_staleness, priority, views } = self;
        let priority = match priority.unwrap_or_default() {
            Class::Interactive => "interactive",
            Class::Batch => "batch",
        };
        [
            (CATALOG, catalog.as_deref().or(default_catalog).and_then(text)),
            (SCHEMA, text(schema.as_deref().unwrap_or(DEFAULT_SCHEMA))),
            (TIMEZONE, text(timezone.as_deref().unwrap_or(DEFAULT_TIMEZONE))),
            (CACHE_CONTROL, cache_control.as_deref().and_then(text)),
            (MAX_STALENESS, max_staleness.map(|time| OptionValue::Number(time.as_secs_f64()))),
            (PRIORITY, text(priority)),
            (VIEWS, Some(OptionValue::Flag(views.unwrap_or_default()))),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), SessionOptionValue::from(value?))))
        .collect()
    }
}

/// The text that an option is set to; `None` resets it.
fn read<T>(value: Option<OptionValue>, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ErrorValue> {
    match value {
        None => Ok(None),
        Some(OptionValue::Text(text)) if text.is_empty() => Ok(None),
        Some(OptionValue::Text(text)) if text.len() <= LONGEST_TEXT_BYTES && !text.contains('\0') => {
            parse(&text).map(Some).ok_or(ErrorValue::InvalidValue)
        }
        Some(_) => Err(ErrorValue::InvalidValue),
    }
}

fn checked(value: Option<OptionValue>, is_good: impl Fn(&str) -> bool) -> Result<Option<String>, ErrorValue> {
    read(value, |text| is_good(text).then(|| text.to_owned()))
}

fn seconds(value: Option<OptionValue>) -> Result<Option<Duration>, ErrorValue> {
    let seconds = match value {
        Some(OptionValue::Integer(seconds)) => seconds as f64,
        Some(OptionValue::Number(seconds)) => seconds,
        other => return read(other, demands::seconds),
    };
    Duration::try_from_secs_f64(seconds).map(Some).map_err(|_| ErrorValue::InvalidValue)
}

/// Drivers that only know texts write a flag as one.
fn flag(value: Option<OptionValue>) -> Result<Option<bool>, ErrorValue> {
    match value {
        Some(OptionValue::Flag(flag)) => Ok(Some(flag)),
        other => read(other, |text| text.parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<OptionValue> {
        Some(OptionValue::Text(text.to_owned()))
    }

    fn set(options: &mut OptionsOfSession, name: &str, value: Option<OptionValue>) -> Result<(), ErrorValue> {
        options.set(name, value, |catalog| catalog == "shop")
    }

    #[test]
    fn options_take_their_values_and_no_others() {
        let mut options = OptionsOfSession::default();
        for (name, good, bad) in [
            (CATALOG, text("shop"), text("attic")),
            (SCHEMA, text("sales"), text("a\0b")),
            (TIMEZONE, text("Asia/Tokyo"), text("Mars/Olympus")),
            (CACHE_CONTROL, text("no-cache, max-staleness=9"), text("no-store")),
            (MAX_STALENESS, text("2.5"), text("-1")),
            (PRIORITY, text("batch"), text("high")),
            (VIEWS, text("true"), text("yes")),
        ] {
            let before = options.clone();
            for bad in [bad, text(&"x".repeat(300)), Some(OptionValue::List(Default::default()))] {
                assert_eq!(set(&mut options, name, bad), Err(ErrorValue::InvalidValue), "{name}");
            }
            assert_eq!(options, before);
            set(&mut options, name, good).unwrap();
            assert_ne!(options, before, "{name}");
        }
        for name in ["Catalog", "colour", ""] {
            assert_eq!(set(&mut options, name, None), Err(ErrorValue::InvalidName), "{name}");
        }
        let Choices { options: names, demands, views } = options.clone().choices();
        assert_eq!((names.schema.as_deref(), names.timezone.as_deref()), (Some("sales"), Some("Asia/Tokyo")));
        assert!(views && demands.anew && demands.class == Class::Batch);
        assert_eq!(demands.max_staleness, Some(Duration::from_millis(2_500)));
        for name in [CATALOG, SCHEMA, TIMEZONE, CACHE_CONTROL, MAX_STALENESS] {
            set(&mut options, name, None).unwrap();
        }
        for name in [PRIORITY, VIEWS] {
            set(&mut options, name, text("")).unwrap();
        }
        assert_eq!(options, OptionsOfSession::default());
    }

    #[test]
    fn numbers_and_flags_come_as_such_too() {
        let mut options = OptionsOfSession::default();
        set(&mut options, VIEWS, Some(OptionValue::Flag(true))).unwrap();
        for (value, milliseconds) in [(OptionValue::Integer(3), 3_000), (OptionValue::Number(0.5), 500)] {
            set(&mut options, MAX_STALENESS, Some(value)).unwrap();
            assert_eq!(options.max_staleness, Some(Duration::from_millis(milliseconds)));
        }
        for value in [OptionValue::Integer(-1), OptionValue::Number(f64::NAN), OptionValue::Flag(true)] {
            assert!(set(&mut options, MAX_STALENESS, Some(value)).is_err());
        }
    }

    #[test]
    fn what_is_not_set_is_told_as_it_is() {
        let told = OptionsOfSession::default().told(Some("shop"));
        assert_eq!(told.keys().map(String::as_str).collect::<Vec<_>>(), [CATALOG, PRIORITY, SCHEMA, TIMEZONE, VIEWS]);
        assert_eq!(told[CATALOG].option_value, text("shop"));
        assert_eq!(told[TIMEZONE].option_value, text("UTC"));
    }
}
