//! Statement handles and tickets. They hold all that is needed to serve them, so that the server keeps no
//! state for clients that never come back, and any replica can answer. The bytes are the client's to keep, so they
//! are signed, and for one principal: a handle that was made or changed elsewhere, or given to somebody else, is one
//! that there never was.

use std::sync::Arc;
use std::time::Duration;

use arrow_flight::FlightData;
use prost::Message;
use prost::bytes::Bytes;
use rail_forge_planner::{Class, Query, SessionOptions};
use tonic::{Extensions, Status};

use super::choices::Choices;
use super::demands::Demands;
use super::parameters;
use super::random_id::RandomId;
use crate::auth::{Principal, Purpose, SIGNATURE_BYTES, SigningKey};
use crate::authorisation::Rights;

/// Signs the handles of one principal.
pub(super) struct Seal {
    key: SigningKey,
    principal: Principal,
}

impl Seal {
    /// The seal of whoever makes a request.
    pub(super) fn of(key: &SigningKey, extensions: &Extensions) -> Result<Self, Status> {
        Ok(Self { key: key.clone(), principal: Principal::of(extensions)?.clone() })
    }

    fn close(&self, message: &[u8]) -> Vec<u8> {
        [&self.key.sign(Purpose::Statement, &self.signed(message))[..], message].concat()
    }

    fn open<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (signature, message) = bytes.split_at_checked(SIGNATURE_BYTES)?;
        self.key.verify(Purpose::Statement, &self.signed(message), signature).then_some(message)
    }

    fn signed<'a>(&'a self, message: &'a [u8]) -> [&'a [u8]; 2] {
        [self.principal.name().as_bytes(), message]
    }
}

/// What a handle says.
#[derive(Clone, PartialEq, Message)]
pub(super) struct StatementHandle {
    #[prost(string, tag = "1")]
    pub(super) sql: String,
    #[prost(string, optional, tag = "2")]
    pub(super) catalog: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(super) schema: Option<String>,
    /// The bound parameters, as the client sent them.
    #[prost(message, repeated, tag = "4")]
    pub(super) parameters: Vec<FlightData>,
    /// The snapshot that FlightInfo has described; a ticket has it, a prepared statement has not.
    #[prost(uint64, optional, tag = "5")]
    pub(super) version: Option<u64>,
    #[prost(string, optional, tag = "6")]
    pub(super) timezone: Option<String>,
    /// What was demanded when it was made; headers of a call come before it.
    #[prost(bool, tag = "16")]
    anew: bool,
    #[prost(double, optional, tag = "17")]
    max_staleness_seconds: Option<f64>,
    #[prost(bool, tag = "18")]
    is_batch: bool,
    /// Whether its texts come as views.
    #[prost(bool, tag = "19")]
    pub(super) views: bool,
    /// By which the query of a ticket can be cancelled; a prepared statement has none.
    #[prost(bytes = "vec", optional, tag = "20")]
    id: Option<Vec<u8>>,
}

impl StatementHandle {
    pub(super) fn new(sql: String, choices: Choices) -> Self {
        let Choices { options: SessionOptions { catalog, schema, timezone }, demands, views } = choices;
        Self {
            sql,
            catalog,
            schema,
            timezone,
            parameters: vec![],
            version: None,
            anew: demands.anew,
            max_staleness_seconds: demands.max_staleness.map(|time| time.as_secs_f64()),
            is_batch: demands.class == Class::Batch,
            views,
            id: None,
        }
    }

    /// The handle of a ticket: of the snapshot that has been described, with an id of its own.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub(super) fn for_ticket(self, version: u64) -> Result<Self, Status> {
        Ok(Self { version: Some(version), id: Some(RandomId::new()?.to_bytes()), ..self })
    }

    /// By which its query can be cancelled.
    pub(super) fn query_id(&self) -> Option<RandomId> {
        self.id.as_deref().and_then(RandomId::from_bytes)
    }

    /// What was demanded when it was made.
    pub(super) fn demands(&self) -> Demands {
        Demands {
            anew: self.anew,
            max_staleness: self.max_staleness_seconds.and_then(|time| Duration::try_from_secs_f64(time).ok()),
            class: if self.is_batch { Class::Batch } else { Class::Interactive },
        }
    }

    /// What a principal's handle says.
    pub(super) fn from_bytes(bytes: &[u8], seal: &Seal) -> Result<Self, Status> {
        seal.open(bytes)
            .and_then(|message| Self::decode(message).ok())
            .ok_or_else(|| Status::not_found("no such statement; prepare it again"))
    }

    /// The handle, for this principal.
    pub(super) fn to_bytes(&self, seal: &Seal) -> Bytes {
        seal.close(&self.encode_to_vec()).into()
    }

    /// The statement with its parameters, for somebody who may read so much now, whatever was when it was prepared.
    pub(super) async fn query(&self, demands: Demands, rights: &Rights) -> Result<Query, Status> {
        let parameters = match self.parameters.as_slice() {
            [] => None,
            messages => Some(parameters::decode(messages.to_vec()).await?),
        };
        let (catalog, schema, timezone) = (self.catalog.clone(), self.schema.clone(), self.timezone.clone());
        let options = SessionOptions { catalog, schema, timezone };
        let Demands { anew, class, .. } = demands;
        let policy = Arc::clone(&rights.policy);
        Ok(Query { sql: self.sql.clone(), parameters, options, anew, class, policy })
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn seal(key: &SigningKey, name: &str) -> Seal {
        Seal { key: key.clone(), principal: Principal::named(name) }
    }

    fn refusal(bytes: &[u8], seal: &Seal) -> (Code, String) {
        let status = StatementHandle::from_bytes(bytes, seal).unwrap_err();
        (status.code(), status.message().to_owned())
    }

    #[test]
    fn a_handle_is_for_whom_it_was_made_and_as_it_was_made() {
        let key = SigningKey::random().unwrap();
        let handle = StatementHandle::new("SELECT 1".to_owned(), Choices::default());
        let bytes = handle.to_bytes(&seal(&key, "a"));
        assert_eq!(StatementHandle::from_bytes(&bytes, &seal(&key, "a")).unwrap(), handle);
        let unknown = refusal(b"nonsense", &seal(&key, "a"));
        assert_eq!(unknown.0, Code::NotFound);
        for other in [seal(&key, "b"), seal(&key, ""), seal(&SigningKey::random().unwrap(), "a")] {
            assert_eq!(refusal(&bytes, &other), unknown);
        }
        for index in 0..bytes.len() {
            let mut forged = bytes.to_vec();
            forged[index] ^= 1;
            assert_eq!(refusal(&forged, &seal(&key, "a")), unknown, "byte {index}");
        }
        assert_eq!(refusal(&handle.encode_to_vec(), &seal(&key, "a")), unknown);
        assert_eq!(refusal(b"", &seal(&key, "a")), unknown);
    }

    /// What is signed is read as well, whatever it is.
    #[test]
    fn bytes_that_are_no_handle_are_unknown_though_they_are_signed() {
        let seal = seal(&SigningKey::random().unwrap(), "a");
        let mut handle = StatementHandle::new("SELECT $1".to_owned(), Choices::default());
        handle.parameters = vec![FlightData { data_header: vec![1; 9].into(), ..Default::default() }];
        let message = handle.encode_to_vec();
        for seed in 0..20_000 {
            let mut chance = fastrand::Rng::with_seed(seed);
            let mut changed = message.clone();
            for _ in 0..chance.usize(1..4) {
                let at = chance.usize(..changed.len());
                changed[at] = chance.u8(..);
            }
            changed.truncate(chance.usize(..changed.len() * 2));
            match StatementHandle::from_bytes(&seal.close(&changed), &seal) {
                Ok(read) => assert_eq!(StatementHandle::decode(&*read.encode_to_vec()).unwrap(), read, "seed {seed}"),
                Err(status) => assert_eq!(status.code(), Code::NotFound, "seed {seed}"),
            }
        }
    }

    #[test]
    fn a_handle_keeps_the_choices_that_it_was_made_with() {
        let demands = Demands { anew: true, max_staleness: Some(Duration::from_millis(2_500)), class: Class::Batch };
        let choices = Choices { options: SessionOptions::default(), demands, views: true };
        let seal = seal(&SigningKey::random().unwrap(), "a");
        let handle = StatementHandle::new("SELECT 1".to_owned(), choices);
        assert_eq!(handle.query_id(), None);
        let ticket = handle.clone().for_ticket(7).unwrap();
        let read = StatementHandle::from_bytes(&ticket.to_bytes(&seal), &seal).unwrap();
        assert_eq!((read.demands(), read.views, read.version), (demands, true, Some(7)));
        assert!(read.query_id().is_some() && read.query_id() == ticket.query_id());
        assert_ne!(handle.for_ticket(7).unwrap().query_id(), ticket.query_id());
    }

    #[test]
    fn without_a_principal_there_is_no_seal() {
        let key = SigningKey::random().unwrap();
        assert_eq!(Seal::of(&key, &Extensions::new()).map(|_| ()).unwrap_err().code(), Code::Unauthenticated);
    }
}
