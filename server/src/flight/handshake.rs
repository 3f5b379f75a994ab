//! The handshake, the one call of those who are not known yet. Clients show a user name and a password, or a token,
//! in a header (pyarrow, ADBC, JDBC, ODBC) or in the first message (the older way), and are given a login in both.

use std::net::IpAddr;
use std::time::Duration;

use arrow_flight::{HandshakeRequest, HandshakeResponse};
use futures::{Stream, StreamExt, stream};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Request, Response, Status, Streaming};

use super::gateway::BoxStream;
use crate::auth::{Credentials, Gate};

/// How long a client may take to send something, and to end.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const AUTHORIZATION: &str = "authorization";

/// Answers a handshake.
///
/// # Errors
/// Unauthenticated, when what the client shows is not valid.
pub(super) async fn answer(
    gate: &Gate,
    request: Request<Streaming<HandshakeRequest>>,
) -> Result<Response<BoxStream<HandshakeResponse>>, Status> {
    let address: Option<IpAddr> = request.remote_addr().map(|address| address.ip());
    let of_headers = Credentials::of_headers(request.metadata().as_ref());
    let mut messages = request.into_inner();
    let shown = match of_headers {
        // Go's client sends no message before it has been answered, and some never send one.
        Some(shown) => Some(shown),
        None => match tokio::time::timeout(LONGEST_WAIT, messages.message()).await {
            Ok(message) => message.map_err(unreadable)?.map(|message| Credentials::of_payload(&message.payload)),
            Err(_) => None,
        },
    };
    let login = gate.log_in(shown, address).await?;
    // Who showed a token goes on with it, and is told no more than that it is good.
    let answers = login.iter().map(|login| HandshakeResponse { protocol_version: 0, payload: login.clone().into() });
    let answers: Vec<_> = answers.map(Ok).collect();
    // The end of the answer is not sent before the client's: pyarrow takes a call for failed that ends sooner.
    let mut response = Response::new(stream::iter(answers).chain(until_the_end(messages)).boxed());
    if let Some(login) = login {
        let mut header: MetadataValue<Ascii> =
            format!("Bearer {login}").parse().map_err(|_| Status::internal("a login does not fit into a header"))?;
        header.set_sensitive(true);
        response.metadata_mut().insert(AUTHORIZATION, header);
    }
    Ok(response)
}

/// The layer before ends a handshake that is too long, which tonic tells as an error that nobody knows.
fn unreadable(error: Status) -> Status {
    tracing::debug!(%error, "a handshake that cannot be read");
    Status::invalid_argument("the message of the handshake cannot be read, or has more than 16 KiB")
}

/// A stream of nothing, which ends when the client has sent everything, or has had the time to.
fn until_the_end(
    mut messages: Streaming<HandshakeRequest>,
) -> impl Stream<Item = Result<HandshakeResponse, Status>> + Send {
    let drained = async move { while let Ok(Some(_)) = messages.message().await {} };
    stream::once(tokio::time::timeout(LONGEST_WAIT, drained)).filter_map(|_| std::future::ready(None))
}
