//! Why a call failed, for programs: the `google.rpc.ErrorInfo` that each status carries in `grpc-status-details-bin`.
//! Texts may become better; the reasons stay, so that nobody has to read texts.

use std::collections::BTreeMap;

use arrow_flight::sql::Any;
use prost::Message;
use prost::bytes::Bytes;
use tonic::{Code, Status};

/// Whose reasons they are.
const DOMAIN: &str = "rail-forge";
/// The name by which `google.protobuf.Any` knows the message.
const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";

/// Bytes of headers that a message may take: once with percent signs for what is no plain ASCII, once more as it is
/// in the details. gRPC's C++ library refuses answers by chance when their headers are above 8 KiB.
const MESSAGE_BYTES: usize = 6 << 10;
/// Bytes of each value beside the reason. There are at most three.
const METADATA_BYTES: usize = 256;

/// How arrow-flight begins to say that it cannot decode a command or the body of an action. It has INTERNAL for that.
const UNDECODABLE: &str = "ParseError(\"Unable to decode Any value";

/// Declares the reasons with their names on the wire.
macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident = $name:literal,)*) => {
        /// A reason. Its name is an interface; docs/flight-sql.md lists all of them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Reason {
            $($(#[$doc])* $reason,)*
        }

        impl Reason {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$reason,)*];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$reason => $name,)*
                }
            }
        }
    };
}

reasons! {
    /// The SQL text cannot be parsed.
    SyntaxError = "SYNTAX_ERROR",
    /// A column, function or type that is not there, or types that do not go together.
    InvalidQuery = "INVALID_QUERY",
    /// The query's data make an expression fail.
    InvalidValue = "INVALID_VALUE",
    /// Parameters of the wrong number or type.
    InvalidParameter = "INVALID_PARAMETER",
    /// Something would be changed.
    ReadOnly = "READ_ONLY",
    /// No such table.
    UnknownTable = "UNKNOWN_TABLE",
    /// No such stored query.
    UnknownQuery = "UNKNOWN_QUERY",
    /// A handle or a ticket that is not of this server.
    UnknownStatement = "UNKNOWN_STATEMENT",
    /// A transaction that is not of this server.
    UnknownTransaction = "UNKNOWN_TRANSACTION",
    /// No session, or one that has ended.
    UnknownSession = "UNKNOWN_SESSION",
    /// A header, a descriptor, a body or Arrow data that cannot be read.
    InvalidRequest = "INVALID_REQUEST",
    /// PostgreSQL or the specification may have it, RailForge does not.
    Unsupported = "UNSUPPORTED",
    /// A limit of size or memory.
    TooLarge = "TOO_LARGE",
    /// No place became free.
    Busy = "BUSY",
    /// The server is about to end.
    ShuttingDown = "SHUTTING_DOWN",
    /// The query ran for too long.
    QueryTimeout = "QUERY_TIMEOUT",
    /// It was stopped.
    Cancelled = "CANCELLED",
    /// The snapshot of a ticket is no longer kept.
    SnapshotGone = "SNAPSHOT_GONE",
    /// PostgreSQL does not answer.
    SourceUnavailable = "SOURCE_UNAVAILABLE",
    /// A setting of a source is wrong.
    SourceConfiguration = "SOURCE_CONFIGURATION",
    /// PostgreSQL, asked for the whole query, refused it.
    RefusedByPostgres = "REFUSED_BY_POSTGRES",
    /// A table cannot be served as it is.
    TableRefused = "TABLE_REFUSED",
    /// A table could not be made as fresh as demanded.
    TooStale = "TOO_STALE",
    /// The disk of the data folder is full.
    DiskFull = "DISK_FULL",
    /// The data folder cannot be read or written.
    StorageFailed = "STORAGE_FAILED",
    /// Another server has the data folder.
    StorageInUse = "STORAGE_IN_USE",
    /// The client is not known.
    NotAuthenticated = "NOT_AUTHENTICATED",
    /// The client is known, and may not.
    NotPermitted = "NOT_PERMITTED",
    /// A defect; the server's log has the cause.
    Internal = "INTERNAL",
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    /// Clients written in Go show this one, and not that of the header.
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.rpc.ErrorInfo`.
#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(btree_map = "string, string", tag = "3")]
    metadata: BTreeMap<String, String>,
}

/// A reason, and what else there is to know.
#[derive(Debug)]
pub(super) struct Told {
    code: Code,
    reason: Reason,
    metadata: BTreeMap<String, String>,
}

impl Told {
    pub(super) fn new(code: Code, reason: Reason) -> Self {
        Self { code, reason, metadata: BTreeMap::new() }
    }

    pub(super) fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.metadata.insert(key.to_owned(), shortened(value.to_string(), METADATA_BYTES, |_| 1));
        self
    }

    /// The status, whose headers are no larger than clients read.
    pub(super) fn status(self, message: impl Into<String>) -> Status {
        let message = shortened(message.into(), MESSAGE_BYTES, bytes_on_the_wire);
        let info =
            ErrorInfo { reason: self.reason.name().to_owned(), domain: DOMAIN.to_owned(), metadata: self.metadata };
        let info = Any { type_url: ERROR_INFO.to_owned(), value: info.encode_to_vec().into() };
        let details = RpcStatus { code: self.code as i32, message: message.clone(), details: vec![info] };
        Status::with_details(self.code, message, Bytes::from(details.encode_to_vec()))
    }
}

/// A status that says why by its code alone, as those of what cannot be read and of what arrow-flight refuses itself.
pub(super) fn with_reason(status: Status) -> Status {
    if !status.details().is_empty() {
        return status;
    }
    let status = if status.code() == Code::Internal && status.message().starts_with(UNDECODABLE) {
        Status::invalid_argument("the message cannot be decoded as what its type_url says it is")
    } else {
        status
    };
    let reason = match status.code() {
        Code::InvalidArgument => Reason::InvalidRequest,
        Code::NotFound => Reason::UnknownStatement,
        Code::Unimplemented => Reason::Unsupported,
        Code::ResourceExhausted | Code::OutOfRange => Reason::TooLarge,
        Code::DeadlineExceeded => Reason::QueryTimeout,
        Code::Cancelled => Reason::Cancelled,
        // The file of the tokens cannot be read.
        Code::Unavailable => Reason::StorageFailed,
        Code::Unauthenticated => Reason::NotAuthenticated,
        Code::PermissionDenied => Reason::NotPermitted,
        Code::Ok
        | Code::Unknown
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Internal
        | Code::DataLoss => Reason::Internal,
    };
    // tonic says so of a message that is longer than it may be, for which there is another code.
    let code = if status.code() == Code::OutOfRange { Code::ResourceExhausted } else { status.code() };
    Told::new(code, reason).status(status.message())
}

/// The name of a status's reason, if it has one.
pub(super) fn name_of(status: &Status) -> Option<String> {
    let details = RpcStatus::decode(status.details()).ok()?.details;
    let info = details.iter().find(|detail| detail.type_url == ERROR_INFO)?;
    ErrorInfo::decode(info.value.clone()).ok().map(|info| info.reason)
}

/// What a byte of a message takes in the two headers that have it.
fn bytes_on_the_wire(byte: u8) -> usize {
    if byte.is_ascii_alphanumeric() || b"_-.,:;()'/=+*".contains(&byte) { 1 + 1 } else { 3 + 1 }
}

/// As much of a text as fits.
fn shortened(mut text: String, most: usize, size: impl Fn(u8) -> usize) -> String {
    let mut taken = 0;
    let end = text.bytes().position(|byte| {
        taken += size(byte);
        taken > most
    });
    if let Some(end) = end {
        text.truncate(text.floor_char_boundary(end));
        text.push_str(" ...");
    }
    text
}

#[cfg(test)]
mod tests {
    use arrow_flight::sql::{Command, CommandStatementQuery};

    use super::*;

    /// What gRPC's C++ library refuses by chance begins here. Beside message and details there are some 300 bytes.
    const HEADER_BYTES: usize = 8 << 10;
    const PAGE: &str = include_str!("../../../docs/flight-sql.md");

    fn read(status: &Status) -> (RpcStatus, ErrorInfo) {
        let details = RpcStatus::decode(status.details()).unwrap();
        let info = ErrorInfo::decode(details.details[0].value.clone()).unwrap();
        (details, info)
    }

    #[test]
    fn a_status_carries_its_reason() {
        let told = Told::new(Code::InvalidArgument, Reason::SyntaxError).with("line", 2);
        let status = told.status("no");
        let (details, info) = read(&status);
        assert_eq!((details.code, details.message.as_str()), (3, "no"));
        assert_eq!(details.details[0].type_url, ERROR_INFO);
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("SYNTAX_ERROR", "rail-forge"));
        assert_eq!(name_of(&status).as_deref(), Some("SYNTAX_ERROR"));
        assert_eq!(name_of(&Status::internal("no")), None);
        assert_eq!(info.metadata, [("line".to_owned(), "2".to_owned())].into());
    }

    #[test]
    fn what_arrow_flight_cannot_decode_is_the_clients() {
        let mut any = Any::pack(&CommandStatementQuery::default()).unwrap();
        any.value = Bytes::from_static(b"\xff");
        let told = format!("{:?}", Command::try_from(any).unwrap_err());
        let status = with_reason(Status::internal(told));
        assert_eq!((status.code(), read(&status).1.reason.as_str()), (Code::InvalidArgument, "INVALID_REQUEST"));
        assert_eq!(with_reason(Status::internal("x")).code(), Code::Internal);
    }

    #[test]
    fn what_has_a_reason_keeps_it_and_what_has_none_gets_one() {
        let status = with_reason(with_reason(Told::new(Code::NotFound, Reason::UnknownTable).status("x")));
        assert_eq!(read(&status).1.reason, "UNKNOWN_TABLE");
        let status = with_reason(Status::unimplemented("no"));
        assert_eq!((status.code(), status.message()), (Code::Unimplemented, "no"));
        assert_eq!(read(&status).1.reason, "UNSUPPORTED");
        assert_eq!(read(&with_reason(Status::unavailable("no"))).1.reason, "STORAGE_FAILED");
        let status = with_reason(Status::out_of_range("too long"));
        assert_eq!((status.code(), read(&status).1.reason.as_str()), (Code::ResourceExhausted, "TOO_LARGE"));
    }

    #[test]
    fn headers_stay_below_what_clients_read() {
        for text in ["ä", "x", " ", "%", "é \u{1f600}"] {
            let told = ["a", "b", "c"]
                .into_iter()
                .fold(Told::new(Code::Internal, Reason::Internal), |told, key| told.with(key, text.repeat(10_000)));
            let status = told.status(text.repeat(10_000));
            let mut headers = tonic::codegen::http::HeaderMap::new();
            status.add_header(&mut headers).unwrap();
            let message = headers[Status::GRPC_MESSAGE].len();
            assert!(message + status.details().len() < HEADER_BYTES - 300, "{text}: {message}");
            assert!(status.message().ends_with(" ..."), "{text}");
        }
        assert_eq!(Told::new(Code::Internal, Reason::Internal).status("a b").message(), "a b");
    }

    #[test]
    fn the_page_lists_every_reason() {
        for reason in Reason::ALL {
            assert!(PAGE.contains(&format!("| `{}` |", reason.name())), "{reason:?}");
        }
    }
}
