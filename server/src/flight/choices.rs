//! What a client chooses for its queries: where names are looked up, the time zone, what it demands of answers, and
//! whether texts come as views. It says so in headers, or else once for its session; the handles and tickets that are
//! made then keep it.

use rail_forge_planner::SessionOptions;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::demands::Demands;

/// Headers in which a client says where unqualified names are looked up, as percent-encoded UTF-8.
const CATALOG_HEADER: &str = "x-rail-forge-catalog";
const SCHEMA_HEADER: &str = "x-rail-forge-schema";
const TIMEZONE_HEADER: &str = "x-rail-forge-timezone";
/// `true` or `false`.
const VIEWS_HEADER: &str = "x-rail-forge-views";

/// The choices for a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Choices {
    pub(super) options: SessionOptions,
    pub(super) demands: Demands,
    /// Whether texts and bytes come as views.
    pub(super) views: bool,
}

impl Choices {
    /// What headers say, and of the rest what the session says.
    ///
    /// # Errors
    /// When a header cannot be read.
    pub(super) fn of(headers: &MetadataMap, session: Self) -> Result<Self, Status> {
        let Self { options: SessionOptions { catalog, schema, timezone }, demands, views } = session;
        let options = SessionOptions {
            catalog: decoded(headers, CATALOG_HEADER)?.or(catalog),
            schema: decoded(headers, SCHEMA_HEADER)?.or(schema),
            timezone: decoded(headers, TIMEZONE_HEADER)?.or(timezone),
        };
        let views = match headers.get(VIEWS_HEADER).map(|value| value.as_bytes()) {
            None | Some(b"") => views,
            Some(b"true") => true,
            Some(b"false") => false,
            Some(_) => {
                return Err(Status::invalid_argument(format!("the header {VIEWS_HEADER} may say true or false")));
            }
        };
        Ok(Self { options, demands: Demands::of(headers, demands)?, views })
    }
}

fn decoded(headers: &MetadataMap, name: &'static str) -> Result<Option<String>, Status> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    percent_encoding::percent_decode(value.as_bytes())
        .decode_utf8()
        .map(|value| Some(value.into_owned()))
        .map_err(|_| Status::invalid_argument(format!("the header {name} is not percent-encoded UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_before_the_session() {
        let options = SessionOptions { catalog: Some("a".into()), schema: Some("b".into()), timezone: None };
        let session = Choices { options, views: true, ..Choices::default() };
        let mut headers = MetadataMap::new();
        assert_eq!(Choices::of(&headers, session.clone()).unwrap(), session);
        headers.insert(SCHEMA_HEADER, "%C3%A4".parse().unwrap());
        headers.insert(VIEWS_HEADER, "false".parse().unwrap());
        let both = Choices::of(&headers, session).unwrap();
        assert_eq!((both.options.catalog.as_deref(), both.options.schema.as_deref()), (Some("a"), Some("ä")));
        assert!(!both.views);
        headers.insert(VIEWS_HEADER, "yes".parse().unwrap());
        assert!(Choices::of(&headers, Choices::default()).unwrap_err().message().contains(VIEWS_HEADER));
    }
}
