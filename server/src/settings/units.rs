//! Sizes and times as people write them: `512MiB`, `5m`.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

/// What may be added to any moment.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(pub Duration);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size: bytesize::ByteSize =
            text.parse().map_err(|_| format!("{text} is not a size; sizes are written 512MiB or 4GiB"))?;
        Ok(Self(size.as_u64()))
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match humantime::parse_duration(text) {
            Ok(period) if period > LONGEST => Err(format!("{text} is too long; a time has at most ten years")),
            Ok(period) if !period.is_zero() => Ok(Self(period)),
            _ => Err(format!("{text} is not a time; times are written 30s, 5m or 1h")),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_with_their_units() {
        assert_eq!("512MiB".parse::<Bytes>(), Ok(Bytes(512 << 20)));
        assert_eq!("5m".parse::<Period>(), Ok(Period(Duration::from_secs(300))));
        assert!("soon".parse::<Period>().is_err());
        assert!("0s".parse::<Period>().is_err());
        assert!("1000years".parse::<Period>().is_err());
        assert!("large".parse::<Bytes>().is_err());
    }
}
