//! The actions of sessions: options set, told and forgotten. Sessions are known by a cookie, which only a client gets
//! that sets an option.

use std::collections::BTreeMap;

use arrow_flight::Action;
use futures::StreamExt;
use prost::Message;
use tonic::{Code, Request, Response, Status};

use super::actions::ActionStream;
use super::service::Service;
use super::session_messages::{
    CloseSessionRequest, CloseSessionResult, CloseStatus, GetSessionOptionsRequest, GetSessionOptionsResult,
    OptionError, SetSessionOptionsRequest, SetSessionOptionsResult,
};
use super::{cookie, sessions};
use crate::auth::Principal;

pub(super) const SET_ACTION: &str = "SetSessionOptions";
pub(super) const GET_ACTION: &str = "GetSessionOptions";
pub(super) const CLOSE_ACTION: &str = "CloseSession";

/// Options that one call may set. There are fewer.
const MOST_OPTIONS: usize = 64;

/// Sets options. Of those that cannot be set the answer says why; the others are set.
pub(super) fn set(service: &Service, request: &Request<Action>) -> Result<Response<ActionStream>, Status> {
    let SetSessionOptionsRequest { mut session_options } = body(request)?;
    if session_options.len() > MOST_OPTIONS {
        return Err(Status::invalid_argument(format!("at most {MOST_OPTIONS} options are set at a time")));
    }
    // One that must not be known of is refused as one that there is not.
    let catalogs = service.visible(request)?.catalogs(&service.refresher);
    let is_catalog = |text: &str| catalogs.iter().any(|catalog| catalog == text);
    let mut errors = BTreeMap::new();
    let opened = service.sessions.change(request.metadata(), Principal::of(request.extensions())?, |options| {
        for (name, value) in std::mem::take(&mut session_options) {
            if let Err(error) = options.set(&name, value.option_value, is_catalog) {
                errors.insert(name, OptionError { value: error.into() });
            }
        }
    })?;
    let mut response = one_result(&SetSessionOptionsResult { errors });
    if let Some(id) = opened {
        cookie::give(response.metadata_mut(), id);
    }
    Ok(response)
}

/// Tells the options of the session, those too that are as they were.
pub(super) fn get(service: &Service, request: &Request<Action>) -> Result<Response<ActionStream>, Status> {
    let GetSessionOptionsRequest {} = body(request)?;
    let principal = Principal::of(request.extensions())?;
    let options = service.sessions.options(request.metadata(), principal)?;
    // Drivers of ADBC take this code for a server without sessions, and go on.
    let options = options.ok_or_else(|| sessions::none(Code::InvalidArgument))?;
    let catalogs = service.visible(request)?.catalogs(&service.refresher);
    let session_options = options.told(catalogs.first().map(String::as_str));
    Ok(one_result(&GetSessionOptionsResult { session_options }))
}

/// Forgets the session.
pub(super) fn close(service: &Service, request: &Request<Action>) -> Result<Response<ActionStream>, Status> {
    let CloseSessionRequest {} = body(request)?;
    service.sessions.close(request.metadata(), Principal::of(request.extensions())?)?;
    let mut response = one_result(&CloseSessionResult { status: CloseStatus::Closed.into() });
    cookie::take_back(response.metadata_mut());
    Ok(response)
}

/// What an action of Flight itself carries: a message as it is.
pub(super) fn body<T: Message + Default>(request: &Request<Action>) -> Result<T, Status> {
    let action = request.get_ref();
    T::decode(action.body.clone())
        .map_err(|error| Status::invalid_argument(format!("the body of {} cannot be read: {error}", action.r#type)))
}

/// The answer to such an action.
pub(super) fn one_result(message: &impl Message) -> Response<ActionStream> {
    let result = arrow_flight::Result::new(message.encode_to_vec());
    Response::new(futures::stream::iter([Ok(result)]).boxed())
}
