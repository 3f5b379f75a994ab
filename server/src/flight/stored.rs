//! The action that lists the stored queries: what they are called, what they do, take and give.

use std::sync::Arc;

use arrow_flight::Action;
use futures::StreamExt;
use rail_forge_planner::{Query, type_name};
use serde::Serialize;
use serde_json::Value;
use tonic::{Request, Response, Status};

use super::actions::{ActionStream, json};
use super::demands::Demands;
use super::handle::StatementHandle;
use super::service::Service;
use crate::authorisation::Rights;
use crate::stored_queries::Stored;

/// Answers one [`Listed`] for each stored query that the caller may ask.
pub(super) const LIST_ACTION: &str = "rail_forge.queries";

/// A stored query.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    name: &'a str,
    description: &'a str,
    parameters: Vec<ListedParameter<'a>>,
    /// None while it cannot be planned, because a table is not there for example.
    columns: Option<Vec<ListedColumn>>,
}

#[derive(Debug, Serialize)]
struct ListedParameter<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    type_name: &'a str,
    description: &'a str,
    required: bool,
    default: Option<&'a Value>,
}

#[derive(Debug, Serialize)]
struct ListedColumn {
    name: String,
    #[serde(rename = "type")]
    type_name: String,
}

pub(super) async fn list(service: &Service, request: &Request<Action>) -> Result<Response<ActionStream>, Status> {
    let rights = service.rights(request)?;
    let handle = StatementHandle::new(String::new(), service.choices(request)?);
    let query = handle.query(Demands::default(), &rights).await?;
    let mut listed = vec![];
    for (name, stored) in service.stored_queries.visible(&rights) {
        let columns = columns(service, name, stored, &query, &rights).await;
        let Stored { statement, description, notes, .. } = stored.as_ref();
        let parameters = statement.parameters().iter().zip(notes).map(|(parameter, notes)| ListedParameter {
            name: &parameter.name,
            type_name: &parameter.type_name,
            description: &notes.description,
            required: parameter.default.is_none(),
            default: notes.default.as_ref(),
        });
        listed.push(json(&Listed { name, description, parameters: parameters.collect(), columns })?);
    }
    Ok(Response::new(futures::stream::iter(listed.into_iter().map(Ok)).boxed()))
}

/// The columns of its result, as those of tables are called.
async fn columns(
    service: &Service,
    name: &str,
    stored: &Arc<Stored>,
    query: &Query,
    rights: &Rights,
) -> Option<Vec<ListedColumn>> {
    let asked = stored.asked_by(name, query.clone(), None, rights).ok()?;
    match service.engine.prepare(asked.query).await {
        Ok(prepared) => {
            let fields = prepared.schema.fields().iter();
            Some(fields.map(|field| ListedColumn { name: field.name().clone(), type_name: type_name(field) }).collect())
        }
        Err(error) => {
            // For a caller who may not read its tables, that is as it should be.
            tracing::debug!(%error, "the stored query {name} cannot be planned");
            None
        }
    }
}
