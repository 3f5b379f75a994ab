//! A Flight SQL client in Rust that knows nothing of RailForge: Arrow's own. It prints rows as lines of JSON.
//!
//! ```sh
//! flight_sql_client grpc://127.0.0.1:32010                       # the tables
//! flight_sql_client grpc://127.0.0.1:32010 'SELECT ...'
//! flight_sql_client grpc://127.0.0.1:32010 'SELECT ... $1' 42    # prepared, with numbers as parameters
//! ```
//!
//! It shows the token in `RAIL_FORGE_TOKEN`, or logs in with it as the user in `RAIL_FORGE_USER`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow_flight::FlightInfo;
use arrow_flight::sql::CommandGetTables;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::TryStreamExt;
use tonic::transport::{Channel, Endpoint};

type Client = FlightSqlServiceClient<Channel>;
type Failure = Box<dyn std::error::Error>;

async fn connect(url: &str, user: Option<String>, token: Option<String>) -> Result<Client, Failure> {
    let channel = Endpoint::new(url.replace("grpc://", "http://"))?.connect().await?;
    let mut client = FlightSqlServiceClient::new(channel);
    match (user, token) {
        (Some(user), Some(token)) => drop(client.handshake(&user, &token).await?),
        (None, Some(token)) => client.set_token(token),
        (_, None) => {}
    }
    Ok(client)
}

async fn read(client: &mut Client, info: FlightInfo) -> Result<Vec<RecordBatch>, Failure> {
    let mut batches = Vec::new();
    for endpoint in info.endpoint {
        let ticket = endpoint.ticket.ok_or("an endpoint without a ticket")?;
        batches.extend(client.do_get(ticket).await?.try_collect::<Vec<_>>().await?);
    }
    Ok(batches)
}

async fn query(client: &mut Client, sql: String) -> Result<Vec<RecordBatch>, Failure> {
    let info = client.execute(sql, None).await?;
    read(client, info).await
}

async fn query_with(client: &mut Client, sql: String, numbers: &[i64]) -> Result<Vec<RecordBatch>, Failure> {
    let mut statement = client.prepare(sql, None).await?;
    let columns = numbers.iter().enumerate().map(|(index, number)| {
        let value: ArrayRef = Arc::new(Int64Array::from(vec![*number]));
        (format!("${}", index + 1), value)
    });
    statement.set_parameters(RecordBatch::try_from_iter(columns)?)?;
    let info = statement.execute().await?;
    let batches = read(client, info).await?;
    statement.close().await?;
    Ok(batches)
}

async fn tables(client: &mut Client) -> Result<Vec<RecordBatch>, Failure> {
    let info = client.get_tables(CommandGetTables::default()).await?;
    read(client, info).await
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("give the server's address")?;
    let sql = arguments.next();
    let numbers = arguments.map(|number| number.parse()).collect::<Result<Vec<i64>, _>>()?;
    let variable = |name: &str| std::env::var(name).ok();
    let mut client = connect(&url, variable("RAIL_FORGE_USER"), variable("RAIL_FORGE_TOKEN")).await?;
    let batches = match sql {
        None => tables(&mut client).await?,
        Some(sql) if numbers.is_empty() => query(&mut client, sql).await?,
        Some(sql) => query_with(&mut client, sql, &numbers).await?,
    };
    let mut writer = arrow_json::LineDelimitedWriter::new(std::io::stdout().lock());
    for batch in &batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    Ok(())
}
