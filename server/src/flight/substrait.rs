//! Substrait plans. A plan is what another engine, or a library of data frames, makes of a query; here it becomes the
//! statement that says the same, which then goes the way of any statement: it is bound with PostgreSQL's meaning of each
//! function and type, and what holds for statements (rights, limits, results that are kept, fallback) holds for it.
//! Nothing that is not understood is passed over: it is refused by name, with the relation that it stands in.

mod aggregates;
mod calls;
mod expressions;
mod functions;
mod joins;
mod literal;
mod options;
mod proto;
mod refusal;
mod relations;
mod select;
mod subqueries;
#[cfg(test)]
mod tests;
mod translator;
mod type_name;
mod windows;

use std::ops::RangeInclusive;

use arrow_flight::Action;
use arrow_flight::sql::server::FlightSqlService;
use arrow_flight::sql::{Any, ProstMessageExt, SubstraitPlan};
use prost::Message;
use rail_forge_planner::MAX_SQL_BYTES;
use tonic::{Request, Response, Status};

use self::proto::{Plan, Version};
use self::refusal::{Refusal, Result};
use self::relations::refuse_enhancement;
use self::translator::Translator;
use super::actions::ActionStream;
use super::service::Service;
use super::session_actions::{body, one_result};
use super::status;

pub(super) const PREPARE_ACTION: &str = "CreatePreparedSubstraitPlan";

/// The versions of Substrait whose plans are taken. Before the first, nothing tells a fetch of no rows from one of all;
/// what plans of later ones than the last may say, nobody has looked at yet.
pub(super) const MIN_VERSION: &str = "0.47.0";
pub(super) const MAX_VERSION: &str = "0.108.0";
const MINOR_VERSIONS: RangeInclusive<u32> = 47..=108;

/// What prost says of a message whose parts nest deeper than 100 levels, as all implementations of protobuf do.
const NESTS_TOO_DEEP: &str = "recursion limit reached";

/// Answers [`PREPARE_ACTION`]. arrow-flight has the plan prepared and answers nothing, so that nobody has its handle.
pub(super) async fn prepare(
    service: &Service,
    request: Request<Action>,
) -> std::result::Result<Response<ActionStream>, Status> {
    let asked = body::<Any>(&request)?.unpack().ok().flatten();
    let asked = asked.ok_or_else(|| {
        Status::invalid_argument("the body is no ActionCreatePreparedSubstraitPlanRequest that can be read")
    })?;
    let prepared = service.do_action_create_prepared_substrait_plan(asked, request).await?;
    Ok(one_result(&prepared.as_any()))
}

/// The statement of a plan.
///
/// # Errors
/// Why the plan is not taken.
pub(super) fn statement(plan: Option<&SubstraitPlan>) -> std::result::Result<String, Status> {
    let written = match plan {
        Some(SubstraitPlan { plan, version }) => written(plan, version),
        None => Err(Refusal::invalid("there is no plan")),
    };
    written.map_err(|refusal| status::of_query(refusal.into()))
}

fn written(plan: &[u8], version: &str) -> Result<String> {
    if plan.len() > MAX_SQL_BYTES {
        return Err(Refusal::too_large(format!(
            "the Substrait plan has {} bytes; at most {MAX_SQL_BYTES} are read. Pass values as parameters",
            plan.len()
        )));
    }
    let plan = Plan::decode(plan).map_err(|error| match error.to_string() {
        text if text.contains(NESTS_TOO_DEEP) => Refusal::too_large("the Substrait plan nests too deep to be read"),
        text => Refusal::invalid(text),
    })?;
    let minor_version = checked_version(plan.version.as_ref(), version)?;
    refuse_enhancement(plan.advanced_extensions.as_ref())?;
    match plan.relations.as_slice() {
        [relation] => match &relation.root {
            Some(root) => Translator::of(&plan, minor_version).root(root),
            None => Err(Refusal::unsupported("a plan whose relation is no root")),
        },
        relations => Err(Refusal::unsupported(format!("a plan of {} relation trees; it is one", relations.len()))),
    }
}

/// The minor version that a plan says it is of, or else its sender. One of which nobody says any is read all the same.
fn checked_version(own: Option<&Version>, told: &str) -> Result<Option<u32>> {
    let of_sender = || {
        let mut numbers = told.split('.').map(|number| number.parse().ok());
        let [major, minor] = [numbers.next().flatten(), numbers.next().flatten()];
        Some((major?, minor?))
    };
    let version = match own {
        Some(&Version { major_number, minor_number, .. }) if (major_number, minor_number) != (0, 0) => {
            Some((major_number, minor_number))
        }
        _ if told.is_empty() => return Ok(None),
        _ => of_sender(),
    };
    match version {
        Some((0, minor)) if MINOR_VERSIONS.contains(&minor) => Ok(Some(minor)),
        Some((major, minor)) => Err(Refusal::unsupported(format!(
            "a plan of version {major}.{minor}; those of {MIN_VERSION} to {MAX_VERSION} are taken"
        ))),
        None => Err(Refusal::invalid(format!("{told:?} is no version of Substrait"))),
    }
}
