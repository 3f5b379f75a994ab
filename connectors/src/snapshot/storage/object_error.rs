//! What an object store has answered, in few words. Refuses to pass on the answer's body: it can quote the
//! request, and with it a session's token.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, ErrorKind};

use object_store::Error;

/// The words for people; the request itself is the source, and goes to the log.
#[derive(Debug)]
struct Answer {
    summary: String,
    request: Request,
}

/// Which request it was and what became of it, up to the answer's body.
#[derive(Debug)]
struct Request(String);

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.summary)
    }
}

impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl StdError for Answer {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.request)
    }
}

impl StdError for Request {}

/// The error as one of input and output, of the kind that callers look at.
pub(super) fn describe(error: &Error) -> io::Error {
    let kind = match error {
        Error::NotFound { .. } => ErrorKind::NotFound,
        Error::AlreadyExists { .. } | Error::Precondition { .. } => ErrorKind::AlreadyExists,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => ErrorKind::PermissionDenied,
        _ => ErrorKind::Other,
    };
    let text = error.to_string();
    let code = between(&text, "<Code>", "</Code>").map(|code| format!(" ({code})")).unwrap_or_default();
    let summary = match (kind, between(&text, "status code: ", ":")) {
        (ErrorKind::NotFound, _) if text.contains("NoSuchBucket") => format!("there is no such bucket{code}"),
        (ErrorKind::NotFound, _) => format!("there is no such object{code}"),
        (ErrorKind::AlreadyExists, _) => format!("there is an object of that name{code}"),
        (ErrorKind::PermissionDenied, _) => format!("the object store denies access{code}"),
        (_, Some(status)) => format!("the object store answered {status}{code}"),
        (_, None) => format!("the object store gave no answer: {}", before_body(&root_cause(error).to_string())),
    };
    io::Error::new(kind, Answer { summary, request: Request(before_body(&text).to_owned()) })
}

/// The runtime that talks to the object store is stopping.
pub(super) fn stopping() -> io::Error {
    io::Error::other("the server is stopping")
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0.trim())
}

fn before_body(text: &str) -> &str {
    text.split_once('<').map_or(text, |(before, _)| before).trim_end_matches([' ', ':'])
}

fn root_cause<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(body: &str) -> Error {
        let source = format!(
            "Error performing PUT http://h/b/x in 1ms - Server returned non-2xx status code: 403 Forbidden: {body}"
        );
        Error::PermissionDenied { path: "x".into(), source: source.into() }
    }

    #[test]
    fn the_body_of_an_answer_is_not_passed_on() {
        let error = describe(&denied("<Error><Code>ExpiredToken</Code><Token-0>canary</Token-0></Error>"));
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert_eq!(error.to_string(), "the object store denies access (ExpiredToken)");
        let source = error.source().unwrap().to_string();
        assert!(source.contains("http://h/b/x") && source.ends_with("403 Forbidden"), "{source}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }

    #[test]
    fn a_lost_connection_says_what_the_system_said() {
        let refused = io::Error::from(ErrorKind::ConnectionRefused);
        let error = Error::Generic {
            store: "S3",
            source: Box::new(io::Error::other(Error::Generic { store: "S3", source: refused.into() })),
        };
        assert_eq!(describe(&error).to_string(), "the object store gave no answer: connection refused");
    }
}
