//! The commands that talk to a running server, as any Flight client would.

use arrow::record_batch::RecordBatch;
use arrow::util::pretty::pretty_format_batches_with_schema;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{Action, FlightClient, FlightDescriptor};
use bytesize::ByteSize;
use futures::TryStreamExt;

use super::channel::Address;
use super::progress::Progress;
use super::{SentToken, ServerArgs};
use crate::failure::Failure;
use crate::flight::{REFRESH_ACTION, RefreshMessage, RefreshRequest, STATUS_ACTION};
use crate::refresher::{ServerStatus, TableStatus};

/// Where a token is, unless the command has one.
const TOKEN_VARIABLE: &str = "RAIL_FORGE_TOKEN";

/// `rail-forge refresh`.
pub(super) async fn refresh(server: ServerArgs, tables: Vec<String>) -> Result<(), Failure> {
    let mut client = connect(&server).await?;
    let body = serde_json::to_vec(&RefreshRequest { tables }).map_err(|error| Failure::work(error.to_string()))?;
    let mut messages = client.do_action(Action::new(REFRESH_ACTION, body)).await.map_err(failed)?;
    let mut progress = (!server.json).then(Progress::start);
    let mut not_refreshed = 0;
    while let Some(bytes) = messages.try_next().await.map_err(failed)? {
        let message: RefreshMessage = read(&bytes)?;
        if let RefreshMessage::Table { error: Some(_), .. } = &message {
            not_refreshed += 1;
        }
        match &mut progress {
            Some(progress) => progress.show(message),
            None => println!("{}", String::from_utf8_lossy(&bytes)),
        }
    }
    match not_refreshed {
        0 => Ok(()),
        count => Err(Failure::work(format!("{count} table(s) could not be refreshed"))),
    }
}

/// `rail-forge status`.
pub(super) async fn status(server: ServerArgs) -> Result<(), Failure> {
    let mut client = connect(&server).await?;
    let messages = client.do_action(Action::new(STATUS_ACTION, "")).await.map_err(failed)?;
    let answers: Vec<_> = messages.try_collect().await.map_err(failed)?;
    let answer = answers.first().ok_or_else(|| Failure::work("the server said nothing"))?;
    if server.json {
        println!("{}", String::from_utf8_lossy(answer));
        return Ok(());
    }
    let status: ServerStatus = read(answer)?;
    println!("rail-forge {} at {}", status.version, server.url);
    for source in &status.sources {
        let message = source.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        println!("source {} is {:?}{message}", source.catalog, source.state);
    }
    print_tables(&status.tables);
    if let Some(bytes) = status.stored_bytes {
        println!("{} stored, replaced versions included", ByteSize(bytes).display().iec());
    }
    if let Some(cache) = status.cache {
        let [bytes, limit] = [cache.bytes, cache.limit_bytes].map(|bytes| ByteSize(bytes).display().iec());
        let (columns, hits, read) = (cache.columns, cache.hits, cache.hits + cache.misses);
        println!("{bytes} of {limit} in memory, {columns} columns; {hits} of {read} files were read from there");
    }
    let results = status.results;
    let [bytes, limit] = [results.bytes, results.limit_bytes].map(|bytes| ByteSize(bytes).display().iec());
    let asked = results.hits + results.misses;
    println!("{bytes} of {limit} of results; {} of {asked} queries found theirs", results.hits);
    if status.fallback.answered > 0 {
        println!("{} queries were answered by PostgreSQL, because of:", status.fallback.answered);
        for (reason, count) in &status.fallback.reasons {
            println!("  {count} times: {reason}");
        }
    }
    Ok(())
}

/// `rail-forge sql`.
pub(super) async fn sql(server: ServerArgs, query: String) -> Result<(), Failure> {
    let mut client = connect(&server).await?;
    let info = client.get_flight_info(FlightDescriptor::new_cmd(query)).await.map_err(failed)?;
    let mut batches: Vec<RecordBatch> = vec![];
    for ticket in info.endpoint.iter().filter_map(|endpoint| endpoint.ticket.clone()) {
        let stream = client.do_get(ticket).await.map_err(failed)?;
        if server.json {
            print_json_rows(stream).await?;
        } else {
            batches.extend(stream.try_collect::<Vec<_>>().await.map_err(failed)?);
        }
    }
    if !server.json {
        let truth = String::from_utf8_lossy(&info.app_metadata).into_owned();
        let table = info
            .try_decode_schema()
            .and_then(|schema| pretty_format_batches_with_schema(schema.into(), &batches))
            .map_err(|error| Failure::work(error.to_string()))?;
        println!("{table}\n{truth}");
    }
    Ok(())
}

/// One JSON object a row.
async fn print_json_rows(
    mut batches: impl futures::Stream<Item = Result<RecordBatch, FlightError>> + Unpin,
) -> Result<(), Failure> {
    let mut writer = arrow_json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow_json::writer::LineDelimited>(std::io::stdout().lock());
    while let Some(batch) = batches.try_next().await.map_err(failed)? {
        writer.write(&batch).map_err(|error| Failure::work(error.to_string()))?;
    }
    writer.finish().map_err(|error| Failure::work(error.to_string()))
}

async fn connect(server: &ServerArgs) -> Result<FlightClient, Failure> {
    let address = Address::parse(&server.url)?;
    let token = token(server, &address)?;
    let channel = address.connect(&server.url, &server.tls).await?;
    let inner = FlightServiceClient::new(channel).max_decoding_message_size(usize::MAX);
    let mut client = FlightClient::new_from_inner(inner);
    if let Some(SentToken(token)) = token.filter(|token| !token.0.is_empty()) {
        // The library's error would show the token.
        client.add_header("authorization", &format!("Bearer {token}")).map_err(|_| no_token())?;
    }
    Ok(client)
}

/// The token to send: that of the command, or that of the environment where nobody else can read it on the way.
fn token(server: &ServerArgs, address: &Address) -> Result<Option<SentToken>, Failure> {
    if server.token.is_some() {
        return Ok(server.token.clone());
    }
    let Some(token) = std::env::var_os(TOKEN_VARIABLE).filter(|token| !token.is_empty()) else { return Ok(None) };
    if let Some(host) = address.exposed_host() {
        return Err(Failure::usage(format!(
            "the token of {TOKEN_VARIABLE} is not sent to {host} without TLS, because others can read it on the way; \
             use grpc+tls://, or give it with --token if the way is safe"
        )));
    }
    token.to_str().map(|token| Some(token.into())).ok_or_else(no_token)
}

fn no_token() -> Failure {
    Failure::usage("the token is not one: rail-forge token create makes tokens")
}

/// What the server said, without the transport's wrapping.
fn failed(error: FlightError) -> Failure {
    match error {
        FlightError::Tonic(status) => Failure::work(status.message()),
        other => Failure::work(other.to_string()),
    }
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|_| Failure::work("the server's answer is not of this version of rail-forge"))
}

fn print_tables(tables: &[TableStatus]) {
    let heading = ["table", "rows", "on disk", "as of", "lag"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(heading)
        .chain(tables.iter().map(|table| {
            [
                format!("{}.{}.{}", table.catalog, table.schema, table.table),
                table.rows.map_or_else(String::new, |rows| rows.to_string()),
                table.bytes.map_or_else(String::new, |bytes| ByteSize(bytes).display().iec().to_string()),
                match table.as_of {
                    Some(at) => at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
                    None if table.live => "live".to_owned(),
                    None => "not served".to_owned(),
                },
                table.lag_seconds.map_or_else(String::new, |lag| format!("{lag:.0} s")),
            ]
        }))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    for row in &rows {
        let [table, count, bytes, as_of, lag] = row;
        println!(
            "{table:<0$}  {count:>1$}  {bytes:>2$}  {as_of:<3$}  {lag:>4$}",
            widths[0], widths[1], widths[2], widths[3], widths[4]
        );
    }
    for table in tables {
        if let Some(error) = &table.error {
            println!("{error}");
        }
    }
}
