//! The calls of the listener by their paths: what they are called in metrics, and what becomes of each while the server
//! shuts down. A path that is not here is that of no service.

const FLIGHT: &str = "/arrow.flight.protocol.FlightService/";
const HEALTH: &str = "/grpc.health.v1.Health/";
const REFLECTIONS: [&str; 2] = ["/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"];

/// Actions that begin nothing. A client that has read its result sends them, and would take a refusal for a failure of
/// what it has done.
const ENDING_ACTIONS: [&str; 6] =
    ["CancelFlightInfo", "CancelQuery", "ClosePreparedStatement", "CloseSession", "EndSavepoint", "EndTransaction"];

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Handshake,
    ListFlights,
    GetFlightInfo,
    PollFlightInfo,
    GetSchema,
    DoGet,
    DoPut,
    DoExchange,
    DoAction,
    ListActions,
    Health,
    Reflection,
    /// There is no such call.
    Unknown,
}

impl Call {
    pub(super) fn of(path: &str) -> Self {
        if path.starts_with(HEALTH) {
            return Self::Health;
        }
        if REFLECTIONS.iter().any(|service| path.starts_with(service)) {
            return Self::Reflection;
        }
        match path.strip_prefix(FLIGHT) {
            Some("Handshake") => Self::Handshake,
            Some("ListFlights") => Self::ListFlights,
            Some("GetFlightInfo") => Self::GetFlightInfo,
            Some("PollFlightInfo") => Self::PollFlightInfo,
            Some("GetSchema") => Self::GetSchema,
            Some("DoGet") => Self::DoGet,
            Some("DoPut") => Self::DoPut,
            Some("DoExchange") => Self::DoExchange,
            Some("DoAction") => Self::DoAction,
            Some("ListActions") => Self::ListActions,
            Some(_) | None => Self::Unknown,
        }
    }

    /// As metrics name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Handshake => "Handshake",
            Self::ListFlights => "ListFlights",
            Self::GetFlightInfo => "GetFlightInfo",
            Self::PollFlightInfo => "PollFlightInfo",
            Self::GetSchema => "GetSchema",
            Self::DoGet => "DoGet",
            Self::DoPut => "DoPut",
            Self::DoExchange => "DoExchange",
            Self::DoAction => "DoAction",
            Self::ListActions => "ListActions",
            Self::Health => "Health",
            Self::Reflection => "Reflection",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it is answered while the server shuts down: what leads to results of tickets that have been handed out,
    /// and what tells that it does. Which actions are, [`is_ending`] knows.
    pub(super) fn goes_on(self) -> bool {
        matches!(self, Self::DoGet | Self::DoAction | Self::Handshake | Self::Health)
    }

    /// Whether it hands out tickets.
    pub(super) fn gives_tickets(self) -> bool {
        matches!(self, Self::GetFlightInfo | Self::PollFlightInfo)
    }
}

/// Whether an action is answered while the server shuts down.
pub(super) fn is_ending(action: &str) -> bool {
    ENDING_ACTIONS.contains(&action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_known() {
        for (path, call) in [
            ("/arrow.flight.protocol.FlightService/DoGet", Call::DoGet),
            ("/arrow.flight.protocol.FlightService/doget", Call::Unknown),
            ("/arrow.flight.protocol.FlightService/", Call::Unknown),
            ("/grpc.health.v1.Health/Watch", Call::Health),
            ("/grpc.health.v1.Healthy/Watch", Call::Unknown),
            ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Call::Reflection),
            ("", Call::Unknown),
        ] {
            assert_eq!(Call::of(path), call, "{path}");
        }
        for name in ["Handshake", "ListFlights", "GetFlightInfo", "PollFlightInfo", "GetSchema", "DoGet", "DoPut"] {
            assert_eq!(Call::of(&format!("{FLIGHT}{name}")).name(), name);
        }
        for name in ["DoExchange", "DoAction", "ListActions"] {
            assert_eq!(Call::of(&format!("{FLIGHT}{name}")).name(), name);
        }
    }

    #[test]
    fn what_ends_something_goes_on() {
        assert!(Call::DoGet.goes_on() && Call::DoAction.goes_on() && Call::Health.goes_on());
        assert!(!Call::GetFlightInfo.goes_on() && !Call::Unknown.goes_on() && !Call::Reflection.goes_on());
        assert!(is_ending("ClosePreparedStatement") && !is_ending("CreatePreparedStatement") && !is_ending(""));
    }
}
