//! What a client demands of a query: how fresh its answer has to be, and who waits for it. It says so in the headers of
//! single calls, or once for its session.

use std::time::Duration;

use rail_forge_planner::Class;
use tonic::Status;
use tonic::metadata::MetadataMap;

/// Directives as in HTTP's `Cache-Control`: `no-cache`, `max-staleness=SECONDS`.
const CACHE_HEADER: &str = "x-rail-forge-cache-control";
/// `interactive` or `batch`.
const PRIORITY_HEADER: &str = "x-rail-forge-priority";

/// The demands of a query.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Demands {
    /// Whether it is computed anew.
    pub(super) anew: bool,
    /// Tables that are older are refreshed before.
    pub(super) max_staleness: Option<Duration>,
    pub(super) class: Class,
}

impl Demands {
    /// What headers demand; of what they say nothing, it stays as it is.
    ///
    /// # Errors
    /// When a header says something else.
    pub(super) fn of(headers: &MetadataMap, otherwise: Self) -> Result<Self, Status> {
        let mut demands = otherwise;
        let directives = text(headers, CACHE_HEADER)?;
        if !directives.is_empty() {
            let refused = |NoDirective { said, allowed }| refused(CACHE_HEADER, &said, allowed);
            demands = demands.directed(directives).map_err(refused)?;
        }
        let priority = text(headers, PRIORITY_HEADER)?;
        if !priority.is_empty() {
            let refused = || refused(PRIORITY_HEADER, priority, "interactive or batch");
            demands.class = class(priority).ok_or_else(refused)?;
        }
        Ok(demands)
    }

    /// The same with what the directives say of the cache, and nothing else of it.
    pub(super) fn directed(self, directives: &str) -> Result<Self, NoDirective> {
        let mut demands = Self { anew: false, max_staleness: None, ..self };
        for directive in directives.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
            let refused = |allowed| NoDirective { said: directive.to_owned(), allowed };
            match directive.split_once('=').unwrap_or((directive, "")) {
                ("no-cache", "") => demands.anew = true,
                ("max-staleness", text) => {
                    let refused = || refused("max-staleness=SECONDS, such as max-staleness=5");
                    demands.max_staleness = Some(seconds(text).ok_or_else(refused)?);
                }
                _ => return Err(refused("no-cache or max-staleness=SECONDS")),
            }
        }
        Ok(demands)
    }
}

/// What is no directive of the cache, and what would be one.
#[derive(Debug)]
pub(super) struct NoDirective {
    said: String,
    allowed: &'static str,
}

/// A time in seconds, as text.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// Who waits, as text.
pub(super) fn class(text: &str) -> Option<Class> {
    match text {
        "interactive" => Some(Class::Interactive),
        "batch" => Some(Class::Batch),
        _ => None,
    }
}

fn text<'a>(headers: &'a MetadataMap, name: &'static str) -> Result<&'a str, Status> {
    let Some(value) = headers.get(name) else { return Ok("") };
    value.to_str().map_err(|_| Status::invalid_argument(format!("the header {name} is not ASCII")))
}

fn refused(header: &str, value: &str, allowed: &str) -> Status {
    Status::invalid_argument(format!("the header {header} says \"{value}\"; it may say {allowed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demands(header: &'static str, value: &'static str) -> Result<Demands, Status> {
        let mut headers = MetadataMap::new();
        headers.insert(header, value.parse().unwrap());
        Demands::of(&headers, Demands::default())
    }

    #[test]
    fn headers_say_what_is_demanded() {
        let fresh = demands(CACHE_HEADER, "no-cache, max-staleness=2.5").unwrap();
        assert!(fresh.anew && fresh.max_staleness == Some(Duration::from_millis(2_500)));
        assert_eq!(demands(PRIORITY_HEADER, "batch").unwrap().class, Class::Batch);
        assert_eq!(Demands::of(&MetadataMap::new(), Demands::default()).unwrap(), Demands::default());
        for (header, value) in [
            (CACHE_HEADER, "no-store"),
            (CACHE_HEADER, "max-staleness"),
            (CACHE_HEADER, "max-staleness=-1"),
            (PRIORITY_HEADER, "high"),
        ] {
            assert!(demands(header, value).unwrap_err().message().contains(header), "{value}");
        }
    }

    #[test]
    fn headers_come_before_what_was_demanded_before() {
        let before =
            Demands { class: Class::Batch, ..Demands::default() }.directed("no-cache, max-staleness=5").unwrap();
        assert_eq!(Demands::of(&MetadataMap::new(), before).unwrap(), before);
        let mut headers = MetadataMap::new();
        headers.insert(CACHE_HEADER, "max-staleness=1".parse().unwrap());
        let both = Demands::of(&headers, before).unwrap();
        assert!(!both.anew && both.max_staleness == Some(Duration::from_secs(1)) && both.class == Class::Batch);
        headers.insert(PRIORITY_HEADER, "interactive".parse().unwrap());
        assert_eq!(Demands::of(&headers, before).unwrap().class, Class::Interactive);
    }
}
