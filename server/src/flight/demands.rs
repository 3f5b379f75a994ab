//! What a client demands of a single query, in headers: how fresh its answer has to be, and who waits for it.

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
    /// # Errors
    /// When a header says something else.
    pub(super) fn of(headers: &MetadataMap) -> Result<Self, Status> {
        let mut demands = Self::default();
        let directives =
            text(headers, CACHE_HEADER)?.split(',').map(str::trim).filter(|directive| !directive.is_empty());
        for directive in directives {
            match directive.split_once('=').unwrap_or((directive, "")) {
                ("no-cache", "") => demands.anew = true,
                ("max-staleness", seconds) => {
                    let staleness = seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                    demands.max_staleness = Some(staleness.ok_or_else(|| {
                        refused(CACHE_HEADER, directive, "max-staleness=SECONDS, such as max-staleness=5")
                    })?);
                }
                _ => return Err(refused(CACHE_HEADER, directive, "no-cache or max-staleness=SECONDS")),
            }
        }
        demands.class = match text(headers, PRIORITY_HEADER)? {
            "" | "interactive" => Class::Interactive,
            "batch" => Class::Batch,
            other => return Err(refused(PRIORITY_HEADER, other, "interactive or batch")),
        };
        Ok(demands)
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
        Demands::of(&headers)
    }

    #[test]
    fn headers_say_what_is_demanded() {
        let fresh = demands(CACHE_HEADER, "no-cache, max-staleness=2.5").unwrap();
        assert!(fresh.anew && fresh.max_staleness == Some(Duration::from_millis(2_500)));
        assert_eq!(demands(PRIORITY_HEADER, "batch").unwrap().class, Class::Batch);
        assert_eq!(Demands::of(&MetadataMap::new()).unwrap(), Demands::default());
        for (header, value) in [
            (CACHE_HEADER, "no-store"),
            (CACHE_HEADER, "max-staleness"),
            (CACHE_HEADER, "max-staleness=-1"),
            (PRIORITY_HEADER, "high"),
        ] {
            assert!(demands(header, value).unwrap_err().message().contains(header), "{value}");
        }
    }
}
